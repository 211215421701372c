//! The three networks that continue a picture behind what hides it (Shih et
//! al. 2020, "3D photography using context-aware layered depth inpainting"):
//! first the edges, then along them the depth and the colours.

mod edge;
mod partial;

use candle_core::{DType, Tensor};

pub use self::edge::EdgeNet;
pub use self::partial::{ColorNet, DepthNet};
use super::network::Batch;
use super::registry::{Family, Loader};
use crate::{Error, Result};

/// What an input's sides are filled up to multiples of.
const MULTIPLE: usize = 128;

/// The inpainting networks in the registry.
pub(super) static FAMILY: Family = Family {
    name: "inpaint",
    configs: &["edge", "depth", "color"],
    embedded: None,
    half: true,
    fits: |config, checkpoint| match config {
        "edge" => EdgeNet::fits(checkpoint),
        "depth" => DepthNet::fits(checkpoint),
        _ => ColorNet::fits(checkpoint),
    },
    loader: Loader::Inpaint {
        load: |config, checkpoint, weights| {
            let (device, dtype) = (weights.device(), weights.dtype());
            Ok(match config {
                "edge" => Box::new(EdgeNet::load(checkpoint, device, dtype)?),
                "depth" => Box::new(DepthNet::load(checkpoint, device, dtype)?),
                _ => Box::new(ColorNet::load(checkpoint, device, dtype)?),
            })
        },
    },
};

/// Where pictures are to be continued, and what is known of them: maps
/// `[B, channels, H, W]` of any size. All but the content have one channel of
/// zeros and ones.
#[derive(Clone, Debug)]
pub struct Hole {
    /// What is known, zero outside the context; its channels are the network's.
    pub content: Tensor,
    /// One on the edges, known or made up before.
    pub edge: Tensor,
    /// One where the picture is known and belongs to the same surface.
    pub context: Tensor,
    /// One where something is to be made up.
    pub mask: Tensor,
}

impl Batch for Hole {
    fn try_map(&self, change: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            content: change(&self.content)?,
            edge: change(&self.edge)?,
            context: change(&self.context)?,
            mask: change(&self.mask)?,
        })
    }
}

impl Hole {
    /// Content, edges, context and mask side by side as channels, in the
    /// middle of zeros up to the next multiples.
    fn beside(&self, dtype: DType) -> Result<Framed> {
        let parts = [&self.content, &self.edge, &self.context, &self.mask];
        let (batch, _, height, width) = self.mask.dims4()?;
        for part in parts {
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
        let parts = parts.map(|part| part.to_dtype(dtype));
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
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
