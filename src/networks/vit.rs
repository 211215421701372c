//! Vision transformer blocks (Dosovitskiy et al. 2021), with the layer scale of CaiT.

use candle_core::Tensor;

use super::layers::{layer_norm, linear};
use crate::Result;
use crate::nn::{Activation, LayerNorm, Linear, attention};
use crate::weights::Weights;

/// One pre-norm block: attention, then a two-layer perceptron, each added to the tokens.
pub(super) struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
}

impl Block {
    /// Reads a block of `width` channels in DINOv2's names.
    pub(super) fn new(weights: &Weights<'_>, width: usize, heads: usize) -> Result<Self> {
        const EPS: f64 = 1e-6;
        let (attn, mlp) = (weights.pp("attn"), weights.pp("mlp"));
        Ok(Self {
            norm1: layer_norm(&weights.pp("norm1"), width, EPS)?,
            qkv: qkv(&attn, width)?,
            proj: linear(&attn.pp("proj"), width, width, Activation::None)?
                .scaled(weights.pp("ls1").tensor("gamma", width)?)?,
            norm2: layer_norm(&weights.pp("norm2"), width, EPS)?,
            fc1: linear(&mlp.pp("fc1"), width, 4 * width, Activation::Gelu)?,
            fc2: linear(&mlp.pp("fc2"), 4 * width, width, Activation::None)?
                .scaled(weights.pp("ls2").tensor("gamma", width)?)?,
            heads,
        })
    }

    /// Tokens `[B, N, C]` to tokens.
    pub(super) fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.norm1.forward(tokens)?)?;
        let tokens = self
            .proj
            .forward_add(&attention(&qkv, self.heads, None)?, tokens)?;
        let hidden = self.fc1.forward(&self.norm2.forward(&tokens)?)?;
        self.fc2.forward_add(&hidden, &tokens)
    }
}

/// The map to queries, keys and values, stored as one matrix or as three.
fn qkv(weights: &Weights<'_>, width: usize) -> Result<Linear> {
    if weights.contains("qkv.weight") {
        return linear(&weights.pp("qkv"), width, 3 * width, Activation::None);
    }
    let parts = ["query", "key", "value"].map(|part| weights.pp(part));
    let matrices = parts
        .iter()
        .map(|part| part.tensor("weight", (width, width)))
        .collect::<Result<Vec<_>>>()?;
    let biases = parts
        .iter()
        .map(|part| part.tensor("bias", width))
        .collect::<Result<Vec<_>>>()?;
    Linear::new(
        Tensor::cat(&matrices, 0)?,
        Some(Tensor::cat(&biases, 0)?),
        Activation::None,
    )
}
