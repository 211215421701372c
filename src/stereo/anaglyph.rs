//! Anaglyphs: both eyes in one picture, told apart by coloured glasses.

use ndarray::Array3;
use rayon::prelude::*;

use crate::image::light::{decode, encode};

/// How the red, green and blue of an anaglyph come from the red, green and blue
/// of the left eye (first three columns) and the right eye (last three).
type Matrix = [[f32; 6]; 3];

/// How the eyes are mixed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mix {
    /// Each channel is the same channel of an eye: `true` of the left one.
    Channels([bool; 3]),
    /// A matrix for the sRGB values as they are stored.
    Stored(&'static Matrix),
    /// A matrix for linear light; sRGB is decoded before and encoded after.
    Linear(&'static Matrix),
}

/// Luma weights of ITU-R BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// The left eye in grey, the right one in colour.
pub(super) const HALF_COLOUR: Matrix = [
    [LUMA[0], LUMA[1], LUMA[2], 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
];

/// Both eyes in grey.
pub(super) const GREY: Matrix = [
    [LUMA[0], LUMA[1], LUMA[2], 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, LUMA[0], LUMA[1], LUMA[2]],
    [0.0, 0.0, 0.0, LUMA[0], LUMA[1], LUMA[2]],
];

/// E. Dubois, "A projection method to generate anaglyph stereo images", ICASSP
/// 2001; the three-digit matrices for LCD screens are those of his note
/// "Conversion of a Stereo Pair to Anaglyph with the Least-Squares Projection
/// Method", 2009. Red-cyan glasses.
pub(super) const DUBOIS_RED_CYAN: Matrix = [
    [0.437, 0.449, 0.164, -0.011, -0.032, -0.007],
    [-0.062, -0.062, -0.024, 0.377, 0.761, 0.009],
    [-0.048, -0.050, -0.017, -0.026, -0.093, 1.234],
];

/// The same method for green-magenta glasses (E. Dubois, 2009).
pub(super) const DUBOIS_GREEN_MAGENTA: Matrix = [
    [-0.062, -0.158, -0.039, 0.529, 0.705, 0.024],
    [0.284, 0.668, 0.143, -0.016, -0.015, -0.065],
    [-0.015, -0.027, 0.021, 0.009, 0.075, 0.937],
];

/// The same method for amber-blue glasses (E. Dubois, 2009).
pub(super) const DUBOIS_AMBER_BLUE: Matrix = [
    [1.062, -0.205, 0.299, -0.016, -0.123, -0.017],
    [-0.026, 0.908, 0.068, 0.006, 0.062, -0.017],
    [-0.038, -0.173, 0.022, 0.094, 0.185, 0.911],
];

/// Mixes two eyes, `[H, W, 3 or more]`, into an RGB picture.
pub(super) fn mix(left: &Array3<u8>, right: &Array3<u8>, how: Mix) -> Array3<u8> {
    let (height, width, channels) = left.dim();
    let mut out = Array3::zeros((height, width, 3));
    let (Some(to), Some(left), Some(right)) = (out.as_slice_mut(), left.as_slice(), right.as_slice()) else {
        return out;
    };
    let step = width.max(1);
    to.par_chunks_mut(3 * step)
        .zip(left.par_chunks(channels * step))
        .zip(right.par_chunks(channels * step))
        .for_each(|((to, left), right)| {
            let pixels = left.chunks_exact(channels).zip(right.chunks_exact(channels));
            for (to, (left, right)) in to.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                let eyes = [left[0], left[1], left[2], right[0], right[1], right[2]];
                *to = match how {
                    Mix::Channels(left) => {
                        std::array::from_fn(|c| if left[c] { eyes[c] } else { eyes[3 + c] })
                    }
                    Mix::Stored(matrix) => apply(matrix, eyes.map(f32::from)).map(|v| (v + 0.5) as u8),
                    Mix::Linear(matrix) => apply(matrix, eyes.map(decode)).map(encode),
                };
            }
        });
    out
}

/// Multiplies a matrix with the six values of a pixel of both eyes.
fn apply(matrix: &Matrix, eyes: [f32; 6]) -> [f32; 3] {
    matrix.map(|row| row.iter().zip(eyes).map(|(weight, value)| weight * value).sum())
}
