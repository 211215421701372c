//! A picture and its depth map in one.

use ndarray::{Array3, ArrayView2, ArrayView3, s};

use crate::image::Size;
use crate::named::named;
use crate::{Error, Result};

named! {
    /// How two pictures are put together.
    pub enum Axis as "axis" {
        /// The second below the first.
        Vertical = "Vertical",
        /// The second right of the first.
        Horizontal = "Horizontal",
    }
}

/// `picture` (`[H, W, 3]` or `[H, W, 4]`) and its 16-bit depth map (`[H, W]`)
/// side by side or one below the other, the depth in gray, v / 256.
///
/// In a picture with opacity the depth half is opaque. (In the reference it
/// was transparent, and so invisible.)
///
/// # Errors
/// [`Error::Invalid`] if the two differ in size, or there are not 3 or 4 channels.
pub fn combine(picture: ArrayView3<'_, u8>, depth: ArrayView2<'_, u16>, axis: Axis) -> Result<Array3<u8>> {
    let (height, width, channels) = picture.dim();
    if depth.dim() != (height, width) {
        let (depth_height, depth_width) = depth.dim();
        return Err(Error::invalid(format!(
            "the depth map is {} but the picture {}; they must be of one size",
            Size {
                width: depth_width,
                height: depth_height
            },
            Size { width, height },
        )));
    }
    if !matches!(channels, 3 | 4) {
        return Err(Error::invalid(format!(
            "a picture has 3 or 4 channels, not {channels}"
        )));
    }
    let shape = match axis {
        Axis::Horizontal => (height, 2 * width, channels),
        Axis::Vertical => (2 * height, width, channels),
    };
    let mut both = Array3::from_elem(shape, u8::MAX);
    both.slice_mut(s![..height, ..width, ..]).assign(&picture);
    let mut half = match axis {
        Axis::Horizontal => both.slice_mut(s![.., width.., ..3]),
        Axis::Vertical => both.slice_mut(s![height.., .., ..3]),
    };
    for (mut pixel, &value) in half.lanes_mut(ndarray::Axis(2)).into_iter().zip(depth) {
        pixel.fill((value >> 8) as u8);
    }
    Ok(both)
}
