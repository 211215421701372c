//! Depth maps made to measure: cut, bent, turned over, smoothed.

use ndarray::Array2;

use super::clip::{ClipMode, ClipOptions};
use super::map::DepthMap;
use super::percentile::percentiles;
use crate::Result;
use crate::image::filter::gaussian_blur;
use crate::options::options;

options! {
    /// What is done to a depth map: stretched, clipped, then as follows in this order.
    #[derive(Copy)]
    pub struct AdjustOptions("adjust", _) {
        /// Stretch to the full range first.
        ///
        /// Without that, values are nearness in 0..1 already (what lies outside is
        /// clamped), as for the frames of a video, which must stay comparable.
        normalize: bool = true;
        /// Nearness is raised to one over this power: above 1 lifts the background, below 1 pushes it back.
        gamma: f32 = 1.0, least(0.05), most(20.0);
        /// Turn near and far around.
        invert: bool = false;
        /// Sigma of a Gaussian blur in pixels; 0 for none.
        blur: f32 = 0.0, least(0.0), most(200.0);
    }
    and {
        /// Cuts off what is too far and too near.
        clip: Option<ClipOptions> = None;
    }
}

/// The nearness of a depth map, `[H, W]` in 0..1 with near = 1, adjusted.
///
/// A flat map that is stretched is 0 everywhere, 1 if inverted. A cut whose
/// ends meet leaves a mask.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for numbers out of range, ends of the clip that make no
/// sense, and depth without pixels or with values that are not finite.
pub fn adjust(depth: &DepthMap, options: &AdjustOptions) -> Result<Array2<f32>> {
    options.check()?;
    let stretched = depth.nearness()?;
    let mut nearness = if options.normalize {
        stretched
    } else {
        depth.values().mapv(|n| n.clamp(0.0, 1.0))
    };
    if let Some(clip) = options.clip {
        clip.check()?;
        let ClipOptions { mode, far, near } = clip;
        let [far, near] = match mode {
            ClipMode::Range => [far, near],
            ClipMode::Outliers => {
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

    fn adjusted(options: AdjustOptions) -> Result<Vec<f32>> {
        let depth = DepthMap::new(array![[0.0, 1.0, 2.0, 4.0]], DepthKind::Inverse);
        Ok(adjust(&depth, &options)?.into_raw_vec_and_offset().0)
    }

    #[test]
    fn every_step_does_what_it_says() -> Result<()> {
        let none = AdjustOptions::default();
        assert_eq!(adjusted(none)?, [0.0, 0.25, 0.5, 1.0]);
        let normalize = false;
        assert_eq!(
            adjusted(AdjustOptions { normalize, ..none })?,
            [0.0, 1.0, 1.0, 1.0]
        );
        for (mode, far, near, wanted) in [
            (ClipMode::Range, 0.25, 0.75, [0.0, 0.0, 0.5, 1.0]),
            (ClipMode::Outliers, 0.0, 0.5, [0.0, 0.25 / 0.375, 1.0, 1.0]),
            (ClipMode::Range, 0.5, 0.5, [0.0, 0.0, 1.0, 1.0]),
        ] {
            let clip = Some(ClipOptions { mode, far, near });
            assert_eq!(adjusted(AdjustOptions { clip, ..none })?, wanted);
        }
        assert_eq!(
            adjusted(AdjustOptions { invert: true, ..none })?,
            [1.0, 0.75, 0.5, 0.0]
        );
        assert_eq!(adjusted(AdjustOptions { gamma: 2.0, ..none })?[1], 0.5);
        let blurred = adjusted(AdjustOptions { blur: 1.0, ..none })?;
        assert!(blurred[0] > 0.0 && blurred[3] < 1.0);
        for wrong in [
            AdjustOptions { gamma: 0.0, ..none },
            AdjustOptions { blur: -1.0, ..none },
            AdjustOptions {
                blur: f32::NAN,
                ..none
            },
        ] {
            assert!(adjusted(wrong).is_err());
        }
        Ok(())
    }
}
