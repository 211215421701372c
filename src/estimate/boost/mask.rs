//! How much a patch counts where it lies: everything in its middle, nothing
//! at its rim.
//!
//! The reference blurs a square of 3000 x 3000 pixels and shrinks it to each
//! patch. A square is the product of two profiles and so is its blur, hence
//! one profile is all there is to compute.

use std::sync::OnceLock;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, aview1};

use crate::Result;
use crate::image::Size;
use crate::image::filter::kernel;
use crate::image::resize::opencv_linear;

/// Side of the mask that is shrunk to patches.
const SIDE: usize = 3000;
/// The part of it on each side where nothing counts before the blur.
const BORDER: usize = SIDE * 15 / 100;
const SIGMA: usize = SIDE / 16;
const KERNEL: usize = 4 * SIGMA + 1;

/// The mask's profile, from rim to rim: 0 to 1 and back.
pub fn profile() -> &'static [f32] {
    static PROFILE: OnceLock<Vec<f32>> = OnceLock::new();
    PROFILE.get_or_init(|| {
        // A blurred step is the sum of the kernel up to there.
        let kernel = kernel::gaussian(KERNEL, SIGMA as f64).unwrap_or_default();
        let mut sums = vec![0.0];
        for weight in kernel {
            sums.push(sums[sums.len() - 1] + weight);
        }
        let upto = |place: isize| sums[place.clamp(0, sums.len() as isize - 1) as usize];
        let reach = (KERNEL / 2) as isize;
        let at = |x: usize| {
            let first = BORDER as isize - x as isize + reach;
            let last = (SIDE - BORDER) as isize - x as isize + reach;
            upto(last) - upto(first)
        };
        let most = at(SIDE / 2);
        (0..SIDE).map(|x| (at(x) / most) as f32).collect()
    })
}

/// The profile shrunk to a patch of `side` pixels.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a side of 0.
pub fn weights(side: usize) -> Result<Vec<f32>> {
    let line = aview1(profile()).insert_axis(Axis(0));
    let size = Size {
        width: side,
        height: 1,
    };
    Ok(opencv_linear(line, size)?.into_raw_vec_and_offset().0)
}

/// Lays `patch` over `map`, as much as the mask says.
pub(super) fn blend(mut map: ArrayViewMut2<'_, f32>, patch: ArrayView2<'_, f64>) -> Result<()> {
    let (height, width) = map.dim();
    let (down, across) = (weights(height)?, weights(width)?);
    for ((mut row, patch), down) in map.rows_mut().into_iter().zip(patch.rows()).zip(down) {
        for ((value, &patch), &across) in row.iter_mut().zip(patch).zip(&across) {
            let share = f64::from(down * across);
            *value = (f64::from(*value) * (1.0 - share) + patch * share) as f32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn the_rim_counts_nothing_and_the_middle_everything() {
        let mut map = Array2::zeros((40, 60));
        blend(map.view_mut(), Array2::ones((40, 60)).view()).unwrap();
        assert!(map[[0, 0]] < 1e-3 && map[[0, 30]] < 1e-3 && map[[20, 0]] < 1e-3);
        assert!(map[[20, 30]] > 0.999);
    }
}
