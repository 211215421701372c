//! Depth edges by gradient: where depth jumps.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Marks the pixels (`[H, W]`) whose depth gradient is longer than `threshold`.
///
/// The gradient is the reference's: half the difference of both neighbours, at
/// the border the difference to the one there is; its length is in units of
/// depth per pixel. A side of one pixel has no gradient. A pixel whose depth is
/// not finite is marked, and so are its neighbours.
///
/// ```
/// use ndarray::array;
/// use rilievo::surface::depth_edges;
/// let step = array![[1.0f32, 1.0, 2.0, 2.0]];
/// assert_eq!(depth_edges(step.view(), 0.05), array![[false, true, true, false]]);
/// ```
pub fn depth_edges<T>(depth: ArrayView2<T>, threshold: f64) -> Array2<bool>
where
    T: Copy + Into<f64> + Sync,
{
    let (height, width) = depth.dim();
    let mut edges = Array2::default((height, width));
    edges
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(row, mut marked)| {
            let (above, below) = (row.saturating_sub(1), (row + 1).min(height - 1));
            let per_row = if below - above == 2 { 0.5 } else { 1.0 };
            for (column, marked) in marked.iter_mut().enumerate() {
                let (left, right) = (column.saturating_sub(1), (column + 1).min(width - 1));
                let per_column = if right - left == 2 { 0.5 } else { 1.0 };
                let at = |row, column| -> f64 { depth[[row, column]].into() };
                let down = (at(below, column) - at(above, column)) * per_row;
                let across = (at(row, right) - at(row, left)) * per_column;
                let length = (across * across + down * down).sqrt();
                *marked = !at(row, column).is_finite() || length.is_nan() || length > threshold;
            }
        });
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn one_pixel_and_one_line_have_no_gradient_across() {
        assert_eq!(depth_edges(array![[7.0f64]].view(), 0.05), array![[false]]);
        assert_eq!(
            depth_edges(array![[0.0f64], [0.0], [9.0]].view(), 0.05),
            array![[false], [true], [true]]
        );
    }

    #[test]
    fn a_hole_marks_its_neighbours() {
        let depth = array![[1.0f32, f32::NAN, 1.0, 1.0]];
        assert_eq!(depth_edges(depth.view(), 0.05), array![[true, true, true, false]]);
        let depth = array![[1.0f32, 1.0, f32::INFINITY]];
        assert_eq!(depth_edges(depth.view(), 0.05), array![[false, true, true]]);
    }
}
