//! Floor 2: [`DepthMap`], the one type everything downstream takes.

use ndarray::Array2;

pub use crate::networks::DepthKind;

/// A network's own numbers at image size, and what they mean.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthMap {
    values: Array2<f32>,
    kind: DepthKind,
}

impl DepthMap {
    /// Wraps `values` (`[H, W]`), which mean `kind`.
    pub fn new(values: Array2<f32>, kind: DepthKind) -> Self {
        Self { values, kind }
    }

    /// The numbers, `[H, W]`.
    pub fn values(&self) -> &Array2<f32> {
        &self.values
    }

    /// What they mean.
    pub fn kind(&self) -> DepthKind {
        self.kind
    }
}
