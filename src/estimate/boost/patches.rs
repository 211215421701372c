//! Which parts of a picture have more to show than the whole can.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use crate::Result;
use crate::image::Size;
use crate::image::filter::integral;

/// By how much a patch is tried larger, in pixels of a picture that is not enlarged further.
const GROWTH: f64 = 32.0;
/// Side of the cells that edges are counted in where patches are compared, in pixels.
const CELL: usize = 32;

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
/// on average, each grown as far as that holds; the largest first. Only `most`
/// are kept, if given: those that show the most of the edges together.
///
/// `edges` is how strong the edges of the enlarged picture are; it is 1 /
/// `factor` times as large as it would have to be.
pub(super) fn select(
    grid: &[Patch],
    mut edges: Array2<f64>,
    factor: f64,
    most: Option<usize>,
) -> Result<Vec<Patch>> {
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
    Ok(match most {
        Some(most) if most < kept.len() => worthiest(&kept, sums.view(), most),
        _ => kept,
    })
}

/// The `most` patches that hold the most of the edges, each edge counted once:
/// taken one by one, the next that adds the most. Their order stays.
fn worthiest(patches: &[Patch], sums: ArrayView2<'_, f64>, most: usize) -> Vec<Patch> {
    let (height, width) = (sums.nrows() - 1, sums.ncols() - 1);
    let mut cells = Array2::from_shape_fn((height.div_ceil(CELL), width.div_ceil(CELL)), |(row, column)| {
        let (top, left) = (row * CELL, column * CELL);
        let (bottom, right) = ((top + CELL).min(height), (left + CELL).min(width));
        sums[[bottom, right]] - sums[[top, right]] - sums[[bottom, left]] + sums[[top, left]]
    });
    let cut = |patch: &Patch| {
        let cells = |start: usize, most: usize| start / CELL..(start + patch.side).div_ceil(CELL).min(most);
        s![
            cells(patch.y, height.div_ceil(CELL)),
            cells(patch.x, width.div_ceil(CELL))
        ]
    };
    let mut taken = vec![false; patches.len()];
    for _ in 0..most {
        let worth = |index: usize| cells.slice(cut(&patches[index])).sum();
        let left = (0..patches.len()).filter(|&index| !taken[index]);
        // The first of equals, so that the choice does not depend on the order of asking.
        let Some((best, _)) = left
            .map(|index| (index, worth(index)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
        else {
            break;
        };
        taken[best] = true;
        cells.slice_mut(cut(&patches[best])).fill(0.0);
    }
    let pairs = patches.iter().zip(taken);
    pairs
        .filter_map(|(patch, taken)| taken.then_some(*patch))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges on the left (many), on the right (fewer) and nowhere else.
    fn worthy(most: usize) -> Vec<usize> {
        let edges = Array2::from_shape_fn((256, 1024), |(_, x)| match x {
            0..384 => 3.0,
            640.. => 2.0,
            _ => 0.0,
        });
        let patches: Vec<_> = [0, 128, 384, 768]
            .map(|x| Patch { x, y: 0, side: 256 })
            .into_iter()
            .collect();
        let sums = integral(edges.view()).unwrap();
        worthiest(&patches, sums.view(), most)
            .iter()
            .map(|patch| patch.x)
            .collect()
    }

    #[test]
    fn the_patches_that_show_the_most_together_are_kept_in_order() {
        // The second best by itself overlaps the best one.
        assert_eq!(worthy(0), [0; 0]);
        assert_eq!(worthy(1), [0]);
        assert_eq!(worthy(2), [0, 768]);
        assert_eq!(worthy(3), [0, 128, 768]);
    }
}
