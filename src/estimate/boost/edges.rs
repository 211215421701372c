//! How strong the edges of a picture are, at its own size and enlarged.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Zip};
use rayon::prelude::*;

use crate::Result;
use crate::image::Size;
use crate::image::resize::opencv_cubic_rows;
use crate::{memory, simd};

/// Brightness of red, green and blue. The reference weighs pictures whose red
/// and blue are exchanged, so its 0.2989 belongs to blue.
const BRIGHTNESS: [f64; 3] = [0.1140, 0.5870, 0.2989];
/// Rows done at a time: what is between picture and edges never leaves the cache.
const BAND: usize = 32;

/// The red, green and blue of a picture, each in 0..1.
pub(super) struct Planes([Array2<f64>; 3]);

impl Planes {
    /// Of an RGB picture (`[H, W, 3]`).
    pub fn of(picture: ArrayView3<'_, u8>) -> Self {
        Self([0, 1, 2].map(|channel| {
            let plane = picture.index_axis(Axis(2), channel);
            Zip::from(plane).par_map_collect(|&byte| f64::from(byte) / 255.0)
        }))
    }

    /// The picture's size.
    pub fn size(&self) -> Size {
        let (height, width) = self.0[0].dim();
        Size { width, height }
    }

    /// How strong the edges of the picture are at `size`: the sizes of both 3 x 3
    /// Sobel derivatives of its brightness together, borders reflected.
    pub fn edges(&self, size: Size) -> Result<Array2<f64>> {
        let Size { width, height } = size;
        let mut edges = memory::zeroed(width * height);
        edges
            .par_chunks_mut(width * BAND)
            .enumerate()
            .try_for_each(|(index, edges)| -> Result<()> {
                let first = index * BAND;
                let rows = first.saturating_sub(1)..(first + BAND + 1).min(height);
                let brightness = self.brightness(size, rows.clone())?;
                simd::run(Sobel {
                    brightness: brightness.view(),
                    rows,
                    height,
                    first,
                    edges,
                });
                Ok(())
            })?;
        crate::image::size::array(ndarray::Ix2(height, width), edges)
    }

    /// Some rows of the brightness. Channels are resized one by one, as what is
    /// equal to the last bit counts as no edge.
    fn brightness(&self, size: Size, rows: Range<usize>) -> Result<Array2<f64>> {
        let channel = |index: usize| -> Result<Array2<f64>> {
            let plane = self.0[index].view();
            let plane = if size == self.size() {
                plane.slice_axis(Axis(0), rows.clone().into()).to_owned()
            } else {
                opencv_cubic_rows(plane, size, rows.clone())?
            };
            Ok(plane.mapv_into(|value| value * BRIGHTNESS[index]))
        };
        Ok(channel(2)? + channel(1)? + channel(0)?)
    }
}

/// The edges of some rows, from `first` on, of a picture `height` rows high whose
/// brightness is known in `rows`.
///
/// Pictures of few grey levels are full of edges just as strong as the
/// threshold, so sums are in OpenCV's order, which the general filter's is not.
struct Sobel<'a> {
    brightness: ArrayView2<'a, f64>,
    rows: Range<usize>,
    height: usize,
    first: usize,
    edges: &'a mut [f64],
}

impl simd::Kernel for Sobel<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.brightness.ncols();
        let (last_row, last) = (self.height - 1, width - 1);
        let values = self.brightness.as_slice().unwrap_or(&[]);
        let line = |y: usize| &values[(y - self.rows.start) * width..][..width];
        for (index, edges) in self.edges.chunks_exact_mut(width).enumerate() {
            let y = self.first + index;
            let lines = [before(y, last_row), y, last_row - before(last_row - y, last_row)].map(line);
            for x in [0, last] {
                edges[x] = edge(lines, before(x, last), x, last - before(last - x, last));
            }
            for (left, inside) in edges.get_mut(1..last).into_iter().flatten().enumerate() {
                *inside = edge(lines, left, left + 1, left + 2);
            }
        }
    }
}

#[inline(always)]
fn edge(lines: [&[f64]; 3], left: usize, x: usize, right: usize) -> f64 {
    let derived = lines.map(|line| line[right] - line[left]);
    let smooth = lines.map(|line| (line[left] + 2.0 * line[x]) + line[right]);
    let across = 2.0 * derived[1] + (derived[2] + derived[0]);
    across.abs() + (smooth[2] - smooth[0]).abs()
}

/// The place before `place`; before 0 comes 1, if there is one.
#[inline(always)]
fn before(place: usize, last: usize) -> usize {
    if place == 0 { last.min(1) } else { place - 1 }
}
