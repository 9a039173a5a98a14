//! The certificate authorities of RDS, which are not among the public ones.

/// The root certificates RSA2048 G1 of all regions, which sign the certificates of instances by default. RDS Proxy has
/// certificates of a public authority.
///
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>
const RDS: &str = include_str!("rds.pem");

const END: &str = "-----END CERTIFICATE-----\n";

/// Returns the authority of the region that a host of RDS is in.
pub(super) fn of_rds_host(host: &str) -> Option<&'static str> {
    let region = host
        .strip_suffix(".rds.amazonaws.com")?
        .rsplit('.')
        .next()?;
    let title = format!("# Amazon RDS {region} Root CA RSA2048 G1,");
    let (_, certificate) = RDS.split_once(&title)?;
    let (_, certificate) = certificate.split_once('\n')?;
    let end = certificate.find(END)? + END.len();
    Some(&certificate[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_rds_has_the_authority_of_its_region() {
        let frankfurt =
            of_rds_host("codecave.cluster-c1abc.eu-central-1.rds.amazonaws.com").unwrap();
        let ireland = of_rds_host("codecave.c1abc.eu-west-1.rds.amazonaws.com").unwrap();

        assert_ne!(frankfurt, ireland);
        for certificate in [frankfurt, ireland] {
            assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
            assert_eq!(certificate.matches("-----").count(), 4);
        }
        assert_eq!(of_rds_host("db.example.com"), None);
        assert_eq!(of_rds_host("db.mars-1.rds.amazonaws.com"), None);
        assert_eq!(of_rds_host("rds.amazonaws.com"), None);
    }
}
