//! Which parts of a picture have more to show than the whole can.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::Result;
use crate::image::Size;
use crate::image::filter::integral;

/// By how much a patch is tried larger, in pixels of a picture that is not enlarged further.
const GROWTH: f64 = 32.0;

/// A square of the enlarged picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Column of its left edge.
    pub x: usize,
    /// Row of its top edge.
    pub y: usize,
    /// Pixels across and down.
    pub side: usize,
}

impl Patch {
    /// Its rows and columns in a picture of `size`, `scale` times as large.
    pub(super) fn scaled(&self, scale: f64, size: Size) -> (Range<usize>, Range<usize>) {
        let scaled = |pixels: usize| (pixels as f64 * scale).round_ties_even() as usize;
        let side = scaled(self.side);
        let range = |start: usize, end: usize| start.min(end)..(start + side).min(end);
        (
            range(scaled(self.y), size.height),
            range(scaled(self.x), size.width),
        )
    }
}

/// The squares of a regular grid, column by column, each twice the receptive
/// `field` wide. What is left over at the right and at the bottom is in none.
pub(super) fn grid(target: Size, field: usize) -> Vec<Patch> {
    let stride = ((0.75 * field as f64).round_ties_even() as usize).max(1);
    let places = |length: usize| (0..length.saturating_sub(2 * field)).step_by(stride);
    places(target.width)
        .flat_map(|x| {
            places(target.height).map(move |y| Patch {
                x,
                y,
                side: 2 * field,
            })
        })
        .collect()
}

/// Those squares with at least as many strong edges as the whole picture has
/// on average, each grown as far as that holds; the largest first.
///
/// `edges` is how strong the edges of the enlarged picture are; it is 1 /
/// `factor` times as large as it would have to be.
pub(super) fn select(grid: &[Patch], mut edges: Array2<f64>, factor: f64) -> Result<Vec<Patch>> {
    let strong = mean(edges.iter().copied().filter(|&edge| edge > 0.0));
    edges.mapv_inplace(|edge| if edge < strong { 0.0 } else { edge });
    let average = mean(edges.iter().copied());
    let average = if average.is_nan() { 0.0 } else { average };
    let sums = integral(edges.view())?;
    let busy = |patch: &Patch| density(sums.view(), patch) >= average;

    let step = (GROWTH / factor) as usize;
    // One more than the picture has, and never reached: as the reference.
    let (height, width) = sums.dim();
    let mut kept: Vec<Patch> = grid.iter().copied().filter(|patch| busy(patch)).collect();
    for patch in &mut kept {
        while let (Some(x), Some(y)) = (patch.x.checked_sub(step / 2), patch.y.checked_sub(step / 2)) {
            let side = patch.side + step;
            let larger = Patch { x, y, side };
            if x + side >= width || y + side >= height || !busy(&larger) {
                break;
            }
            *patch = larger;
        }
    }
    kept.sort_by_key(|patch| std::cmp::Reverse(patch.side));
    Ok(kept)
}

fn density(sums: ArrayView2<'_, f64>, patch: &Patch) -> f64 {
    let (right, bottom) = (patch.x + patch.side, patch.y + patch.side);
    let sum =
        sums[[bottom, right]] - sums[[patch.y, right]] - sums[[bottom, patch.x]] + sums[[patch.y, patch.x]];
    sum / (patch.side * patch.side) as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / count as f64
}
