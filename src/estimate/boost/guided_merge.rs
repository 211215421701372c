//! Merging without a network: the guided filter.

use ndarray::{Array2, Zip};

use super::Pair;
use crate::image::Size;
use crate::image::filter::box_blur;
use crate::image::resize::{opencv_area, opencv_linear};
use crate::{Error, Result};

/// Lines are fitted on maps this many times smaller, and vary smoothly between.
const SHRINK: usize = 4;
/// Side of the window there that one line is fitted in: larger than the blur of
/// a look at the receptive field, and so where the outer map is right on average.
const WINDOW: usize = 33;
/// Variance of the inner map within a window below which it is flat there and
/// has nothing to add.
const FLATNESS: f32 = 1e-5;
/// Variance that a line may leave unexplained before it counts half.
const MISFIT: f32 = 1e-4;

/// Puts the details of the inner map on the shape of the outer one.
///
/// In every window the inner map is fitted to the outer one by a line, and the
/// lines of all windows around a place are averaged: the fast guided filter (He
/// and Sun 2015) of the outer map, guided by the inner one. What is coarser
/// than a window is the outer map's, what is finer the inner map's. A window
/// that holds the rim of something has no line for both sides, so lines count
/// the less the worse they fit; else a halo would surround what is near.
///
/// # Errors
/// [`Error::Invalid`] for maps of two sizes or without values.
pub fn guided_merge(pair: &Pair) -> Result<Array2<f32>> {
    let (height, width) = pair.outer.dim();
    if pair.inner.dim() != (height, width) {
        return Err(Error::invalid(format!(
            "maps of {width}x{height} and {}x{} cannot be merged; they must be of one size",
            pair.inner.ncols(),
            pair.inner.nrows(),
        )));
    }
    let small = Size {
        width: width.div_ceil(SHRINK),
        height: height.div_ceil(SHRINK),
    };
    let (outer, inner) = (
        opencv_area(pair.outer.view(), small)?,
        opencv_area(pair.inner.view(), small)?,
    );
    let mean = |map: &Array2<f32>| box_blur(map.view(), WINDOW);
    let (outer_mean, inner_mean) = (mean(&outer)?, mean(&inner)?);
    let mut slope = mean(&(&outer * &inner))?;
    let mut weight = mean(&(&outer * &outer))?;
    Zip::from(&mut slope)
        .and(&mut weight)
        .and(&outer_mean)
        .and(&inner_mean)
        .and(&mean(&(&inner * &inner))?)
        .for_each(|slope, weight, outer, inner, square| {
            let shared = *slope - outer * inner;
            *slope = shared / ((square - inner * inner).max(0.0) + FLATNESS);
            let unexplained = *weight - outer * outer - *slope * shared;
            *weight = MISFIT / (unexplained.max(0.0) + MISFIT);
        });
    let level = mean(&((outer_mean - &slope * &inner_mean) * &weight))?;
    let slope = mean(&(slope * &weight))?;
    let weight = mean(&weight)?;
    let enlarged = |map: Array2<f32>| opencv_linear(map.view(), Size { width, height });
    Ok(enlarged(slope / &weight)? * &pair.inner + enlarged(level / &weight)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 512;

    fn pair(outer: impl Fn(f32, f32) -> f32, inner: impl Fn(f32, f32) -> f32) -> Pair {
        let map = |value: &dyn Fn(f32, f32) -> f32| {
            Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
                value(x as f32 / SIDE as f32, y as f32 / SIDE as f32)
            })
        };
        Pair {
            outer: map(&outer),
            inner: map(&inner),
        }
    }

    fn largest(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_line_of_the_outer_map_becomes_the_outer_map() {
        let shape = |x: f32, y: f32| x * x - 0.5 * y;
        let pair = pair(shape, |x, y| 0.4 * shape(x, y) - 0.2);
        assert!(largest(&guided_merge(&pair).unwrap(), &pair.outer) < 0.01);
    }

    #[test]
    fn details_come_from_the_inner_map_and_the_level_from_the_outer() {
        let step = |x: f32, sharp: f32| (sharp * (x - 0.5)).tanh();
        // The outer map knows where things are, but blurred; the inner one is sharp but tilted.
        let pair = pair(|x, _| 0.6 * step(x, 30.0), |x, y| 0.8 * step(x, 400.0) + 0.5 * y);
        let merged = guided_merge(&pair).unwrap();
        let row = |map: &Array2<f32>, x: usize| map[[SIDE / 2, x]];
        let jump = |map: &Array2<f32>| row(map, SIDE / 2 + 6) - row(map, SIDE / 2 - 6);
        assert!(
            jump(&merged) > 1.8 * jump(&pair.outer),
            "{} {}",
            jump(&merged),
            jump(&pair.outer)
        );
        for x in [8, SIDE / 4, 3 * SIDE / 4, SIDE - 8] {
            assert!((row(&merged, x) - row(&pair.outer, x)).abs() < 0.05, "{x}");
        }
    }

    #[test]
    fn what_is_near_has_no_halo() {
        // A disc before a far wall, blurred in the outer map and sharp in the inner one.
        let disc = |x: f32, y: f32, sharp: f32| (sharp * (0.2 - (x - 0.5).hypot(y - 0.5))).tanh();
        let pair = pair(|x, y| disc(x, y, 25.0), |x, y| disc(x, y, 300.0));
        let merged = guided_merge(&pair).unwrap();
        let row = |map: &Array2<f32>, x: usize| map[[SIDE / 2, x]];
        // A twentieth of the side away from the rim the wall is flat in the inner map.
        let beside = SIDE / 2 + SIDE / 4;
        let (wall, halo) = (row(&merged, SIDE - 8), row(&merged, beside));
        assert!((halo - wall).abs() < 0.05, "{halo} beside a wall at {wall}");
        assert!(row(&pair.outer, beside) - row(&pair.outer, SIDE - 8) > 0.1);
    }

    #[test]
    fn a_flat_inner_map_adds_nothing() {
        let pair = pair(|_, _| 0.25, |_, _| 0.0);
        assert!(largest(&guided_merge(&pair).unwrap(), &pair.outer) < 1e-6);
    }
}
