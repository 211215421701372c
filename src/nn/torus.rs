//! Maps whose opposite borders are neighbours: what a picture that tiles needs.

use candle_core::Tensor;

use super::pick::pick;
use crate::Result;

/// `x` (`[B, C, H, W]`) with `ring` more pixels on every side, those of the opposite side.
pub(super) fn surrounded(x: &Tensor, ring: usize) -> Result<Tensor> {
    let places = |side: usize| -> Vec<usize> {
        // So far back that nothing is negative.
        let start = ring.next_multiple_of(side) - ring;
        (0..side + 2 * ring).map(|i| (start + i) % side).collect()
    };
    let (_, _, h, w) = x.dims4()?;
    pick(x, &places(h), &places(w))
}

/// The middle of `x`: `size` (height, width) pixels after the first `ring` rows and columns.
pub(super) fn middle(x: &Tensor, ring: usize, size: (usize, usize)) -> Result<Tensor> {
    Ok(x.narrow(2, ring, size.0)?.narrow(3, ring, size.1)?.contiguous()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_ring_holds_the_opposite_sides() {
        let x = Tensor::arange(0f32, 6f32, &Device::Cpu)
            .unwrap()
            .reshape((1, 1, 2, 3))
            .unwrap();
        let y = surrounded(&x, 1).unwrap();
        let rows: Vec<Vec<f32>> = y.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap();
        assert_eq!(rows[0], [5.0, 3.0, 4.0, 5.0, 3.0]);
        assert_eq!(rows[1], [2.0, 0.0, 1.0, 2.0, 0.0]);
        assert_eq!(rows[3], [2.0, 0.0, 1.0, 2.0, 0.0]);
        let back = middle(&y, 1, (2, 3)).unwrap();
        assert_eq!(
            back.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        );
        // A ring wider than the map goes round several times.
        assert_eq!(surrounded(&x, 7).unwrap().dims(), [1, 1, 16, 17]);
    }
}
