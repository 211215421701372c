//! Boost: details from estimates of many small patches, put into the depth of the whole.
//!
//! Miangoleh, Dille, Mai, Paris and Aksoy, "Boosting Monocular Depth Estimation
//! Models to High-Resolution via Content-Adaptive Multi-Resolution Merging",
//! CVPR 2021, as the reference runs it: its sizes, patches and mask to the
//! number, held by golden data. Where it crashed (pictures too small for its
//! search) or divided by zero (constant estimates), this does not.
//!
//! A patch is merged into the estimate of the whole as it was before any patch,
//! so the networks can take several patches at once; only laying the results
//! over each other has an order.

mod edges;
mod guided_merge;
mod line;
mod mask;
mod network;
mod patches;
mod plan;
mod progress;

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView3, Ix2, SliceInfo, SliceInfoElem, s};

pub use guided_merge::guided_merge;
pub use line::Line;
pub use mask::{profile, weights};
pub use network::{BoostOptions, Merge, Merger};
pub use patches::Patch;
pub use plan::Plan;

use self::progress::{Part, TimedProgress};
use crate::image::Size;
use crate::image::resize::opencv_cubic;
use crate::{Error, Monitor, Result};

/// Sides of the maps that are merged.
pub const MERGE_SIDE: usize = 1024;

/// Two depth maps to be merged, squares of [`MERGE_SIDE`] with values from -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Right about the whole.
    pub outer: Array2<f32>,
    /// Right about the details.
    pub inner: Array2<f32>,
}

/// The two networks behind a boosted depth map.
pub trait Networks: Sync {
    /// A picture made ready for the depth network.
    type Input: Send + Sync;

    /// Makes an RGB picture (`[H, W, 3]` in 0..1) ready for an input of about
    /// `side` x `side` pixels. Runs while others are in the network.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a picture without pixels.
    fn prepare(&self, picture: ArrayView3<'_, f32>, side: usize) -> Result<Self::Input>;

    /// The depth of pictures that are ready, each at the picture's own size.
    ///
    /// # Errors
    /// Whatever keeps it from estimating.
    fn depths(&self, inputs: &[Self::Input], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>>;

    /// The details of the inner maps on the shape of the outer ones, of the
    /// same size and range.
    ///
    /// # Errors
    /// Whatever keeps it from merging.
    fn merge(&self, pairs: &[Pair], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>>;

    /// How many patches should go through the networks together, when the
    /// larger of their inputs is about `side` x `side` pixels.
    fn batch_size(&self, side: usize) -> usize {
        let _ = side;
        1
    }
}

/// A boosted depth map, and the lines its patches were fitted by.
#[derive(Debug)]
pub struct Boosted {
    /// Depth at the picture's size, in the units of a merged map: about 0..1.
    pub values: Array2<f32>,
    /// The plain estimate of the whole picture, in the depth network's units.
    pub plain: Array2<f32>,
    /// How the numbers of each patch became those of the whole.
    pub lines: Vec<Line>,
}

/// Boosts the depth of an 8-bit RGB picture (`[H, W, 3]`) by a `plan` made for it.
///
/// Reports the stages `boost: whole picture` and `boost: patch 3 of 11` with
/// thousandths of the whole run's time, which is measured as it goes: what is
/// left can be told from them.
///
/// # Errors
/// What the networks say, [`Error::Cancelled`] within a patch, and
/// [`Error::Invalid`] for a picture that is not RGB.
pub fn boost<N: Networks>(
    picture: ArrayView3<'_, u8>,
    plan: &Plan,
    networks: &N,
    monitor: &Monitor<'_>,
) -> Result<Boosted> {
    let (height, width, channels) = picture.dim();
    if channels != 3 {
        return Err(Error::invalid(format!(
            "a picture with {channels} channels cannot be boosted; it must be RGB"
        )));
    }
    let run = Run {
        networks,
        field: plan.field,
        progress: TimedProgress::new(plan, monitor),
    };
    let picture = picture.mapv(|byte| f32::from(byte) / 255.0);
    let (plain, whole) = run.whole(picture.view(), plan.whole)?;

    let scale = height as f64 / plan.target.height as f64;
    let size = Size {
        width: (plan.target.width as f64 * scale).round_ties_even() as usize,
        height: (plan.target.height as f64 * scale).round_ties_even() as usize,
    };
    let base = opencv_cubic(whole.view(), size)?;
    let mut updated = base.clone();
    let mut lines = Vec::with_capacity(plan.patches.len());
    if !plan.patches.is_empty() {
        let regions: Vec<_> = plan
            .patches
            .iter()
            .map(|patch| Region::of(patch, scale, size))
            .filter(|region| !region.is_empty())
            .collect();
        let picture = by_way_of(picture, plan.target, size)?;
        run.patches(picture.view(), &base, &regions, |region, line, values| {
            lines.push(line);
            mask::blend(updated.slice_mut(region.cut()), values.view())
        })?;
    }
    let values = opencv_cubic(updated.view(), Size { width, height })?;
    run.progress.finished()?;
    Ok(Boosted { values, plain, lines })
}

const MERGE: Size = Size {
    width: MERGE_SIDE,
    height: MERGE_SIDE,
};

/// Where a patch lies in the picture.
struct Region {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Region {
    fn of(patch: &Patch, scale: f64, size: Size) -> Self {
        let (rows, columns) = patch.scaled(scale, size);
        Self { rows, columns }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() || self.columns.is_empty()
    }

    fn size(&self) -> Size {
        Size {
            width: self.columns.len(),
            height: self.rows.len(),
        }
    }

    fn cut(&self) -> SliceInfo<[SliceInfoElem; 2], Ix2, Ix2> {
        s![self.rows.clone(), self.columns.clone()]
    }
}

/// The two inputs for every patch of a batch: for its shape, and for its details.
struct PatchInputs<I> {
    low: Vec<I>,
    high: Vec<I>,
}

struct Run<'a, N> {
    networks: &'a N,
    field: usize,
    progress: TimedProgress<'a>,
}

impl<N: Networks> Run<'_, N> {
    /// The plain estimate of the whole picture, and the one with its details in 0..1.
    fn whole(&self, picture: ArrayView3<'_, f32>, side: usize) -> Result<(Array2<f32>, Array2<f32>)> {
        let prepare = |side| self.networks.prepare(picture, side).map(|input| vec![input]);
        let low = prepare(self.field)?;
        let mut plain = self.depths(Part::Field, &low)?;
        let high = self.depths(Part::Whole, &prepare(side)?)?;
        let mut whole = self.double_estimates(&plain, &high)?;
        plain.pop().zip(whole.pop()).ok_or_else(nothing)
    }

    /// Estimates every region and hands over its depth, fitted to the whole, in order.
    fn patches(
        &self,
        picture: ArrayView3<'_, f32>,
        base: &Array2<f32>,
        regions: &[Region],
        mut lay: impl FnMut(&Region, Line, Array2<f64>) -> Result<()> + Send,
    ) -> Result<()> {
        let most = self.networks.batch_size(2 * self.field).max(1);
        let mut batches = regions.chunks(most).peekable();
        let prepare = |regions: &&[Region]| self.prepared(picture, regions);
        let mut ready = batches.peek().map(prepare).transpose()?;
        let mut done = 0;
        while let (Some(regions), Some(batch)) = (batches.next(), ready.take()) {
            self.progress.at_patch(done + 1)?;
            // What comes next is made ready in the shadow of the networks.
            let next = batches.peek();
            let (laid, following) = rayon::join(
                || -> Result<()> {
                    for (region, (line, values)) in regions.iter().zip(self.fitted(batch, base, regions)?) {
                        lay(region, line, values)?;
                    }
                    Ok(())
                },
                || next.map(prepare).transpose(),
            );
            laid?;
            ready = following?;
            done += regions.len();
        }
        Ok(())
    }

    fn prepared(&self, picture: ArrayView3<'_, f32>, regions: &[Region]) -> Result<PatchInputs<N::Input>> {
        let inputs = |side| {
            regions
                .iter()
                .map(|region| {
                    let part = picture.slice(s![region.rows.clone(), region.columns.clone(), ..]);
                    self.networks.prepare(part, side)
                })
                .collect::<Result<_>>()
        };
        Ok(PatchInputs {
            low: inputs(self.field)?,
            high: inputs(2 * self.field)?,
        })
    }

    /// The depth of a batch of patches at their own size, and the line that made it fit to the whole.
    fn fitted(
        &self,
        batch: PatchInputs<N::Input>,
        base: &Array2<f32>,
        regions: &[Region],
    ) -> Result<Vec<(Line, Array2<f64>)>> {
        let low = self.depths(Part::Field, &batch.low)?;
        let high = self.depths(Part::Patch, &batch.high)?;
        drop(batch);
        let details = self.double_estimates(&low, &high)?;
        let outers = regions
            .iter()
            .map(|region| opencv_cubic(base.slice(region.cut()), MERGE))
            .collect::<Result<Vec<_>>>()?;
        let merged = self.merged(&outers, details)?;
        let parts = regions.iter().zip(outers).zip(merged);
        parts
            .map(|((region, outer), merged)| {
                let line = Line::fit(merged.view(), outer.view());
                let fitted = merged.mapv(|value| line.at(f64::from(value)));
                Ok((line, opencv_cubic(fitted.view(), region.size())?))
            })
            .collect()
    }

    /// Estimates of the shape and of the details, merged and stretched to 0..1.
    fn double_estimates(&self, low: &[Array2<f32>], high: &[Array2<f32>]) -> Result<Vec<Array2<f32>>> {
        let squares = |maps: &[Array2<f32>]| {
            let maps = maps.iter().map(|map| opencv_cubic(map.view(), MERGE));
            maps.collect::<Result<Vec<_>>>()
        };
        let merged = self.merged(&squares(low)?, squares(high)?)?;
        Ok(merged.into_iter().map(stretched).collect())
    }

    /// Pairs of squares merged, about 0..1.
    fn merged(&self, outers: &[Array2<f32>], inners: Vec<Array2<f32>>) -> Result<Vec<Array2<f32>>> {
        let both = |map| stretched(map).mapv_into(|value| value * 2.0 - 1.0);
        let pairs = outers.iter().zip(inners).map(|(outer, inner)| Pair {
            outer: both(outer.clone()),
            inner: both(inner),
        });
        let pairs: Vec<_> = pairs.collect();
        let count = pairs.len();
        let merged = self
            .progress
            .timed(Part::Merge, count, |monitor| self.networks.merge(&pairs, monitor))?;
        counted(merged, count).map(|merged| {
            let halved = |map: Array2<f32>| map.mapv_into(|value| (value + 1.0) / 2.0);
            merged.into_iter().map(halved).collect()
        })
    }

    fn depths(&self, part: Part, inputs: &[N::Input]) -> Result<Vec<Array2<f32>>> {
        let count = inputs.len();
        let depths = self
            .progress
            .timed(part, count, |monitor| self.networks.depths(inputs, monitor))?;
        counted(depths, count)
    }
}

/// As many results as there were questions.
fn counted<T>(found: Vec<T>, wanted: usize) -> Result<Vec<T>> {
    if found.len() == wanted {
        Ok(found)
    } else {
        Err(nothing())
    }
}

fn nothing() -> Error {
    Error::Compute("a network gave fewer maps than it was given pictures".into())
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
fn by_way_of(picture: Array3<f32>, target: Size, size: Size) -> Result<Array3<f32>> {
    let height = picture.dim().0;
    let across = |width| Size { width, height };
    let wide = opencv_cubic(picture.view(), across(target.width))?;
    drop(picture);
    let wide = opencv_cubic(wide.view(), across(size.width))?;
    let down = |height| Size {
        width: size.width,
        height,
    };
    let high = opencv_cubic(wide.view(), down(target.height))?;
    opencv_cubic(high.view(), down(size.height))
}
