//! Grid triangulation: the pixels of a depth map that become vertices, and the
//! triangles between them.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::depth_edges::depth_edges;
use crate::memory::zeroed;

/// Stands for a pixel that is no vertex.
const NONE: u32 = u32::MAX;

/// Numbers the vertices and triangles of a depth map in raster order.
pub(super) struct Grid {
    height: usize,
    width: usize,
    /// `None`: every pixel is a vertex, every quad two triangles.
    partial: Option<Partial>,
}

struct Partial {
    usable: Usable,
    /// The number of the vertex at a pixel, or [`NONE`].
    numbers: Vec<u32>,
    /// How many vertices and triangles begin in a row of pixels.
    rows: Vec<Counts>,
}

/// Which pixels triangles may use.
struct Usable {
    height: usize,
    width: usize,
    mask: Vec<bool>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    vertices: usize,
    triangles: usize,
}

impl Grid {
    /// All pixels with a finite depth, but not the triangles with a corner on an
    /// edge if `edge_threshold` is given, and not the vertices that no triangle
    /// uses, unless there is no triangle at all.
    pub(super) fn new<T>(depth: ArrayView2<T>, edge_threshold: Option<f64>) -> Self
    where
        T: Copy + Into<f64> + Sync,
    {
        let (height, width) = depth.dim();
        // Beyond f32 no file could hold the point.
        let finite = |row, column| (depth[[row, column]].into() as f32).is_finite();
        let edges = edge_threshold.map(|threshold| depth_edges(depth, threshold));
        let mut mask = zeroed(height * width);
        mask.par_chunks_mut(width).enumerate().for_each(|(row, mask)| {
            for (column, usable) in mask.iter_mut().enumerate() {
                let edge = edges.as_ref().is_some_and(|edges| edges[[row, column]]);
                *usable = !edge && finite(row, column);
            }
        });
        if height > 1 && width > 1 && mask.par_iter().all(|&usable| usable) {
            return Self {
                height,
                width,
                partial: None,
            };
        }
        let usable = Usable { height, width, mask };
        let (mut numbers, mut rows) = usable.number(|row, column| usable.touches_triangle(row, column));
        if rows.iter().all(|row| row.triangles == 0) {
            (numbers, rows) = usable.number(finite);
        }
        let partial = Some(Partial {
            usable,
            numbers,
            rows,
        });
        Self {
            height,
            width,
            partial,
        }
    }

    /// How many vertices there are.
    pub(super) fn vertices(&self) -> usize {
        (0..self.height).map(|row| self.counts(row).vertices).sum()
    }

    /// Sets one value a vertex from its row and column.
    pub(super) fn fill_vertices<T: Send>(&self, out: &mut [T], value: impl Fn(usize, usize) -> T + Sync) {
        split(out, (0..self.height).map(|row| self.counts(row).vertices))
            .into_par_iter()
            .enumerate()
            .for_each(|(row, out)| {
                let columns = (0..self.width).filter(|&column| self.number(row, column) != NONE);
                for (out, column) in out.iter_mut().zip(columns) {
                    *out = value(row, column);
                }
            });
    }

    /// The triangles, two a quad: (top left, bottom left, top right) and (bottom
    /// right, top right, bottom left).
    pub(super) fn faces(&self) -> Vec<[u32; 3]> {
        let mut faces: Vec<[u32; 3]> = zeroed((0..self.height).map(|row| self.counts(row).triangles).sum());
        split(&mut faces, (0..self.height).map(|row| self.counts(row).triangles))
            .into_par_iter()
            .enumerate()
            .for_each(|(row, faces)| {
                let mut faces = faces.iter_mut();
                for column in 0..self.width.saturating_sub(1) {
                    let [upper, lower] = match &self.partial {
                        None => [true; 2],
                        Some(partial) => partial.usable.triangles(row, column),
                    };
                    let top_right = || self.number(row, column + 1);
                    let bottom_left = || self.number(row + 1, column);
                    if upper && let Some(face) = faces.next() {
                        *face = [self.number(row, column), bottom_left(), top_right()];
                    }
                    if lower && let Some(face) = faces.next() {
                        *face = [self.number(row + 1, column + 1), top_right(), bottom_left()];
                    }
                }
            });
        faces
    }

    fn counts(&self, row: usize) -> Counts {
        match &self.partial {
            Some(partial) => partial.rows[row],
            None => Counts {
                vertices: self.width,
                triangles: if row + 1 < self.height {
                    2 * (self.width - 1)
                } else {
                    0
                },
            },
        }
    }

    #[inline]
    fn number(&self, row: usize, column: usize) -> u32 {
        let pixel = row * self.width + column;
        match &self.partial {
            Some(partial) => partial.numbers[pixel],
            None => pixel as u32,
        }
    }
}

impl Usable {
    /// Whether the two triangles of the quad exist whose top left corner this is.
    #[inline]
    fn triangles(&self, row: usize, column: usize) -> [bool; 2] {
        if row + 1 >= self.height || column + 1 >= self.width {
            return [false; 2];
        }
        let top = row * self.width + column;
        let bottom = top + self.width;
        let shared = self.mask[top + 1] && self.mask[bottom];
        [shared && self.mask[top], shared && self.mask[bottom + 1]]
    }

    /// Whether any triangle has a corner at this pixel.
    fn touches_triangle(&self, row: usize, column: usize) -> bool {
        self.triangles(row, column)[0]
            || (row > 0 && self.triangles(row - 1, column).contains(&true))
            || (column > 0 && self.triangles(row, column - 1).contains(&true))
            || (row > 0 && column > 0 && self.triangles(row - 1, column - 1)[1])
    }

    /// Numbers the pixels that `keep` in raster order.
    fn number(&self, keep: impl Fn(usize, usize) -> bool + Sync) -> (Vec<u32>, Vec<Counts>) {
        let mut numbers = zeroed(self.height * self.width);
        let mut rows = vec![Counts::default(); self.height];
        let in_rows = numbers.par_chunks_mut(self.width).zip(&mut rows).enumerate();
        in_rows.for_each(|(row, (numbers, counts))| {
            for (column, number) in numbers.iter_mut().enumerate() {
                *number = NONE;
                if keep(row, column) {
                    *number = counts.vertices as u32;
                    counts.vertices += 1;
                }
                let triangles = self.triangles(row, column);
                counts.triangles += triangles.iter().filter(|&&exists| exists).count();
            }
        });
        let before: Vec<u32> = rows
            .iter()
            .scan(0, |sum, row| {
                Some(std::mem::replace(sum, *sum + row.vertices as u32))
            })
            .collect();
        let in_rows = numbers.par_chunks_mut(self.width).zip(before);
        in_rows.for_each(|(numbers, before)| {
            for number in numbers.iter_mut().filter(|number| **number != NONE) {
                *number += before;
            }
        });
        (numbers, rows)
    }
}

/// Cuts a slice into pieces of these lengths.
fn split<T>(mut slice: &mut [T], lengths: impl Iterator<Item = usize>) -> Vec<&mut [T]> {
    lengths
        .map(|length| {
            let (piece, rest) = std::mem::take(&mut slice).split_at_mut(length);
            slice = rest;
            piece
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_whole_grid_is_numbered_as_it_lies() {
        let grid = Grid::new(Array2::<f32>::ones((2, 3)).view(), None);
        assert_eq!(grid.vertices(), 6);
        assert_eq!(grid.faces(), [[0, 3, 1], [4, 1, 3], [1, 4, 2], [5, 2, 4]]);
    }

    #[test]
    fn holes_take_their_triangles_and_lonely_vertices_with_them() {
        let depth = array![
            [1.0f32, 1.0, 1.0],
            [1.0, 1.0, f32::NAN],
            [1.0, f32::NAN, f32::INFINITY]
        ];
        let grid = Grid::new(depth.view(), None);
        // The pixel at (1, 1) is in two triangles, the one at (2, 0) in one.
        assert_eq!(grid.vertices(), 6);
        assert_eq!(grid.faces(), [[0, 3, 1], [4, 1, 3], [1, 4, 2], [3, 5, 4]]);
        let mut pixels = vec![(0, 0); 6];
        grid.fill_vertices(&mut pixels, |row, column| (row, column));
        assert_eq!(pixels, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn without_triangles_every_finite_pixel_stays() {
        let depth = array![[1.0f32, 5.0], [9.0, f32::NAN]];
        let grid = Grid::new(depth.view(), Some(0.05));
        assert_eq!((grid.vertices(), grid.faces().len()), (3, 0));
        assert_eq!(Grid::new(array![[1.0f64], [2.0]].view(), None).vertices(), 2);
    }
}
