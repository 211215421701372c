//! Floor 2: [`DepthMap`], the one type everything downstream takes.

use ndarray::Array2;

/// What the numbers of a [`DepthMap`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthKind {
    /// Relative inverse depth: near is large, scale and shift are arbitrary.
    Inverse,
    /// Relative depth: near is small, scale and shift are arbitrary.
    Depth,
    /// Metres along the optical axis: near is small.
    Metric,
}

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
