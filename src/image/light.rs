//! Between sRGB bytes and linear light (IEC 61966-2-1).

use std::sync::LazyLock;

/// Steps of the table that linear light is encoded with.
const STEPS: usize = 1 << 14;

/// Linear light of the sRGB value `value` (IEC 61966-2-1), 0 to 1.
pub(crate) fn decode(value: u8) -> f32 {
    static LIGHT: LazyLock<[f32; 256]> = LazyLock::new(|| {
        std::array::from_fn(|value| {
            let v = value as f64 / 255.0;
            let light = if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            };
            light as f32
        })
    });
    LIGHT[usize::from(value)]
}

/// The sRGB value of linear light; what is out of 0 to 1 is clamped.
pub(crate) fn encode(light: f32) -> u8 {
    static VALUE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..=STEPS)
            .map(|step| {
                let light = step as f64 / STEPS as f64;
                let v = if light <= 0.0031308 {
                    light * 12.92
                } else {
                    1.055 * light.powf(1.0 / 2.4) - 0.055
                };
                (v * 255.0).round() as u8
            })
            .collect()
    });
    let step = (light.clamp(0.0, 1.0) * STEPS as f32 + 0.5) as usize;
    VALUE.get(step).copied().unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        assert!((0..=u8::MAX).all(|value| encode(decode(value)) == value));
    }
}
