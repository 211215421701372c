//! The fast guided filter: models linear in colour, fitted on a grid, applied
//! at the photo's size.

use ndarray::{Array2, Array3, ArrayView3, Zip, s};
use rayon::prelude::*;

use crate::Result;
use crate::image::filter::box_blur;

/// What a grid point says about the pixels around it.
#[derive(Clone, Copy, Default)]
struct Model {
    /// Value per unit of red, green and blue (`0..=255`), and the value of black.
    affine: [f32; 4],
    /// The smallest and largest value allowed.
    bounds: [f32; 2],
}

impl Model {
    #[inline(always)]
    fn lerp(&self, other: &Self, t: f32) -> Self {
        let mut mixed = *self;
        for (a, b) in mixed.affine.iter_mut().zip(&other.affine) {
            *a += t * (b - *a);
        }
        for (a, b) in mixed.bounds.iter_mut().zip(&other.bounds) {
            *a += t * (b - *a);
        }
        mixed
    }

    #[inline(always)]
    fn of(&self, [red, green, blue]: [u8; 3]) -> f32 {
        let [a, b, c, black] = self.affine;
        let value = a * f32::from(red) + b * f32::from(green) + c * f32::from(blue) + black;
        value.max(self.bounds[0]).min(self.bounds[1])
    }
}

/// `plane`, which lies on the grid of `guide`, at the size of `photo`.
///
/// Each pixel gets what its colour is worth in the models around it, but
/// nothing beyond the smallest and largest value of `plane` nearby.
pub(super) fn upsample(
    plane: &Array2<f32>,
    guide: &Array3<f32>,
    photo: ArrayView3<'_, u8>,
    radius: usize,
    flatness: f32,
) -> Result<Array2<f32>> {
    let (rows, columns) = plane.dim();
    let (height, width, _) = photo.dim();
    let models = models(plane, guide, radius, flatness)?;
    let (down, across) = (taps(rows, height), taps(columns, width));
    let photo = photo.as_standard_layout();
    let mut out = Array2::zeros((height, width));
    if let (Some(out), Some(photo)) = (out.as_slice_mut(), photo.as_slice()) {
        let (pixels, _) = photo.as_chunks::<3>();
        out.par_chunks_exact_mut(width)
            .zip(pixels.par_chunks_exact(width))
            .zip(&down)
            .for_each_init(
                || vec![Model::default(); columns],
                |line, ((out, pixels), tap)| {
                    let (low, high) = (&models[tap.low * columns..], &models[tap.high * columns..]);
                    for ((line, low), high) in line.iter_mut().zip(low).zip(high) {
                        *line = low.lerp(high, tap.t);
                    }
                    for ((out, &pixel), tap) in out.iter_mut().zip(pixels).zip(&across) {
                        *out = line[tap.low].lerp(&line[tap.high], tap.t).of(pixel);
                    }
                },
            );
    }
    Ok(out)
}

/// The guided filter's models (He et al. 2013, the colour case), row by row.
fn models(plane: &Array2<f32>, guide: &Array3<f32>, radius: usize, flatness: f32) -> Result<Vec<Model>> {
    let (rows, columns) = plane.dim();
    let window = 2 * radius + 1;
    // Red, green, blue, value; value times each colour; colours times each other.
    let mut moments = Array3::zeros((rows, columns, 13));
    Zip::from(moments.lanes_mut(ndarray::Axis(2)))
        .and(guide.lanes(ndarray::Axis(2)))
        .and(plane)
        .for_each(|mut moments, color, &value| {
            let (r, g, b) = (color[0], color[1], color[2]);
            let all = [
                r,
                g,
                b,
                value,
                r * value,
                g * value,
                b * value,
                r * r,
                r * g,
                r * b,
                g * g,
                g * b,
                b * b,
            ];
            for (moment, value) in moments.iter_mut().zip(all) {
                *moment = value;
            }
        });
    let moments = box_blur(moments.view(), window)?;
    let mut affine = Array3::zeros((rows, columns, 4));
    Zip::from(affine.lanes_mut(ndarray::Axis(2)))
        .and(moments.lanes(ndarray::Axis(2)))
        .for_each(|mut affine, m| {
            let (r, g, b, value) = (m[0], m[1], m[2], m[3]);
            let slopes = solve(
                [
                    m[7] - r * r + flatness,
                    m[8] - r * g,
                    m[9] - r * b,
                    m[10] - g * g + flatness,
                    m[11] - g * b,
                    m[12] - b * b + flatness,
                ],
                [m[4] - r * value, m[5] - g * value, m[6] - b * value],
            );
            let black = value - slopes[0] * r - slopes[1] * g - slopes[2] * b;
            for (affine, value) in affine.iter_mut().zip([slopes[0], slopes[1], slopes[2], black]) {
                *affine = value;
            }
        });
    let affine = box_blur(affine.view(), window)?;
    Ok(ndarray::indices((rows, columns))
        .into_iter()
        .map(|(y, x)| {
            let near = plane.slice(s![
                y.saturating_sub(1)..(y + 2).min(rows),
                x.saturating_sub(1)..(x + 2).min(columns)
            ]);
            let slope = |channel: usize| affine[[y, x, channel]] / 255.0;
            Model {
                affine: [slope(0), slope(1), slope(2), affine[[y, x, 3]]],
                bounds: [
                    near.fold(f32::INFINITY, |a, &b| a.min(b)),
                    near.fold(f32::NEG_INFINITY, |a, &b| a.max(b)),
                ],
            }
        })
        .collect())
}

/// Solves the symmetric, positive definite system `[[a, b, c], [b, d, e], [c, e, f]] x = rhs`.
fn solve([a, b, c, d, e, f]: [f32; 6], rhs: [f32; 3]) -> [f32; 3] {
    let [a, b, c, d, e, f] = [a, b, c, d, e, f].map(f64::from);
    let [p, q, r] = rhs.map(f64::from);
    let minors = [d * f - e * e, c * e - b * f, b * e - c * d];
    let determinant = a * minors[0] + b * minors[1] + c * minors[2];
    let x = minors[0] * p + minors[1] * q + minors[2] * r;
    let y = minors[1] * p + (a * f - c * c) * q + (b * c - a * e) * r;
    let z = minors[2] * p + (b * c - a * e) * q + (a * d - b * b) * r;
    [x, y, z].map(|value| (value / determinant) as f32)
}

/// Which two grid points a pixel lies between, and how far from the first.
struct Tap {
    low: usize,
    high: usize,
    t: f32,
}

fn taps(inputs: usize, outputs: usize) -> Vec<Tap> {
    let scale = inputs as f64 / outputs as f64;
    (0..outputs)
        .map(|output| {
            let place = ((output as f64 + 0.5) * scale - 0.5).clamp(0.0, (inputs - 1) as f64);
            let low = place.floor();
            Tap {
                low: low as usize,
                high: (low as usize + 1).min(inputs - 1),
                t: (place - low) as f32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let [a, b, c, d, e, f] = [2.0, 0.5, -0.25, 1.0, 0.125, 3.0];
        let x = solve([a, b, c, d, e, f], [1.0, 2.0, 3.0]);
        let back = [
            a * x[0] + b * x[1] + c * x[2],
            b * x[0] + d * x[1] + e * x[2],
            c * x[0] + e * x[1] + f * x[2],
        ];
        for (back, rhs) in back.iter().zip([1.0, 2.0, 3.0]) {
            assert!((back - rhs).abs() < 1e-5);
        }
    }

    #[test]
    fn what_is_linear_in_colour_stays_so_and_what_exceeds_is_bounded() {
        // Left half dark and 0, right half bright and 1, and a white pixel in the dark at full size only.
        let bright = |x: usize, width: usize| if 2 * x < width { 0.2 } else { 0.6 };
        let guide = Array3::from_shape_fn((6, 8, 3), |(_, x, _)| bright(x, 8));
        let plane = Array2::from_shape_fn((6, 8), |(_, x)| f32::from(x >= 4));
        let mut photo = Array3::from_shape_fn((24, 32, 3), |(_, x, _)| (bright(x, 32) * 255.0) as u8);
        photo.slice_mut(s![10, 3, ..]).fill(255);
        let fine = upsample(&plane, &guide, photo.view(), 2, 1e-4).unwrap();
        for ((y, x), value) in fine.indexed_iter() {
            let expected = if x < 16 { 0.0 } else { 1.0 };
            assert!((value - expected).abs() < 0.1, "{y} {x}: {value}");
        }
    }
}
