//! Depth edges made sharp: ramps become steps.
//!
//! Networks draw a depth edge as a ramp several pixels wide, and seldom quite
//! where the picture has it. Torn apart, blurred or moved as it is, a ramp would
//! smear the rim of the object over its background. So ramps become steps first,
//! and near sides grow a little, that the soft rim of an object stays with the
//! object.

use rayon::prelude::*;

use crate::image::filter::{dilate_plane, erode_plane};

/// A ramp has at least this share of the range of depth in twice its
/// neighbourhood; a slope, which must not become stairs, has half of it.
const EDGE_SHARE: f32 = 0.65;
/// What is this near to an end of a ramp, as a share of it, shows the end's colours.
const END: f32 = 0.25;
/// How much the place on the ramp counts beside the colours.
const PLACE_SHARE: f32 = 0.35;
/// From where on a pixel goes to the near side: in doubt it does.
const NEAR: f32 = 0.45;
/// Colours this far apart, as a squared difference, are half as alike as equal ones.
const UNLIKE: f32 = 300.0;

/// The smallest squared difference between the mean colours of the two sides of
/// an edge. Where they are alike it is not known where the edge lies, and a
/// surface that is stretched looks better than one torn in the wrong place.
const LEAST_CONTRAST: f32 = 600.0;

/// The part of a ramp, counted from its far end, that goes to the far side where
/// the colours are not asked.
const FAR_SHARE: f32 = 0.3;

/// Turns ramps into steps by depth alone, and only strong ones: what is left
/// smooth blurs and moves smoothly. Steps are higher than `jump`; `plane` has
/// rows of `width` values.
pub(crate) fn sharpen(plane: &mut Vec<f32>, width: usize, jump: f32) {
    let radius = width.div_ceil(300).max(2);
    for _ in 0..2 {
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
    grow(plane, width);
}

/// Turns ramps into steps where the colours change from those of the near side
/// to those of the far side. A ramp is where values that are near to each other
/// differ by more than `jump`, unless they go on changing beyond, or the colours
/// do not. `plane` and `colours` have rows of `width` values.
pub(crate) fn sharpen_by_colour<const C: usize>(
    plane: &mut Vec<f32>,
    colours: &[[u8; C]],
    width: usize,
    jump: f32,
) {
    let radius = width.div_ceil(120).max(2);
    let (low, high) = (
        erode_plane(plane, width, radius),
        dilate_plane(plane, width, radius),
    );
    let (lowest, highest) = (
        erode_plane(&low, width, radius),
        dilate_plane(&high, width, radius),
    );
    let ramps = Ramps {
        plane,
        colours,
        width,
        radius,
    };
    let stepped = (0..plane.len())
        .into_par_iter()
        .with_min_len(width)
        .map(|i| {
            let (low, high, range) = (low[i], high[i], high[i] - low[i]);
            if range <= jump || range < EDGE_SHARE * (highest[i] - lowest[i]) {
                plane[i]
            } else {
                match ramps.is_near(i, low, range) {
                    Some(true) => high,
                    Some(false) => low,
                    None => plane[i],
                }
            }
        })
        .collect();
    *plane = stepped;
    grow(plane, width);
}

/// Lets near sides grow a little.
fn grow(plane: &mut Vec<f32>, width: usize) {
    *plane = dilate_plane(plane, width, 1 + width / 1500);
}

struct Ramps<'a, const C: usize> {
    plane: &'a [f32],
    colours: &'a [[u8; C]],
    width: usize,
    radius: usize,
}

impl<const C: usize> Ramps<'_, C> {
    /// Whether a pixel on a ramp belongs to its near side: by its place on the
    /// ramp, and by how alike it is to the pixels around it that are clearly on
    /// one side. Nothing if both sides look alike.
    fn is_near(&self, i: usize, low: f32, range: f32) -> Option<bool> {
        let place = (self.plane[i] - low) / range;
        let (x, y, height) = (i % self.width, i / self.width, self.plane.len() / self.width);
        let reach = self.radius + 1;
        // Likeness, number and colours of the pixels on the far and on the near side.
        let mut sides = [(0.0f32, 0.0f32, [0.0f32; C]); 2];
        for row in y.saturating_sub(reach)..(y + reach + 1).min(height) {
            for column in x.saturating_sub(reach)..(x + reach + 1).min(self.width) {
                let j = row * self.width + column;
                let other = (self.plane[j] - low) / range;
                let side = if other <= END {
                    0
                } else if other >= 1.0 - END {
                    1
                } else {
                    continue;
                };
                let mut difference = 0.0;
                for c in 0..C {
                    let d = f32::from(self.colours[i][c]) - f32::from(self.colours[j][c]);
                    difference += d * d;
                }
                let likeness = UNLIKE / (UNLIKE + difference);
                sides[side].0 += likeness * likeness;
                sides[side].1 += 1.0;
                for c in 0..C {
                    sides[side].2[c] += f32::from(self.colours[j][c]);
                }
            }
        }
        let [far, near] = sides.map(|(_, count, sums)| sums.map(|sum| sum / count.max(1.0)));
        let contrast: f32 = far.iter().zip(near).map(|(far, near)| (far - near).powi(2)).sum();
        if contrast < LEAST_CONTRAST {
            return None;
        }
        let [far, near] = sides.map(|(likeness, count, _)| likeness / count.max(1.0));
        let by_colour = if far + near > 0.0 {
            near / (far + near)
        } else {
            place
        };
        Some(PLACE_SHARE * place + (1.0 - PLACE_SHARE) * by_colour > NEAR)
    }
}
