//! Depth edges as steps.
//!
//! A network draws a depth edge as a ramp several pixels wide; blurred or moved
//! as it is, it would smear the rim of an object over its background. Ramps
//! become steps here by depth alone, and only strong ones: what is left smooth
//! blurs and moves smoothly. (The fill of `stereo` asks the picture as well.)

use rayon::prelude::*;

use crate::image::filter::{dilate_plane, erode_plane};

/// The part of a ramp, counted from its far end, that goes to the far side.
const FAR_SHARE: f32 = 0.3;

/// Turns ramps into steps, and lets near sides grow a little, that the soft rim
/// of an object stays with the object. Steps are higher than `jump`.
pub(super) fn step(plane: &mut Vec<f32>, width: usize, jump: f32) {
    let radius = width.div_ceil(300).max(2);
    sharpen(plane, width, radius, jump);
    sharpen(plane, width, radius, jump);
    *plane = dilate_plane(plane, width, 1 + width / 1500);
}

/// Turns ramps into steps. A ramp is where values within `radius` pixels differ
/// by more than `jump`. `plane` has rows of `width` values.
fn sharpen(plane: &mut Vec<f32>, width: usize, radius: usize, jump: f32) {
    let low = erode_plane(plane, width, radius);
    let high = dilate_plane(plane, width, radius);
    plane
        .par_iter_mut()
        .zip(low)
        .zip(high)
        .for_each(|((value, low), high)| {
            if high - low > jump {
                *value = if *value - low > FAR_SHARE * (high - low) {
                    high
                } else {
                    low
                };
            }
        });
}
