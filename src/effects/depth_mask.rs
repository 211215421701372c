//! Masks of what lies in a range of depth.

use ndarray::Array2;

use super::Relief;
use crate::options::{Called, options};
use crate::{Error, Result};

options! {
    /// A range of nearness, 0 (farthest) to 1 (nearest).
    #[derive(Copy)]
    pub struct DepthMaskOptions("depth_mask", "depth_mask_") {
        /// Of the range: 0 the farthest point, 1 the nearest.
        far: f32 = 0.5, least(0.0), most(1.0);
        /// Of the range.
        near: f32 = 1.0, least(0.0), most(1.0);
        /// How far beyond both ends the mask fades out.
        feather: f32 = 0.05, least(0.0), most(1.0);
        /// Mask what lies outside the range.
        invert: bool = false;
    }
    rules DepthMaskOptions::ends_in_order;
}

impl DepthMaskOptions {
    fn ends_in_order(&self, called: Called<'_>) -> Result<()> {
        let Self { far, near, .. } = self;
        if far <= near {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the far end of the depth mask, {far}, is above the near end, {near}; swap them, or use {} for what lies \
             outside",
            called("invert")
        )))
    }
}

/// The mask of a range of depth, `[H, W]`: 1 inside, 0 beyond the feather, a
/// smooth step between.
///
/// # Errors
/// [`Error::Invalid`] for numbers out of 0..1 and ends the wrong way round.
pub fn depth_mask(relief: &Relief, options: &DepthMaskOptions) -> Result<Array2<f32>> {
    options.check()?;
    let DepthMaskOptions {
        far,
        near,
        feather,
        invert,
    } = *options;
    Ok(relief.nearness().mapv(|n| {
        let beyond = (far - n).max(n - near).max(0.0);
        let inside = if beyond == 0.0 {
            1.0
        } else if beyond >= feather {
            0.0
        } else {
            smooth_step(1.0 - beyond / feather)
        };
        if invert { 1.0 - inside } else { inside }
    }))
}

/// From 0 to 1 without a corner at the ends; clamped.
pub(super) fn smooth_step(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
