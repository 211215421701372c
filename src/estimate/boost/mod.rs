//! Boost: details from many small looks, put into the depth of the whole.
//!
//! Miangoleh, Dille, Mai, Paris and Aksoy, "Boosting Monocular Depth Estimation
//! Models to High-Resolution via Content-Adaptive Multi-Resolution Merging",
//! CVPR 2021, as the reference runs it: its sizes, patches and mask to the
//! number, held by golden data. Where it crashed (pictures too small for its
//! search) or divided by zero (constant estimates), this does not.

mod line;
mod mask;
mod patches;
mod plan;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, s};

pub use line::Line;
pub use mask::{profile, weights};
pub use patches::Patch;
pub use plan::Plan;

use crate::image::Size;
use crate::image::resize::opencv_cubic;
use crate::{Error, Monitor, Result};

/// Sides of the maps that are merged.
pub const MERGE_SIDE: usize = 1024;
/// What the reference lets a whole picture be estimated at, at most.
pub const DEFAULT_RMAX: usize = 1600;

/// The two networks behind a boosted depth map.
pub trait Networks {
    /// The depth of an RGB picture (`[H, W, 3]` in 0..1) at its own size, by a
    /// network whose input is `side` pixels wide and high.
    ///
    /// # Errors
    /// Whatever keeps it from estimating.
    fn depth(&self, picture: ArrayView3<'_, f64>, side: usize, monitor: &Monitor<'_>) -> Result<Array2<f32>>;

    /// The details of `inner` on the shape of `outer`; both are squares of
    /// [`MERGE_SIDE`] with values from -1 to 1, as is the result.
    ///
    /// # Errors
    /// Whatever keeps it from merging.
    fn merge(
        &self,
        outer: ArrayView2<'_, f32>,
        inner: ArrayView2<'_, f32>,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f32>>;
}

/// A boosted depth map, and the lines its patches were fitted by.
#[derive(Debug)]
pub struct Boosted {
    /// Depth at the picture's size, in the units of a merged map: about 0..1.
    pub values: Array2<f32>,
    /// How the numbers of each patch became those of the whole.
    pub lines: Vec<Line>,
}

/// Boosts the depth of an RGB picture (`[H, W, 3]` in 0..1) by a `plan` made
/// for it. Reports the stage `boost`, one step for the whole and one a patch.
///
/// # Errors
/// What the networks say, [`Error::Cancelled`], and [`Error::Invalid`] for a
/// picture that is not RGB.
pub fn boost(
    picture: ArrayView3<'_, f64>,
    plan: &Plan,
    networks: &dyn Networks,
    monitor: &Monitor<'_>,
) -> Result<Boosted> {
    let (height, width, channels) = picture.dim();
    if channels != 3 {
        return Err(Error::invalid(format!(
            "a picture with {channels} channels cannot be boosted; it must be RGB"
        )));
    }
    let steps = 1 + plan.patches.len() as u64;
    monitor.report("boost", 0, steps)?;
    let quiet = monitor.muted();
    let whole = double_estimate(picture, plan.field, plan.whole, networks, &quiet)?;
    monitor.report("boost", 1, steps)?;

    let scale = height as f64 / plan.target.height as f64;
    let size = Size {
        width: (plan.target.width as f64 * scale).round_ties_even() as usize,
        height: (plan.target.height as f64 * scale).round_ties_even() as usize,
    };
    let base = opencv_cubic(whole.view(), size)?;
    let guide = by_way_of(picture, plan.target, size)?;
    let mut updated = base.clone();
    let mut lines = Vec::with_capacity(plan.patches.len());
    for (index, patch) in plan.patches.iter().enumerate() {
        let (rows, columns) = patch.scaled(scale, size);
        if !rows.is_empty() && !columns.is_empty() {
            let cut = s![rows.clone(), columns.clone()];
            let outer = opencv_cubic(base.slice(cut), MERGE)?;
            let look = guide.slice(s![rows.clone(), columns.clone(), ..]);
            let detail = double_estimate(look, plan.field, 2 * plan.field, networks, &quiet)?;
            let merged = merge(outer.view(), detail.view(), networks, &quiet)?;
            let line = Line::fit(merged.view(), outer.view());
            let inside = Size {
                width: columns.len(),
                height: rows.len(),
            };
            let fitted = opencv_cubic(merged.mapv(|value| line.at(f64::from(value))).view(), inside)?;
            mask::blend(updated.slice_mut(cut), fitted.view())?;
            lines.push(line);
        }
        monitor.report("boost", 2 + index as u64, steps)?;
    }
    let values = opencv_cubic(updated.view(), Size { width, height })?;
    Ok(Boosted { values, lines })
}

const MERGE: Size = Size {
    width: MERGE_SIDE,
    height: MERGE_SIDE,
};

/// One look at the whole shape, one at the details, merged and stretched to 0..1.
fn double_estimate(
    picture: ArrayView3<'_, f64>,
    low: usize,
    high: usize,
    networks: &dyn Networks,
    monitor: &Monitor<'_>,
) -> Result<Array2<f32>> {
    let outer = opencv_cubic(networks.depth(picture, low, monitor)?.view(), MERGE)?;
    let inner = opencv_cubic(networks.depth(picture, high, monitor)?.view(), MERGE)?;
    Ok(stretched(merge(outer.view(), inner.view(), networks, monitor)?))
}

/// Two maps merged, in 0..1.
fn merge(
    outer: ArrayView2<'_, f32>,
    inner: ArrayView2<'_, f32>,
    networks: &dyn Networks,
    monitor: &Monitor<'_>,
) -> Result<Array2<f32>> {
    let both = |map: ArrayView2<'_, f32>| stretched(map.to_owned()).mapv_into(|value| value * 2.0 - 1.0);
    let merged = networks.merge(both(outer).view(), both(inner).view(), monitor)?;
    Ok(merged.mapv_into(|value| (value + 1.0) / 2.0))
}

/// The map from 0 to 1; a flat one becomes 0.
fn stretched(map: Array2<f32>) -> Array2<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let span = map.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
    if span > 0.0 {
        map.mapv_into(|value| (value - least) / span)
    } else {
        Array2::zeros(map.raw_dim())
    }
}

/// The picture at `size`, enlarged to `target` on the way: the reference cuts
/// its patches out of the enlarged picture. Width and height are done one
/// after the other, so that the large picture never exists.
fn by_way_of(picture: ArrayView3<'_, f64>, target: Size, size: Size) -> Result<Array3<f64>> {
    let height = picture.dim().0;
    let across = |width| Size { width, height };
    let wide = opencv_cubic(picture, across(target.width))?;
    let wide = opencv_cubic(wide.view(), across(size.width))?;
    let down = |height| Size {
        width: size.width,
        height,
    };
    let high = opencv_cubic(wide.view(), down(target.height))?;
    opencv_cubic(high.view(), down(size.height))
}
