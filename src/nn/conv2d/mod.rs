//! Convolution of feature maps.

mod dense;
mod depthwise;
mod plan;
mod pointwise;
pub(super) mod winograd;

use std::mem::MaybeUninit;

use candle_core::{DType, Tensor};

use super::Activation;
use super::fused::{self, to_vec};
use super::kernel::apart;
use super::simd::{Isa, Level, per_isa};
use super::torus;
use crate::{Error, Result};

/// Zero pixels added around a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns on the left.
    pub left: usize,
    /// Columns on the right.
    pub right: usize,
}

impl Padding {
    /// The same number of pixels on every side.
    pub const fn all(pixels: usize) -> Self {
        Self {
            top: pixels,
            bottom: pixels,
            left: pixels,
            right: pixels,
        }
    }

    /// TensorFlow's `SAME` for a `height` x `width` map: as many output pixels
    /// as the stride fits into the side, the odd pixel of padding below and
    /// on the right.
    pub const fn same((height, width): (usize, usize), kernel: usize, stride: usize) -> Self {
        const fn side(length: usize, kernel: usize, stride: usize) -> usize {
            (length.div_ceil(stride).saturating_sub(1) * stride + kernel).saturating_sub(length)
        }
        let (rows, columns) = (side(height, kernel, stride), side(width, kernel, stride));
        Self {
            top: rows / 2,
            bottom: rows - rows / 2,
            left: columns / 2,
            right: columns - columns / 2,
        }
    }

    /// The size of what a `kernel` makes of an `input` (`(height, width)` each), if it fits at all.
    pub(super) fn output(
        self,
        input: (usize, usize),
        kernel: (usize, usize),
        stride: usize,
        dilation: usize,
    ) -> Option<(usize, usize)> {
        let side = |length: usize, kernel: usize| {
            let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
            length
                .checked_sub(reach)?
                .checked_div(stride)
                .map(|steps| steps + 1)
        };
        Some((
            side(input.0 + self.top + self.bottom, kernel.0)?,
            side(input.1 + self.left + self.right, kernel.1)?,
        ))
    }
}

/// Everything about a convolution but its weights.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dConfig {
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: Padding,
    /// Whether opposite borders of the input are neighbours: the padding holds the pixels of the
    /// other side instead of zeros, and the result has a `stride`-th of the input's sides.
    pub wrap: bool,
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
            wrap: false,
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
    Dense(Weights),
    Pointwise(Weights),
    Winograd(winograd::Transformed),
}

#[derive(Clone, Debug)]
struct Weights {
    /// For every output channel `[inputs / groups, height, width]`.
    kernel: Vec<f32>,
    /// Elements from one output channel's weights to the next's.
    row: usize,
    bias: Vec<f32>,
}

impl Weights {
    /// For a matrix product: the rows [`apart`].
    fn product(kernel: &[f32], bias: Vec<f32>) -> Self {
        let depth = kernel.len() / bias.len();
        let row = apart(depth);
        let mut padded = vec![0.0; bias.len() * row];
        for (to, from) in padded.chunks_exact_mut(row).zip(kernel.chunks_exact(depth)) {
            to[..depth].copy_from_slice(from);
        }
        Self {
            kernel: padded,
            row,
            bias,
        }
    }
}

/// What is done to the sums of an output channel at the end.
#[derive(Clone, Copy)]
struct Finish<'a> {
    bias: f32,
    residual: Option<&'a [f32]>,
    activation: Activation,
}

impl Finish<'_> {
    /// Finishes rows of sums, `width` apart, and writes rows of `out_w`: all of `out`.
    fn rows(&self, level: Level, sums: &mut [f32], width: usize, out_w: usize, out: &mut [MaybeUninit<f32>]) {
        finish_rows(level, self, sums, width, out_w, out);
    }

    /// Finishes a row of sums, the first of which belongs to element `at` of the residual.
    #[inline(always)]
    fn apply<I: Isa>(&self, sums: &mut [f32], at: usize) {
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
        self.activation.apply::<I>(sums);
    }
}

per_isa! {
    fn finish_rows<I>(finish: &Finish<'_>, sums: &mut [f32], width: usize, out_w: usize, out: &mut [MaybeUninit<f32>]) {
        for (row, (sums, out)) in sums.chunks_mut(width).zip(out.chunks_exact_mut(out_w)).enumerate() {
            let sums = &mut sums[..out_w];
            finish.apply::<I>(sums, row * out_w);
            for (out, sum) in out.iter_mut().zip(sums.iter()) {
                out.write(*sum);
            }
        }
    }
}

/// Sizes of one run.
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
                let row = kernel.len() / outputs;
                Kernel::Depthwise(Weights { kernel, row, bias })
            } else if pointwise::suits(shape, &config) {
                Kernel::Pointwise(Weights::product(&kernel, bias))
            } else {
                Kernel::Dense(Weights::product(&kernel, bias))
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
        if self.config.wrap && self.config.padding != Padding::default() {
            return self.apply_wrapped(x, residual);
        }
        self.apply_padded(x, residual)
    }

    /// Around the map a ring of the opposite sides' pixels, so wide that no zeros reach the middle
    /// of the result.
    fn apply_wrapped(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
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
            .map(|residual| torus::surrounded(residual, ring / stride))
            .transpose()?;
        let y = self.apply_padded(&torus::surrounded(x, ring)?, residual.as_ref())?;
        torus::middle(&y, ring / stride, (h.div_ceil(stride), w.div_ceil(stride)))
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
                kernel.run(x, None, &geometry, &self.config)
            }),
            (Map::Fused(kernel), Some(residual)) => {
                fused::binary("conv2d", x, residual, shape, |x, residual| {
                    kernel.run(x, Some(residual), &geometry, &self.config)
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
        Some(kernel.run(x, residual, &geometry, &self.config))
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
        geometry: &Geometry,
        config: &Conv2dConfig,
    ) -> Vec<f32> {
        match self {
            Self::Depthwise(weights) => depthwise::run(x, weights, residual, geometry, config),
            Self::Pointwise(weights) => pointwise::run(x, weights, residual, geometry, config),
            Self::Dense(weights) => dense::run(x, weights, residual, geometry, config),
            Self::Winograd(weights) => weights.run(x, residual, geometry, config),
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
