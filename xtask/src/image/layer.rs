//! The image's only layer: the program, the certificates of the public authorities, and a user.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Path of the program.
pub const PROGRAM: &str = "/codecave";
/// Path of the certificates, where the TLS libraries look for them.
pub const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The user and the group that the program runs as.
pub const USER: u32 = 10001;

/// The files of the layer as a tar archive, and compressed.
pub struct Layer {
    pub archive: Vec<u8>,
    pub compressed: Vec<u8>,
}

impl Layer {
    /// Makes the layer. The same program always gives the same bytes: all files have the same time and the same owner.
    pub fn new(program: Vec<u8>) -> anyhow::Result<Self> {
        let mut files = Builder::new(Vec::new());
        for folder in ["etc/", "etc/ssl/", "etc/ssl/certs/"] {
            add(&mut files, EntryType::Directory, folder, 0o755, &[])?;
        }
        let user = format!("codecave:x:{USER}:{USER}::/:/\n");
        let group = format!("codecave:x:{USER}:\n");
        for (path, mode, content) in [
            (CERTIFICATES, 0o644, certificates().into_bytes()),
            ("/etc/group", 0o644, group.into_bytes()),
            // Without this file, the C library's order of files and DNS depends on its version.
            ("/etc/nsswitch.conf", 0o644, b"hosts: files dns\n".to_vec()),
            ("/etc/passwd", 0o644, user.into_bytes()),
            (PROGRAM, 0o755, program),
        ] {
            let path = path.trim_start_matches('/');
            add(&mut files, EntryType::Regular, path, mode, &content)?;
        }
        let archive = files.into_inner()?;
        // The header of gzip has neither a time nor a name.
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
        std::io::Write::write_all(&mut gzip, &archive)?;
        Ok(Self {
            archive,
            compressed: gzip.finish()?,
        })
    }
}

/// Adds a file that belongs to root, so that the program's user cannot change it.
pub fn add(
    archive: &mut Builder<Vec<u8>>,
    kind: EntryType,
    path: &str,
    mode: u32,
    content: &[u8],
) -> anyhow::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len().try_into()?);
    archive.append_data(&mut header, path, content)?;
    Ok(())
}

/// Mozilla's authorities as PEM. `Cargo.lock` fixes their version, so every machine builds the same file.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in TLS_SERVER_ROOT_CERTS {
        text += "-----BEGIN CERTIFICATE-----\n";
        let encoded = BASE64_STANDARD.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            text += &String::from_utf8_lossy(line);
            text.push('\n');
        }
        let _ = writeln!(text, "-----END CERTIFICATE-----");
    }
    text
}
