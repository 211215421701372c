//! Picture sizes, and the two array shapes pixels come in.

use std::fmt;

use ndarray::{Array, Dimension, Ix2, Ix3};

use crate::{Error, Result};

/// A picture's size in pixels. Named fields, because two bare numbers get swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// Columns x rows.
    pub fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The shapes pixels come in: a plane `[H, W]` ([`Ix2`](type@Ix2)) or a picture with
/// its channels last `[H, W, C]` ([`Ix3`](type@Ix3)).
pub trait Raster: Dimension + sealed::Sealed {
    /// Rows and columns of an array of this shape.
    fn picture_size(&self) -> Size;
    /// Channels: 1 for a plane.
    fn channels(&self) -> usize;
    /// The same number of channels at another size.
    fn resized(&self, size: Size) -> Self;
}

impl Raster for Ix2 {
    fn picture_size(&self) -> Size {
        Size {
            width: self[1],
            height: self[0],
        }
    }
    fn channels(&self) -> usize {
        1
    }
    fn resized(&self, size: Size) -> Self {
        Ix2(size.height, size.width)
    }
}

impl Raster for Ix3 {
    fn picture_size(&self) -> Size {
        Size {
            width: self[1],
            height: self[0],
        }
    }
    fn channels(&self) -> usize {
        self[2]
    }
    fn resized(&self, size: Size) -> Self {
        Ix3(size.height, size.width, self[2])
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for ndarray::Ix2 {}
    impl Sealed for ndarray::Ix3 {}
}

/// Number of values in an array of `size` with `channels`.
///
/// # Errors
/// [`Error::Invalid`] if there are none, or more than a machine can address.
pub(crate) fn checked_len(size: Size, channels: usize) -> Result<usize> {
    let len = size
        .width
        .checked_mul(size.height)
        .and_then(|pixels| pixels.checked_mul(channels))
        .filter(|&len| len <= isize::MAX as usize / 16);
    match len {
        Some(0) => Err(Error::invalid(format!(
            "a picture of {size} with {channels} channels has no pixels; every side must be at least 1"
        ))),
        Some(len) => Ok(len),
        None => Err(Error::invalid(format!(
            "a picture of {size} with {channels} channels does not fit in memory; choose a smaller size"
        ))),
    }
}

/// An array of `values`, of which there must be as many as `shape` says.
pub(crate) fn array<T, D: Dimension>(shape: D, values: Vec<T>) -> Result<Array<T, D>> {
    Array::from_shape_vec(shape, values).map_err(|error| Error::invalid(error.to_string()))
}
