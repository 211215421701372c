//! Which parts of a picture have more to show than the whole can.

use std::ops::Range;

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::Result;
use crate::image::Size;
use crate::image::filter::integrate;

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
    edges: Array2<f64>,
    factor: f64,
    most: Option<usize>,
) -> Result<Vec<Patch>> {
    let strong = mean_where(edges.view(), |edge| edge > 0.0);
    let (height, width) = edges.dim();
    let sums = Sums::of(edges, |edge| edge >= strong);
    let average = sums.density(&Rectangle::all(height, width));
    let busy = |patch: &Patch| sums.density(&Rectangle::of(patch)) >= average;

    let step = (GROWTH / factor) as usize;
    // One more than the picture has, and never reached: as the reference.
    let (height, width) = (height + 1, width + 1);
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
        Some(most) if most < kept.len() => worthiest(&kept, &sums, most),
        _ => kept,
    })
}

/// The `most` patches that hold the most of the edges, each edge counted once:
/// taken one by one, the next that adds the most. Their order stays.
fn worthiest(patches: &[Patch], sums: &Sums, most: usize) -> Vec<Patch> {
    let (height, width) = sums.0.dim();
    let mut cells = Array2::from_shape_fn((height.div_ceil(CELL), width.div_ceil(CELL)), |(row, column)| {
        let (top, left) = (row * CELL, column * CELL);
        sums.inside(&Rectangle {
            top,
            left,
            bottom: (top + CELL).min(height),
            right: (left + CELL).min(width),
        })
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

struct Rectangle {
    top: usize,
    left: usize,
    bottom: usize,
    right: usize,
}

impl Rectangle {
    fn all(height: usize, width: usize) -> Self {
        Self {
            top: 0,
            left: 0,
            bottom: height,
            right: width,
        }
    }

    fn of(patch: &Patch) -> Self {
        Self {
            top: patch.y,
            left: patch.x,
            bottom: patch.y + patch.side,
            right: patch.x + patch.side,
        }
    }
}

/// The sums of all strong edges above and left of every place, itself included
/// (Crow 1984), made in the place of the edges: they are large.
struct Sums(Array2<f64>);

impl Sums {
    fn of(mut edges: Array2<f64>, is_strong: impl Fn(f64) -> bool + Sync) -> Self {
        integrate(edges.view_mut(), |edge| if is_strong(edge) { edge } else { 0.0 });
        Self(edges)
    }

    fn upto(&self, bottom: usize, right: usize) -> f64 {
        match (bottom.checked_sub(1), right.checked_sub(1)) {
            (Some(y), Some(x)) => self.0[[y, x]],
            _ => 0.0,
        }
    }

    fn inside(&self, place: &Rectangle) -> f64 {
        self.upto(place.bottom, place.right)
            - self.upto(place.top, place.right)
            - self.upto(place.bottom, place.left)
            + self.upto(place.top, place.left)
    }

    fn density(&self, place: &Rectangle) -> f64 {
        self.inside(place) / ((place.bottom - place.top) * (place.right - place.left)) as f64
    }
}

/// The mean of the values that are wanted; nothing's is 0.
fn mean_where(values: ArrayView2<'_, f64>, wanted: impl Fn(f64) -> bool + Sync) -> f64 {
    let of_row = |row: ndarray::ArrayView1<'_, f64>| {
        row.iter().fold((0.0, 0_usize), |(sum, count), &value| {
            let counts = wanted(value);
            (
                sum + if counts { value } else { 0.0 },
                count + usize::from(counts),
            )
        })
    };
    // Rows in parallel, their sums in order: the same with any number of threads.
    let rows: Vec<_> = values.axis_iter(Axis(0)).into_par_iter().map(of_row).collect();
    let (sum, count) = rows
        .into_iter()
        .fold((0.0, 0), |total, row| (total.0 + row.0, total.1 + row.1));
    if count == 0 { 0.0 } else { sum / count as f64 }
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
        worthiest(&patches, &Sums::of(edges, |_| true), most)
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
