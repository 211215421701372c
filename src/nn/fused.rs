//! Where the choice between a fused kernel and stock candle operations is made.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, DType, Layout, Shape, Tensor};

use crate::Result;

/// Whether tensors like this one run the fused kernels of this room.
pub(super) fn runs_on(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// The elements of a single-precision CPU tensor, row-major.
pub(super) fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

/// Runs `kernel` on the elements of `x` and gives its result the shape `shape`.
pub(super) fn unary(
    name: &'static str,
    x: &Tensor,
    shape: impl Into<Shape>,
    kernel: impl Fn(&[f32]) -> Vec<f32>,
) -> Result<Tensor> {
    let op = Unary {
        name,
        shape: shape.into(),
        kernel,
    };
    Ok(x.contiguous()?.apply_op1_no_bwd(&op)?)
}

/// Runs `kernel` on the elements of `x` and `y` and gives its result the shape `shape`.
pub(super) fn binary(
    name: &'static str,
    x: &Tensor,
    y: &Tensor,
    shape: impl Into<Shape>,
    kernel: impl Fn(&[f32], &[f32]) -> Vec<f32>,
) -> Result<Tensor> {
    let op = Binary {
        name,
        shape: shape.into(),
        kernel,
    };
    Ok(x.contiguous()?.apply_op2_no_bwd(&y.contiguous()?, &op)?)
}

struct Unary<F> {
    name: &'static str,
    shape: Shape,
    kernel: F,
}

impl<F: Fn(&[f32]) -> Vec<f32>> CustomOp1 for Unary<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = (self.kernel)(elements(x, layout)?);
        Ok((CpuStorage::F32(out), self.shape.clone()))
    }
}

struct Binary<F> {
    name: &'static str,
    shape: Shape,
    kernel: F,
}

impl<F: Fn(&[f32], &[f32]) -> Vec<f32>> CustomOp2 for Binary<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = (self.kernel)(elements(x, x_layout)?, elements(y, y_layout)?);
        Ok((CpuStorage::F32(out), self.shape.clone()))
    }
}

fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => candle_core::bail!("a fused kernel was given a tensor that is not contiguous"),
    }
}
