//! Masks of what lies in a range of depth.

use ndarray::Array2;

use super::{Relief, within};
use crate::{Error, Result};

/// A range of nearness, 0 (farthest) to 1 (nearest).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthMask {
    /// Far end of the range.
    pub far: f32,
    /// Near end of the range.
    pub near: f32,
    /// How far beyond both ends the mask fades out, in nearness.
    pub feather: f32,
    /// Whether the mask is of what lies outside.
    pub invert: bool,
}

impl Default for DepthMask {
    /// The nearer half, with a soft end.
    fn default() -> Self {
        Self {
            far: 0.5,
            near: 1.0,
            feather: 0.05,
            invert: false,
        }
    }
}

/// The mask of a range of depth, `[H, W]`: 1 inside, 0 beyond the feather, a
/// smooth step between.
///
/// # Errors
/// [`Error::Invalid`] for numbers out of 0..1 and ends the wrong way round.
pub fn depth_mask(relief: &Relief, options: &DepthMask) -> Result<Array2<f32>> {
    let DepthMask {
        far,
        near,
        feather,
        invert,
    } = *options;
    for (name, value) in [("far end", far), ("near end", near), ("feather", feather)] {
        within(&format!("the {name} of the depth mask"), value.into(), 0.0, 1.0)?;
    }
    if far > near {
        return Err(Error::invalid(format!(
            "the far end of the depth mask, {far}, is above the near end, {near}; swap them, or invert the mask"
        )));
    }
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
