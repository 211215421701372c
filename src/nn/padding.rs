//! Padding of maps: zero padding as a number, reflection and circular padding as
//! a gather of rows and columns.

use candle_core::Tensor;
use rayon::prelude::*;

use super::{buffer, fused};
use crate::Result;

/// Zero pixels added around a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the left.
    pub left: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Padding {
    /// The same number of pixels on every side.
    pub const fn all(pixels: usize) -> Self {
        Self {
            top: pixels,
            bottom: pixels,
            left: pixels,
            right: pixels,
        }
    }

    /// TensorFlow's `SAME` for a `height` x `width` map: as many output pixels
    /// as the stride fits into the side, the odd pixel of padding below and
    /// on the right.
    pub const fn same((height, width): (usize, usize), kernel: usize, stride: usize) -> Self {
        const fn side(length: usize, kernel: usize, stride: usize) -> usize {
            (length.div_ceil(stride).saturating_sub(1) * stride + kernel).saturating_sub(length)
        }
        let (rows, columns) = (side(height, kernel, stride), side(width, kernel, stride));
        Self {
            top: rows / 2,
            bottom: rows - rows / 2,
            left: columns / 2,
            right: columns - columns / 2,
        }
    }

    /// The size of what a `kernel` makes of an `input` (`(height, width)` each), if it fits at all.
    pub(super) fn output(
        self,
        input: (usize, usize),
        kernel: (usize, usize),
        stride: usize,
        dilation: usize,
    ) -> Option<(usize, usize)> {
        let side = |length: usize, kernel: usize| {
            let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
            length
                .checked_sub(reach)?
                .checked_div(stride)
                .map(|steps| steps + 1)
        };
        Some((
            side(input.0 + self.top + self.bottom, kernel.0)?,
            side(input.1 + self.left + self.right, kernel.1)?,
        ))
    }
}

/// A gather along both sides: the map (`[B, C, H, W]`) whose pixel `(y, x)` is the pixel `(rows[y], columns[x])` of `x`.
fn gather(x: &Tensor, rows: &[usize], columns: &[usize]) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if !fused::runs_on(x) || b * c * rows.len() * columns.len() == 0 {
        let index =
            |places: &[usize]| Tensor::from_iter(places.iter().map(|&place| place as u32), x.device());
        let rows = x.contiguous()?.index_select(&index(rows)?, 2)?;
        return Ok(rows.index_select(&index(columns)?, 3)?);
    }
    let inside = |places: &[usize], side: usize| places.iter().all(|&place| place < side);
    assert!(inside(rows, h) && inside(columns, w), "a pixel outside the map");
    fused::unary("gather", x, (b, c, rows.len(), columns.len()), |x| {
        // SAFETY: the rows below are the whole buffer, and `zip` leaves out none of their pixels.
        unsafe {
            buffer::filled(b * c * rows.len() * columns.len(), |out| {
                out.par_chunks_exact_mut(rows.len() * columns.len())
                    .zip(x.par_chunks_exact(h * w))
                    .for_each(|(out, x)| {
                        for (out, &row) in out.chunks_exact_mut(columns.len()).zip(rows) {
                            let x = &x[row * w..][..w];
                            for (out, &column) in out.iter_mut().zip(columns) {
                                out.write(x[column]);
                            }
                        }
                    });
            })
        }
    })
}

/// Reflection padding (PyTorch's `reflect`): `pixels` more on every side of a map (`[B, C, H, W]`), mirrored
/// at the outermost pixels' centres. Where the map is too small for that, its border is repeated.
pub fn pad_reflect(x: &Tensor, pixels: usize) -> Result<Tensor> {
    let places = |side: usize| -> Vec<usize> {
        let last = side as isize - 1;
        (-(pixels as isize)..=last + pixels as isize)
            .map(|i| (last - (last - i.abs()).abs()).clamp(0, last.max(0)) as usize)
            .collect()
    };
    let (_, _, h, w) = x.dims4()?;
    gather(x, &places(h), &places(w))
}

/// Circular padding, for maps that tile: `x` (`[B, C, H, W]`) with `ring` more pixels on every side, those of
/// the opposite side.
pub(super) fn pad_circular(x: &Tensor, ring: usize) -> Result<Tensor> {
    let places = |side: usize| -> Vec<usize> {
        // So far back that nothing is negative.
        let start = ring.next_multiple_of(side) - ring;
        (0..side + 2 * ring).map(|i| (start + i) % side).collect()
    };
    let (_, _, h, w) = x.dims4()?;
    gather(x, &places(h), &places(w))
}

/// What circular padding leaves: `size` (height, width) pixels after the first `ring` rows and columns.
pub(super) fn crop(x: &Tensor, ring: usize, size: (usize, usize)) -> Result<Tensor> {
    Ok(x.narrow(2, ring, size.0)?.narrow(3, ring, size.1)?.contiguous()?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn a_border_mirrors_the_map() {
        let x = Tensor::arange(0f32, 12f32, &Device::Cpu)
            .unwrap()
            .reshape((1, 2, 2, 3))
            .unwrap();
        let y = pad_reflect(&x, 1).unwrap();
        assert_eq!(y.dims(), [1, 2, 4, 5]);
        let rows: Vec<Vec<f32>> = y.squeeze(0).unwrap().get(1).unwrap().to_vec2().unwrap();
        assert_eq!(rows[0], [10.0, 9.0, 10.0, 11.0, 10.0]);
        assert_eq!(rows[1], [7.0, 6.0, 7.0, 8.0, 7.0]);
        assert_eq!(rows[3], [7.0, 6.0, 7.0, 8.0, 7.0]);
        // What other devices and formats do.
        let stock = pad_reflect(&x.to_dtype(DType::F64).unwrap(), 1).unwrap();
        let stock: Vec<f32> = stock
            .to_dtype(DType::F32)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), stock);
        // A map that is too small for its border.
        assert_eq!(pad_reflect(&x, 4).unwrap().dims(), [1, 2, 10, 11]);
    }

    #[test]
    fn a_ring_holds_the_opposite_sides() {
        let x = Tensor::arange(0f32, 6f32, &Device::Cpu)
            .unwrap()
            .reshape((1, 1, 2, 3))
            .unwrap();
        let y = pad_circular(&x, 1).unwrap();
        let rows: Vec<Vec<f32>> = y.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap();
        assert_eq!(rows[0], [5.0, 3.0, 4.0, 5.0, 3.0]);
        assert_eq!(rows[1], [2.0, 0.0, 1.0, 2.0, 0.0]);
        assert_eq!(rows[3], [2.0, 0.0, 1.0, 2.0, 0.0]);
        let back = crop(&y, 1, (2, 3)).unwrap();
        assert_eq!(
            back.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
        // A ring wider than the map goes round several times.
        assert_eq!(pad_circular(&x, 7).unwrap().dims(), [1, 1, 16, 17]);
    }
}
