//! Depth maps made to measure: cut, bent, turned over, smoothed.

use ndarray::Array2;

use super::clip::Clip;
use super::map::DepthMap;
use super::percentile::percentiles;
use crate::image::filter::gaussian_blur;
use crate::{Error, Result};

/// What is done to a depth map, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adjust {
    /// Stretches to the full range first. Without that, values are nearness in
    /// 0..1 already (what lies outside is clamped), as for the frames of a video,
    /// which must stay comparable.
    pub normalize: bool,
    /// Cuts off what is too far and too near.
    pub clip: Option<Clip>,
    /// Nearness is raised to one over this power, 0.05 to 20: above 1 lifts the
    /// background, below 1 pushes it back.
    pub gamma: f32,
    /// Turns near and far around.
    pub invert: bool,
    /// Sigma of a Gaussian blur in pixels, 0 to 200; 0 for none.
    pub blur: f32,
}

impl Default for Adjust {
    /// Nothing but the stretching.
    fn default() -> Self {
        Self {
            normalize: true,
            clip: None,
            gamma: 1.0,
            invert: false,
            blur: 0.0,
        }
    }
}

/// The nearness of a depth map, `[H, W]` in 0..1 with near = 1, adjusted.
///
/// A flat map that is stretched is 0 everywhere, 1 if inverted. A cut whose
/// ends meet leaves a mask.
///
/// # Errors
/// [`Error::Invalid`] for numbers out of range, ends of the clip that make no
/// sense, and depth without pixels or with values that are not finite.
pub fn adjust(depth: &DepthMap, options: &Adjust) -> Result<Array2<f32>> {
    for (name, value, low, high) in [
        ("gamma", options.gamma, 0.05, 20.0),
        ("blur", options.blur, 0.0, 200.0),
    ] {
        if !(low..=high).contains(&value) {
            return Err(Error::invalid(format!(
                "the {name} of the depth is {value}; give a number from {low} to {high}"
            )));
        }
    }
    let stretched = depth.nearness()?;
    let mut nearness = if options.normalize {
        stretched
    } else {
        depth.values().mapv(|n| n.clamp(0.0, 1.0))
    };
    if let Some(clip) = options.clip {
        clip.check()?;
        let (far, near) = clip.ends();
        let [far, near] = match clip {
            Clip::Range { .. } => [far, near],
            Clip::Outliers { .. } => {
                percentiles(nearness.view(), [far * 100.0, near * 100.0]).unwrap_or([0.0, 1.0])
            }
        }
        .map(|end| end as f32);
        nearness.mapv_inplace(|n| {
            if near > far {
                ((n - far) / (near - far)).clamp(0.0, 1.0)
            } else {
                f32::from(n > far || (n == far && far > 0.0))
            }
        });
    }
    if options.gamma != 1.0 {
        let power = 1.0 / options.gamma;
        nearness.par_mapv_inplace(|n| n.powf(power));
    }
    if options.invert {
        nearness.mapv_inplace(|n| 1.0 - n);
    }
    if options.blur > 0.0 {
        let size = 2 * (3.0 * options.blur).ceil() as usize + 1;
        nearness = gaussian_blur(nearness.view(), size, options.blur.into())?;
    }
    Ok(nearness)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depth::DepthKind;
    use ndarray::array;

    fn adjusted(options: Adjust) -> Result<Vec<f32>> {
        let depth = DepthMap::new(array![[0.0, 1.0, 2.0, 4.0]], DepthKind::Inverse);
        Ok(adjust(&depth, &options)?.into_raw_vec_and_offset().0)
    }

    #[test]
    fn every_step_does_what_it_says() -> Result<()> {
        let none = Adjust::default();
        assert_eq!(adjusted(none)?, [0.0, 0.25, 0.5, 1.0]);
        let normalize = false;
        assert_eq!(adjusted(Adjust { normalize, ..none })?, [0.0, 1.0, 1.0, 1.0]);
        let clip = Some(Clip::Range {
            far: 0.25,
            near: 0.75,
        });
        assert_eq!(adjusted(Adjust { clip, ..none })?, [0.0, 0.0, 0.5, 1.0]);
        let clip = Some(Clip::Outliers { far: 0.0, near: 0.5 });
        assert_eq!(adjusted(Adjust { clip, ..none })?, [0.0, 0.25 / 0.375, 1.0, 1.0]);
        let clip = Some(Clip::Range { far: 0.5, near: 0.5 });
        assert_eq!(adjusted(Adjust { clip, ..none })?, [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(adjusted(Adjust { invert: true, ..none })?, [1.0, 0.75, 0.5, 0.0]);
        assert_eq!(adjusted(Adjust { gamma: 2.0, ..none })?[1], 0.5);
        let blurred = adjusted(Adjust { blur: 1.0, ..none })?;
        assert!(blurred[0] > 0.0 && blurred[3] < 1.0);
        for wrong in [
            Adjust { gamma: 0.0, ..none },
            Adjust { blur: -1.0, ..none },
            Adjust {
                blur: f32::NAN,
                ..none
            },
        ] {
            assert!(adjusted(wrong).is_err());
        }
        Ok(())
    }
}
