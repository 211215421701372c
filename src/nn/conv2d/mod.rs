//! Convolution of feature maps.

mod depthwise;
mod im2col;
mod implicit_gemm;
mod pointwise;
pub(super) mod winograd;

use std::mem::MaybeUninit;

use candle_core::{DType, Tensor};

use super::Activation;
use super::fused::{self, to_vec};
use super::gemm::leading_dimension;
use super::padding::{Padding, crop, pad_circular};
use crate::simd::{Isa, Level, per_isa};
use crate::{Error, Result};

/// Everything about a convolution but its weights.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dConfig {
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: Padding,
    /// Circular padding: opposite borders of the input are neighbours, so the padding holds the pixels
    /// of the other side instead of zeros, and the result has a `stride`-th of the input's sides.
    pub circular: bool,
    /// Pixels from one tap of the kernel to the next.
    pub dilation: usize,
    /// Groups of channels that see only each other.
    pub groups: usize,
    /// Whether a rectifier is applied to the input first.
    pub relu_input: bool,
    /// What that rectifier multiplies negative inputs by, less than 1: 0 makes it `max(x, 0)`.
    pub input_slope: f32,
    /// What is applied to the result.
    pub activation: Activation,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self {
            stride: 1,
            padding: Padding::default(),
            circular: false,
            dilation: 1,
            groups: 1,
            relu_input: false,
            input_slope: 0.0,
            activation: Activation::None,
        }
    }
}

/// A convolution (cross-correlation, as in every framework) with bias and activation.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[outputs, inputs / groups, height, width]`.
    shape: (usize, usize, usize, usize),
    config: Conv2dConfig,
    map: Map,
}

#[derive(Clone, Debug)]
enum Map {
    Fused(Kernel),
    Stock { weight: Tensor, bias: Option<Tensor> },
}

/// The fused kernels, each with its weights.
#[derive(Clone, Debug)]
enum Kernel {
    Depthwise(Weights),
    ImplicitGemm(Weights),
    Pointwise(Weights),
    Winograd(winograd::Transformed),
}

#[derive(Clone, Debug)]
struct Weights {
    /// For every output channel `[inputs / groups, height, width]`.
    kernel: Vec<f32>,
    /// The leading dimension: elements from one output channel's weights to the next's.
    ld: usize,
    bias: Vec<f32>,
}

impl Weights {
    /// As the A of a GEMM.
    fn matrix(kernel: &[f32], bias: Vec<f32>) -> Self {
        let depth = kernel.len() / bias.len();
        let ld = leading_dimension(depth);
        let mut padded = vec![0.0; bias.len() * ld];
        for (to, from) in padded.chunks_exact_mut(ld).zip(kernel.chunks_exact(depth)) {
            to[..depth].copy_from_slice(from);
        }
        Self {
            kernel: padded,
            ld,
            bias,
        }
    }
}

/// What is done to the sums of an output channel at the end.
#[derive(Clone, Copy)]
struct ChannelEpilogue<'a> {
    bias: f32,
    residual: Option<&'a [f32]>,
    activation: Activation,
}

impl ChannelEpilogue<'_> {
    /// Finishes rows of sums with leading dimension `ld` and writes rows of `out_w`: all of `out`.
    fn rows(&self, level: Level, sums: &mut [f32], ld: usize, out_w: usize, out: &mut [MaybeUninit<f32>]) {
        epilogue_of_rows(level, self, sums, ld, out_w, out);
    }

    /// Finishes a row of sums, the first of which belongs to element `at` of the residual.
    #[inline(always)]
    fn apply<I: Isa>(&self, isa: I, sums: &mut [f32], at: usize) {
        match self.residual {
            None => {
                for sum in sums.iter_mut() {
                    *sum += self.bias;
                }
            }
            Some(residual) => {
                for (sum, residual) in sums.iter_mut().zip(&residual[at..]) {
                    *sum += self.bias + residual;
                }
            }
        }
        self.activation.apply(isa, sums);
    }
}

per_isa! {
    fn epilogue_of_rows<I>(
        isa: I, epilogue: &ChannelEpilogue<'_>, sums: &mut [f32], ld: usize, out_w: usize, out: &mut [MaybeUninit<f32>],
    ) {
        for (row, (sums, out)) in sums.chunks_mut(ld).zip(out.chunks_exact_mut(out_w)).enumerate() {
            let sums = &mut sums[..out_w];
            epilogue.apply(isa, sums, row * out_w);
            for (out, sum) in out.iter_mut().zip(sums.iter()) {
                out.write(*sum);
            }
        }
    }
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    batch: usize,
    inputs: usize,
    outputs: usize,
    h: usize,
    w: usize,
    out_h: usize,
    out_w: usize,
    kernel_h: usize,
    kernel_w: usize,
}

/// What a kernel computes, but for the weights.
struct Call<'a> {
    level: Level,
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    geometry: Geometry,
    config: &'a Conv2dConfig,
}

impl<'a> Call<'a> {
    /// The epilogue of `count` results from element `at` on, of an output channel with this bias.
    fn epilogue(&self, bias: f32, at: usize, count: usize) -> ChannelEpilogue<'a> {
        ChannelEpilogue {
            bias,
            residual: self.residual.map(|residual| &residual[at..][..count]),
            activation: self.config.activation,
        }
    }
}

impl Conv2d {
    /// A convolution with the kernel `weight` (`[outputs, inputs / groups,
    /// height, width]`) and the vector `bias` (`[outputs]`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if the shapes are not those, or a number of `config` is 0.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Result<Self> {
        let shape = weight.dims4()?;
        let outputs = shape.0;
        if weight.elem_count() == 0 {
            return Err(Error::invalid(format!(
                "a convolution cannot have weights of shape {shape:?}"
            )));
        }
        if config.stride == 0 || config.dilation == 0 || config.groups == 0 || outputs % config.groups != 0 {
            return Err(Error::invalid(format!(
                "a convolution with {outputs} output channels cannot have {config:?}; stride, dilation and groups must be \
                 at least 1 and the groups must divide the channels"
            )));
        }
        if let Some(bias) = &bias
            && bias.dims() != [outputs]
        {
            return Err(Error::invalid(format!(
                "a convolution with {outputs} output channels has a bias of shape {:?}; it must be [{outputs}]",
                bias.dims()
            )));
        }
        let map = if fused::runs_on(&weight) {
            let kernel = to_vec(&weight)?;
            let bias = match &bias {
                Some(bias) => to_vec(bias)?,
                None => vec![0.0; outputs],
            };
            Map::Fused(if winograd::Transformed::suits(shape, &config) {
                Kernel::Winograd(winograd::Transformed::new(&kernel, bias))
            } else if config.groups == outputs && shape.1 == 1 {
                let ld = kernel.len() / outputs;
                Kernel::Depthwise(Weights { kernel, ld, bias })
            } else if pointwise::suits(shape, &config) {
                Kernel::Pointwise(Weights::matrix(&kernel, bias))
            } else {
                Kernel::ImplicitGemm(Weights::matrix(&kernel, bias))
            })
        } else {
            Map::Stock { weight, bias }
        };
        Ok(Self { shape, config, map })
    }

    /// Maps `x` (`[B, inputs, H, W]`) to `[B, outputs, H', W']`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the channels do not fit or the kernel is larger than the padded map.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, None)
    }

    /// `activation(convolution + bias + residual)`; `residual` has the shape of the result.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a shape does not fit.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.apply(x, Some(residual))
    }

    fn apply(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        if self.config.circular && self.config.padding != Padding::default() {
            return self.apply_circular(x, residual);
        }
        self.apply_padded(x, residual)
    }

    /// Around the map a ring of the opposite sides' pixels, so wide that no zeros reach the middle
    /// of the result.
    fn apply_circular(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        let Conv2dConfig { stride, padding, .. } = self.config;
        let Padding {
            top,
            bottom,
            left,
            right,
        } = padding;
        let ring = top.max(bottom).max(left).max(right).next_multiple_of(stride);
        let residual = residual
            .map(|residual| pad_circular(residual, ring / stride))
            .transpose()?;
        let y = self.apply_padded(&pad_circular(x, ring)?, residual.as_ref())?;
        crop(&y, ring / stride, (h.div_ceil(stride), w.div_ceil(stride)))
    }

    fn apply_padded(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let geometry = self.geometry(x.dims4()?)?;
        let Geometry {
            batch,
            outputs,
            out_h,
            out_w,
            ..
        } = geometry;
        let shape = (batch, outputs, out_h, out_w);
        if let Some(residual) = residual
            && residual.dims4()? != shape
        {
            return Err(Error::invalid(format!(
                "a tensor of shape {:?} cannot be added to a result of shape {shape:?}",
                residual.dims()
            )));
        }
        match (&self.map, residual) {
            (Map::Stock { weight, bias }, _) => self.stock(x, weight, bias.as_ref(), residual),
            (Map::Fused(kernel), None) => fused::unary("conv2d", x, shape, |x| {
                kernel.run(x, None, geometry, &self.config)
            }),
            (Map::Fused(kernel), Some(residual)) => {
                fused::binary("conv2d", x, residual, shape, |x, residual| {
                    kernel.run(x, Some(residual), geometry, &self.config)
                })
            }
        }
    }

    /// [`forward_add`](Self::forward_add) for the elements of a `[B, inputs, H, W]` tensor, if the weights
    /// lie in memory in single precision.
    pub(super) fn run(
        &self,
        x: &[f32],
        size: (usize, usize, usize, usize),
        residual: Option<&[f32]>,
    ) -> Option<Vec<f32>> {
        let Map::Fused(kernel) = &self.map else {
            return None;
        };
        let geometry = self.geometry(size).ok()?;
        let results = geometry.batch * geometry.outputs * geometry.out_h * geometry.out_w;
        assert!(residual.is_none_or(|residual| residual.len() == results));
        Some(kernel.run(x, residual, geometry, &self.config))
    }

    fn geometry(&self, size: (usize, usize, usize, usize)) -> Result<Geometry> {
        let Conv2dConfig {
            stride,
            padding,
            dilation,
            groups,
            ..
        } = self.config;
        let (batch, inputs, h, w) = size;
        let (outputs, group_inputs, kernel_h, kernel_w) = self.shape;
        if inputs != group_inputs * groups {
            return Err(Error::invalid(format!(
                "a convolution with {} input channels was given a tensor of shape {:?}",
                group_inputs * groups,
                [batch, inputs, h, w]
            )));
        }
        let Some((out_h, out_w)) = padding.output((h, w), (kernel_h, kernel_w), stride, dilation) else {
            return Err(Error::invalid(format!(
                "a kernel of {kernel_w} x {kernel_h} with dilation {dilation} does not fit a map of {w} x {h}"
            )));
        };
        Ok(Geometry {
            batch,
            inputs,
            outputs,
            h,
            w,
            out_h,
            out_w,
            kernel_h,
            kernel_w,
        })
    }

    fn stock(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Conv2dConfig {
            stride,
            padding,
            dilation,
            groups,
            relu_input,
            input_slope,
            activation,
            ..
        } = self.config;
        let x = match (relu_input, input_slope) {
            (false, _) => x.clone(),
            (true, 0.0) => x.relu()?,
            (true, slope) => candle_nn::ops::leaky_relu(x, f64::from(slope))?,
        };
        let Padding {
            top,
            bottom,
            left,
            right,
        } = padding;
        let x = x.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)?;
        let (outputs, inputs, kernel_h, kernel_w) = self.shape;
        let mut y = if groups == outputs && inputs == 1 && groups > 1 {
            stock_depthwise(&x, weight, stride, dilation)?
        } else if (kernel_h, kernel_w, stride, groups) == (1, 1, 1, 1) {
            // Without the copies that a stock convolution lays out for its product.
            let (batch, _, h, w) = x.dims4()?;
            let x = x.contiguous()?.reshape((batch, inputs, h * w))?;
            let y = weight.reshape((outputs, inputs))?.broadcast_matmul(&x)?;
            y.reshape((batch, outputs, h, w))?
        } else {
            x.conv2d(weight, 0, stride, dilation, groups)?
        };
        if let Some(bias) = bias {
            y = y.broadcast_add(&bias.reshape((1, (), 1, 1))?)?;
        }
        if let Some(residual) = residual {
            y = (y + residual)?;
        }
        activation.stock(&y)
    }
}

/// A convolution of every channel with a kernel of its own, as a sum over the kernel's taps.
/// Stock convolution would launch several operations per channel.
fn stock_depthwise(x: &Tensor, weight: &Tensor, stride: usize, dilation: usize) -> Result<Tensor> {
    let (channels, _, kernel_h, kernel_w) = weight.dims4()?;
    // Half precision is too coarse for the sum.
    let wide = if x.dtype() == DType::F64 {
        DType::F64
    } else {
        DType::F32
    };
    let (wide_x, weight) = (x.to_dtype(wide)?, weight.to_dtype(wide)?);
    let every = |x: &Tensor, axis: usize, first: usize, kernel: usize| -> Result<Tensor> {
        let count = (x.dim(axis)? - (kernel - 1) * dilation - 1) / stride + 1;
        if stride == 1 {
            return Ok(x.narrow(axis, first, count)?);
        }
        let index: Vec<u32> = (0..count).map(|i| (first + i * stride) as u32).collect();
        Ok(x.index_select(&Tensor::new(index, x.device())?, axis)?)
    };
    let mut sum: Option<Tensor> = None;
    for row in 0..kernel_h {
        let rows = every(&wide_x, 2, row * dilation, kernel_h)?.contiguous()?;
        for column in 0..kernel_w {
            let seen = every(&rows, 3, column * dilation, kernel_w)?;
            let tap = weight
                .narrow(2, row, 1)?
                .narrow(3, column, 1)?
                .reshape((1, channels, 1, 1))?;
            let part = seen.broadcast_mul(&tap)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
    }
    match sum {
        Some(sum) => Ok(sum.to_dtype(x.dtype())?),
        None => Err(Error::invalid("a convolution cannot have an empty kernel")),
    }
}

impl Kernel {
    fn run(
        &self,
        x: &[f32],
        residual: Option<&[f32]>,
        geometry: Geometry,
        config: &Conv2dConfig,
    ) -> Vec<f32> {
        let call = Call {
            level: Level::detected(),
            x,
            residual,
            geometry,
            config,
        };
        match self {
            Self::Depthwise(weights) => depthwise::run(&call, weights),
            Self::Pointwise(weights) => pointwise::run(&call, weights),
            Self::ImplicitGemm(weights) => implicit_gemm::run(&call, weights),
            Self::Winograd(weights) => weights.run(&call),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn numbers(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>() as u32;
        let values: Vec<f32> = (0..count)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0)
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn values(x: &Tensor) -> Vec<f64> {
        let x = x.to_dtype(DType::F64).unwrap();
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The other tests run on the best instruction set of the machine alone.
    #[test]
    fn every_instruction_set_agrees_with_stock_operations() {
        for (inputs, outputs, kernel, stride, dilation, groups, (h, w)) in [
            (5, 14, 1, 1, 1, 1, (3, 7)),
            (9, 30, 1, 1, 1, 1, (5, 35)),
            (6, 6, 3, 1, 1, 6, (9, 35)),
            (4, 4, 5, 1, 1, 4, (7, 18)),
            (4, 4, 5, 2, 1, 4, (10, 21)),
            (3, 13, 3, 2, 1, 1, (9, 30)),
            (4, 50, 3, 1, 1, 1, (6, 5)),
            (16, 24, 3, 1, 1, 1, (7, 9)),
            (16, 16, 3, 1, 1, 4, (8, 37)),
            (16, 16, 3, 1, 2, 1, (9, 13)),
        ] {
            for activation in [Activation::None, Activation::Relu6, Activation::Gelu] {
                let config = Conv2dConfig {
                    stride,
                    dilation,
                    groups,
                    padding: Padding::all(kernel / 2 * dilation),
                    activation,
                    ..Default::default()
                };
                let weight = numbers(&[outputs, inputs / groups, kernel, kernel]);
                let (bias, x) = (numbers(&[outputs]), numbers(&[1, inputs, h, w]));
                let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
                let stock = Conv2d::new(wide(&weight), Some(wide(&bias)), config).unwrap();
                let want = stock.forward(&wide(&x)).unwrap();
                let residual = want.to_dtype(DType::F32).unwrap();
                let with_residual = stock.forward_add(&wide(&x), &wide(&residual)).unwrap();
                for level in Level::available() {
                    let fused = level.force(|| {
                        let layer = Conv2d::new(weight.clone(), Some(bias.clone()), config).unwrap();
                        [layer.forward(&x), layer.forward_add(&x, &residual)].map(Result::unwrap)
                    });
                    for (got, want) in fused.iter().zip([&want, &with_residual]) {
                        assert_eq!(got.dims(), want.dims());
                        for (got, want) in values(got).into_iter().zip(values(want)) {
                            assert!(
                                (got - want).abs() <= 2e-5 * want.abs().max(1.0),
                                "{level:?}, {inputs} -> {outputs}, {kernel} x {kernel}, {config:?}: {got}, not {want}"
                            );
                        }
                    }
                }
            }
        }
    }
}
