//! Vision transformer blocks (Dosovitskiy et al. 2021) and their variants in
//! DINOv2 (Oquab et al. 2023) and BEiT (Bao et al. 2021).

use candle_core::Tensor;

use super::layers::{layer_norm, linear};
use crate::Result;
use crate::nn::{Activation, LayerNorm, Linear, attention};
use crate::weights::Weights;

/// Which transformer a block belongs to: they differ in a part or two and in names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Dosovitskiy et al.
    Vit,
    /// A layer scale (Touvron et al. 2021) at the end of both branches.
    Dino,
    /// A layer scale; keys have no bias.
    Beit,
}

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
    /// Reads a block of `width` channels in timm's names.
    pub(super) fn new(weights: &Weights<'_>, width: usize, heads: usize, variant: Variant) -> Result<Self> {
        const EPS: f64 = 1e-6;
        let (attn, mlp) = (weights.pp("attn"), weights.pp("mlp"));
        let scaled = |layer: Linear, branch: usize| match variant {
            Variant::Vit => Ok(layer),
            Variant::Dino => layer.scaled(weights.tensor(&format!("ls{branch}.gamma"), width)?),
            Variant::Beit => layer.scaled(weights.tensor(&format!("gamma_{branch}"), width)?),
        };
        Ok(Self {
            norm1: layer_norm(&weights.pp("norm1"), width, EPS)?,
            qkv: qkv(&attn, width, variant)?,
            proj: scaled(linear(&attn.pp("proj"), width, width, Activation::None)?, 1)?,
            norm2: layer_norm(&weights.pp("norm2"), width, EPS)?,
            fc1: linear(&mlp.pp("fc1"), width, 4 * width, Activation::Gelu)?,
            fc2: scaled(linear(&mlp.pp("fc2"), 4 * width, width, Activation::None)?, 2)?,
            heads,
        })
    }

    /// Tokens `[B, N, C]` to tokens; `bias` (`[heads, N, N]`) is added to the attention's scores.
    pub(super) fn forward(&self, tokens: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.norm1.forward(tokens)?)?;
        let tokens = self
            .proj
            .forward_add(&attention(&qkv, self.heads, bias)?, tokens)?;
        let hidden = self.fc1.forward(&self.norm2.forward(&tokens)?)?;
        self.fc2.forward_add(&hidden, &tokens)
    }
}

/// The map to queries, keys and values, stored as one matrix or as three.
fn qkv(weights: &Weights<'_>, width: usize, variant: Variant) -> Result<Linear> {
    let parts = ["query", "key", "value"].map(|part| weights.pp(part));
    let matrix = match weights.contains("qkv.weight") {
        true => weights.tensor("qkv.weight", (3 * width, width))?,
        false => {
            let matrices = parts
                .iter()
                .map(|part| part.tensor("weight", (width, width)))
                .collect::<Result<Vec<_>>>()?;
            Tensor::cat(&matrices, 0)?
        }
    };
    let bias = match variant {
        Variant::Beit => {
            let either = |one: &str, other| match weights.contains(one) {
                true => weights.tensor(one, width),
                false => weights.tensor(other, width),
            };
            let (query, value) = (either("query.bias", "q_bias")?, either("value.bias", "v_bias")?);
            Tensor::cat(&[&query, &query.zeros_like()?, &value], 0)?
        }
        _ if weights.contains("qkv.bias") => weights.tensor("qkv.bias", 3 * width)?,
        _ => {
            let biases = parts
                .iter()
                .map(|part| part.tensor("bias", width))
                .collect::<Result<Vec<_>>>()?;
            Tensor::cat(&biases, 0)?
        }
    };
    Linear::new(matrix, Some(bias), Activation::None)
}
