//! The three networks that continue a picture behind what hides it (Shih et
//! al. 2020, "3D photography using context-aware layered depth inpainting"):
//! first the edges, then along them the depth and the colours.

mod edge;
mod partial;

use candle_core::{DType, Tensor};

pub use self::edge::EdgeNet;
pub use self::partial::{ColorNet, DepthNet};
use crate::{Error, Result};

/// What an input's sides are filled up to multiples of.
const MULTIPLE: usize = 128;

/// Where a picture is to be continued. All are maps `[B, 1, H, W]` of zeros
/// and ones, of any size.
pub struct Hole<'a> {
    /// One where something is to be made up.
    pub mask: &'a Tensor,
    /// One where the picture is known and belongs to the same surface.
    pub context: &'a Tensor,
    /// One on the edges, known or made up before.
    pub edge: &'a Tensor,
}

impl Hole<'_> {
    /// `content`, then the edges, the context and the mask, side by side as
    /// channels, in the middle of zeros up to the next multiples.
    fn beside(&self, content: &[&Tensor], dtype: DType) -> Result<Framed> {
        let parts = content
            .iter()
            .copied()
            .chain([self.edge, self.context, self.mask]);
        let parts = parts
            .map(|part| Ok(part.to_dtype(dtype)?))
            .collect::<Result<Vec<_>>>()?;
        let (batch, _, height, width) = self.mask.dims4()?;
        for part in &parts {
            let (b, _, h, w) = part.dims4()?;
            if (b, h, w) != (batch, height, width) || h == 0 || w == 0 {
                return Err(Error::invalid(format!(
                    "an inpainting network was given tensors of shapes {:?} and {:?}; batch, height and width of all \
                     must be the same, and none 0",
                    self.mask.dims(),
                    part.dims()
                )));
            }
        }
        let (rows, columns) = (
            height.next_multiple_of(MULTIPLE) - height,
            width.next_multiple_of(MULTIPLE) - width,
        );
        let (top, left) = (rows / 2, columns / 2);
        let tensor = Tensor::cat(&parts, 1)?
            .pad_with_zeros(2, top, rows - top)?
            .pad_with_zeros(3, left, columns - left)?;
        Ok(Framed {
            tensor,
            top,
            left,
            height,
            width,
        })
    }
}

/// A picture in the middle of zeros.
struct Framed {
    tensor: Tensor,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Framed {
    /// The part of `y` where the picture is.
    fn cut(&self, y: &Tensor) -> Result<Tensor> {
        let y = y.narrow(2, self.top, self.height)?;
        Ok(y.narrow(3, self.left, self.width)?
            .contiguous()?
            .to_dtype(DType::F32)?)
    }
}
