//! Depth edges as steps.
//!
//! A network draws a depth edge as a ramp several pixels wide; blurred or moved
//! as it is, it would smear the rim of an object over its background. Ramps
//! become steps here by depth alone, and only strong ones: what is left smooth
//! blurs and moves smoothly. (The fill of `stereo` asks the picture as well.)

use rayon::prelude::*;

/// The part of a ramp, counted from its far end, that goes to the far side.
const FAR_SHARE: f32 = 0.3;

/// Turns ramps into steps, and lets near sides grow a little, that the soft rim
/// of an object stays with the object. Steps are higher than `jump`.
pub(super) fn step(plane: &mut Vec<f32>, width: usize, jump: f32) {
    let radius = width.div_ceil(300).max(2);
    sharpen(plane, width, radius, jump);
    sharpen(plane, width, radius, jump);
    dilate(plane, width, 1 + width / 1500);
}

/// Turns ramps into steps. A ramp is where values within `radius` pixels differ
/// by more than `jump`. `plane` has rows of `width` values.
fn sharpen(plane: &mut Vec<f32>, width: usize, radius: usize, jump: f32) {
    let low = filter(plane, width, radius, f32::min);
    let high = filter(plane, width, radius, f32::max);
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

/// Lets the larger values grow by `radius` pixels.
fn dilate(plane: &mut Vec<f32>, width: usize, radius: usize) {
    *plane = filter(plane, width, radius, f32::max);
}

/// The minimum or maximum in a square of `2 * radius + 1` pixels.
fn filter(plane: &[f32], width: usize, radius: usize, pick: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let mut rows = vec![0.0; plane.len()];
    rows.par_chunks_mut(width)
        .zip(plane.par_chunks(width))
        .for_each(|(out, row)| {
            for (x, value) in out.iter_mut().enumerate() {
                let window = &row[x.saturating_sub(radius)..(x + radius + 1).min(width)];
                *value = window.iter().copied().reduce(&pick).unwrap_or_default();
            }
        });
    let height = plane.len() / width;
    let mut out = vec![0.0; plane.len()];
    out.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let (first, last) = (y.saturating_sub(radius), (y + radius).min(height - 1));
        out.copy_from_slice(&rows[first * width..][..width]);
        for y in first + 1..=last {
            for (value, &other) in out.iter_mut().zip(&rows[y * width..][..width]) {
                *value = pick(*value, other);
            }
        }
    });
    out
}
