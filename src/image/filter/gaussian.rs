//! Gaussian blur.

use ndarray::{Array, ArrayView};

use super::convolve::{Kernel, Real, Separable};
use super::kernel;
use super::lines::{Stored, collect};
use crate::Result;
use crate::image::size::{Raster, array, checked_len};

/// Blurs as `cv2.GaussianBlur` does, all channels alike: a sampled Gaussian of
/// `size` x `size` places (odd) and `sigma` pixels, reflected borders.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) unless `size` is odd, `sigma`
/// positive and there are pixels.
pub fn gaussian_blur<T: Real, D: Raster>(
    input: ArrayView<'_, T, D>,
    size: usize,
    sigma: f64,
) -> Result<Array<T, D>> {
    let kernel = Kernel::even(&kernel::gaussian(size, sigma)?);
    let shape = input.raw_dim();
    let channels = shape.channels();
    let length = checked_len(shape.picture_size(), channels)?;
    let width = shape.picture_size().width * channels;
    let input = input.as_standard_layout();
    let values = input.as_slice().unwrap_or(&[]);
    let mut output = vec![T::default(); length];
    collect(&mut output, size, || {
        Separable::new(
            Stored::new(values, width),
            channels,
            kernel.clone(),
            kernel.clone(),
        )
    });
    array(shape, output)
}
