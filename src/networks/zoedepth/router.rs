//! Which of two domains a picture belongs to.

use candle_core::{DType, Device, Tensor};

use super::Activation;
use crate::Result;
use crate::networks::layers::{conv2d, layer_norm, linear};
use crate::networks::progress::Progress;
use crate::nn::{Conv2d, Conv2dConfig, LayerNorm, Linear, attention};
use crate::weights::Weights;

/// A small transformer (Vaswani et al. 2017) over a bottleneck's pixels, and a
/// classifier on the token in front of them.
pub(super) struct Router {
    embed: Conv2d,
    layers: Vec<Layer>,
    hidden: Linear,
    logits: Linear,
}

impl Router {
    const LAYERS: usize = 4;

    pub(super) fn new(weights: &Weights<'_>, features: usize, width: usize) -> Result<Self> {
        let (transformer, classifier) = (weights.pp("patch_transformer"), weights.pp("mlp_classifier"));
        let layers = transformer.pp("transformer_encoder.layers");
        Ok(Self {
            embed: conv2d(
                &transformer.pp("embedding_convPxP"),
                features,
                width,
                1,
                Conv2dConfig::default(),
            )?,
            layers: (0..Self::LAYERS)
                .map(|i| Layer::new(&layers.pp(i), width))
                .collect::<Result<_>>()?,
            hidden: linear(&classifier.pp(0), width, width, Activation::Relu)?,
            logits: linear(&classifier.pp(2), width, 2, Activation::None)?,
        })
    }

    /// The domain, 0 or 1, of the bottleneck `[1, C, h, w]`.
    pub(super) fn domain(&self, bottleneck: &Tensor, progress: &Progress<'_>) -> Result<usize> {
        let pixels = self.embed.forward(bottleneck)?.flatten_from(2)?.transpose(1, 2)?;
        let (_, count, width) = pixels.dims3()?;
        // The token in front starts as zeros and its position.
        let tokens = pixels.pad_with_zeros(1, 1, 0)?;
        let positions = sinusoids(1 + count, width, pixels.device())?.to_dtype(pixels.dtype())?;
        let mut tokens = tokens.broadcast_add(&positions)?;
        for layer in &self.layers {
            tokens = layer.forward(&tokens)?;
        }
        let logits = self
            .logits
            .forward(&self.hidden.forward(&tokens.narrow(1, 0, 1)?)?)?;
        progress.show("mlp_classifier", &logits.squeeze(1)?);
        let logits = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        Ok(usize::from(logits[1] > logits[0]))
    }
}

/// Positions `[1, count, width]`: the sines of all frequencies, then the cosines.
fn sinusoids(count: usize, width: usize, device: &Device) -> Result<Tensor> {
    let half = width / 2;
    let frequency = |i: usize| 10_000f64.powf(-2.0 * i as f64 / width as f64);
    let row = |position: usize| {
        let angles = (0..half).map(move |i| position as f64 * frequency(i));
        let sines = angles.clone().map(|angle| angle.sin() as f32);
        sines.chain(angles.map(|angle| angle.cos() as f32))
    };
    let values: Vec<f32> = (0..count).flat_map(row).collect();
    Ok(Tensor::from_vec(values, (1, count, 2 * half), device)?)
}

/// A post-norm transformer layer.
struct Layer {
    qkv: Linear,
    proj: Linear,
    norm1: LayerNorm,
    linear1: Linear,
    linear2: Linear,
    norm2: LayerNorm,
}

impl Layer {
    const HEADS: usize = 4;

    fn new(weights: &Weights<'_>, width: usize) -> Result<Self> {
        const EPS: f64 = 1e-5;
        let attention = weights.pp("self_attn");
        Ok(Self {
            qkv: qkv(&attention, width)?,
            proj: linear(&attention.pp("out_proj"), width, width, Activation::None)?,
            norm1: layer_norm(&weights.pp("norm1"), width, EPS)?,
            linear1: linear(&weights.pp("linear1"), width, 8 * width, Activation::Relu)?,
            linear2: linear(&weights.pp("linear2"), 8 * width, width, Activation::None)?,
            norm2: layer_norm(&weights.pp("norm2"), width, EPS)?,
        })
    }

    fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let mixed = attention(&self.qkv.forward(tokens)?, Self::HEADS, None)?;
        let tokens = self.norm1.forward(&self.proj.forward_add(&mixed, tokens)?)?;
        let hidden = self.linear1.forward(&tokens)?;
        self.norm2.forward(&self.linear2.forward_add(&hidden, &tokens)?)
    }
}

/// The map to queries, keys and values, stored as one matrix or as three.
fn qkv(weights: &Weights<'_>, width: usize) -> Result<Linear> {
    let (matrix, bias) = match weights.contains("in_proj_weight") {
        true => (
            weights.tensor("in_proj_weight", (3 * width, width))?,
            weights.tensor("in_proj_bias", 3 * width)?,
        ),
        false => {
            let parts = ["query", "key", "value"].map(|part| weights.pp(part));
            let matrices = parts.iter().map(|part| part.tensor("weight", (width, width)));
            let biases = parts.iter().map(|part| part.tensor("bias", width));
            (
                Tensor::cat(&matrices.collect::<Result<Vec<_>>>()?, 0)?,
                Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?,
            )
        }
    };
    Linear::new(matrix, Some(bias), Activation::None)
}
