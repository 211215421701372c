//! Rows and columns of maps in any order: what every way of going on beyond a border is made of.

use candle_core::Tensor;
use rayon::prelude::*;

use super::buffer;
use super::fused;
use crate::Result;

/// The map (`[B, C, H, W]`) whose pixel `(y, x)` is the pixel `(rows[y], columns[x])` of `x`.
pub(super) fn pick(x: &Tensor, rows: &[usize], columns: &[usize]) -> Result<Tensor> {
    let (b, c, h, w) = x.dims4()?;
    if !fused::runs_on(x) || b * c * rows.len() * columns.len() == 0 {
        let index =
            |places: &[usize]| Tensor::from_iter(places.iter().map(|&place| place as u32), x.device());
        let rows = x.contiguous()?.index_select(&index(rows)?, 2)?;
        return Ok(rows.index_select(&index(columns)?, 3)?);
    }
    let inside = |places: &[usize], side: usize| places.iter().all(|&place| place < side);
    assert!(inside(rows, h) && inside(columns, w), "a pixel outside the map");
    fused::unary("pick", x, (b, c, rows.len(), columns.len()), |x| {
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

/// `pixels` more on every side of a map (`[B, C, H, W]`), mirrored at the outermost pixels' centres
/// (PyTorch's `reflect`). Where the map is too small for that, its border is repeated.
pub fn reflected(x: &Tensor, pixels: usize) -> Result<Tensor> {
    let places = |side: usize| -> Vec<usize> {
        let last = side as isize - 1;
        (-(pixels as isize)..=last + pixels as isize)
            .map(|i| (last - (last - i.abs()).abs()).clamp(0, last.max(0)) as usize)
            .collect()
    };
    let (_, _, h, w) = x.dims4()?;
    pick(x, &places(h), &places(w))
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
        let y = reflected(&x, 1).unwrap();
        assert_eq!(y.dims(), [1, 2, 4, 5]);
        let rows: Vec<Vec<f32>> = y.squeeze(0).unwrap().get(1).unwrap().to_vec2().unwrap();
        assert_eq!(rows[0], [10.0, 9.0, 10.0, 11.0, 10.0]);
        assert_eq!(rows[1], [7.0, 6.0, 7.0, 8.0, 7.0]);
        assert_eq!(rows[3], [7.0, 6.0, 7.0, 8.0, 7.0]);
        // What other devices and formats do.
        let stock = reflected(&x.to_dtype(DType::F64).unwrap(), 1).unwrap();
        let stock: Vec<f32> = stock
            .to_dtype(DType::F32)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), stock);
        // A map that is too small for its border.
        assert_eq!(reflected(&x, 4).unwrap().dims(), [1, 2, 10, 11]);
    }
}
