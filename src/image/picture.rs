//! [`Picture`]: what colour files become.

use ndarray::{Array2, Array3};

use super::size::{Size, array, checked_len};
use crate::{Error, Result};

/// An 8-bit colour picture, with its opacity if it has any.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    rgb: Array3<u8>,
    alpha: Option<Array2<u8>>,
}

impl Picture {
    /// A picture of `rgb`, `[H, W, 3]`, and `alpha`, `[H, W]` with 255 opaque.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are no pixels, or not three channels, or
    /// the two differ in size.
    pub fn new(rgb: Array3<u8>, alpha: Option<Array2<u8>>) -> Result<Self> {
        let (height, width, channels) = rgb.dim();
        let size = Size { width, height };
        checked_len(size, channels)?;
        if channels != 3 {
            return Err(Error::invalid(format!(
                "a colour picture has 3 channels (red, green, blue), not {channels}"
            )));
        }
        if let Some(alpha) = &alpha
            && alpha.dim() != (height, width)
        {
            let (height, width) = alpha.dim();
            return Err(Error::invalid(format!(
                "the opacity is {} but the picture {size}; they must be of one size",
                Size { width, height }
            )));
        }
        Ok(Self { rgb, alpha })
    }

    /// From rows of pixels of 1 (gray), 2 (gray, opacity), 3 or 4 (red, green, blue, opacity)
    /// values; an opacity of 255 everywhere is none.
    pub(crate) fn from_samples(size: Size, channels: usize, samples: Vec<u8>) -> Result<Self> {
        let planes = |of: fn(&[u8]) -> u8| samples.chunks_exact(channels).map(of).collect::<Vec<_>>();
        let alpha = match channels {
            2 => Some(planes(|pixel| pixel[1])),
            4 => Some(planes(|pixel| pixel[3])),
            _ => None,
        }
        .filter(|alpha| alpha.iter().any(|&opacity| opacity != u8::MAX));
        let rgb = match channels {
            1 | 2 => samples
                .chunks_exact(channels)
                .flat_map(|pixel| [pixel[0]; 3])
                .collect(),
            4 => samples
                .chunks_exact(4)
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
            _ => samples,
        };
        let alpha = alpha.map(|alpha| array(ndarray::Ix2(size.height, size.width), alpha));
        Self::new(
            array(ndarray::Ix3(size.height, size.width, 3), rgb)?,
            alpha.transpose()?,
        )
    }

    /// Red, green and blue, `[H, W, 3]`.
    pub fn rgb(&self) -> &Array3<u8> {
        &self.rgb
    }

    /// Opacity, `[H, W]`, 255 opaque; none if everything is opaque.
    pub fn alpha(&self) -> Option<&Array2<u8>> {
        self.alpha.as_ref()
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        let (height, width, _) = self.rgb.dim();
        Size { width, height }
    }

    /// The colours and the opacity.
    pub fn into_parts(self) -> (Array3<u8>, Option<Array2<u8>>) {
        (self.rgb, self.alpha)
    }
}
