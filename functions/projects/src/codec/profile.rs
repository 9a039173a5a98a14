//! Colour profiles (ICC).

use moxcms::ColorProfile;

/// Returns the sRGB value of each value of a grey image with this profile. Returns `None` if the profile cannot be read, as
/// browsers then ignore it.
pub(super) fn grey_to_srgb(profile: &[u8]) -> Option<[u8; 256]> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let curve = profile.gray_trc?.make_linear_evaluator().ok()?;
    let mut values = [0; 256];
    for (value, grey) in values.iter_mut().zip(0..=u8::MAX) {
        *value = srgb(curve.evaluate_value(f32::from(grey) / 255.0));
    }
    Some(values)
}

/// Encodes an intensity from 0 to 1 as sRGB (IEC 61966-2-1).
fn srgb(linear: f32) -> u8 {
    let encoded = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is from 0 to 255"
    )]
    let value = (encoded.clamp(0.0, 1.0) * 255.0).round() as u8;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intensities_are_encoded_as_srgb() {
        for (linear, value) in [
            (-1.0, 0),
            (0.0, 0),
            (0.002, 7),
            (0.214, 127),
            (1.0, 255),
            (2.0, 255),
        ] {
            assert_eq!(srgb(linear), value, "{linear}");
        }
    }

    #[test]
    fn a_profile_that_cannot_be_read_is_ignored() {
        let colours = ColorProfile::new_srgb().encode().unwrap();
        for profile in [&b""[..], &[0; 200], &colours] {
            assert_eq!(grey_to_srgb(profile), None);
        }
    }
}
