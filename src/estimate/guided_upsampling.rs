//! From a coarse prediction to a map at the photo's size whose outlines are
//! the photo's: edge-aware, photo-guided upsampling, for every network.
//!
//! Two published steps, both linear in the number of pixels:
//!
//! 1. On a coarse grid the prediction is smoothed along the photo's surfaces
//!    and not across its outlines, by a fast global smoother (Min et al. 2014,
//!    "Fast Global Image Smoothing Based on Weighted Least Squares"). Where the
//!    prediction is steep it is a blurred outline and says little about either
//!    side, so steep places weigh less: the sides win, and the step between
//!    them moves to the photo's own edge.
//! 2. The result is brought to the photo's size by a fast guided filter (He and
//!    Sun 2015), a local model that is linear in colour, kept between the
//!    smallest and largest value of its surroundings on the grid, so that
//!    neither halos nor the photo's texture enter.
//!
//! The defaults were chosen by measurement on exact renders and on real
//! photographs with dense ground truth: `models/pocket/README.md` has the table.

mod smoother;
mod upsample;

use ndarray::{Array2, ArrayView2, ArrayView3, Zip};

use crate::image::Size;
use crate::image::resize::{opencv_area, torch_bilinear};
use crate::{Error, Monitor, Result};

/// How much a photo shapes a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuidedOptions {
    /// Longer side of the grid the prediction is smoothed on. A prediction
    /// that is finer keeps its own size; a smaller photo has the last word.
    pub grid: usize,
    /// How far values spread over a surface (lambda of Min et al., on a grid of 256).
    pub smoothness: f32,
    /// Distance of two neighbouring colours, each in `[0, 1]^3`, that cuts the
    /// connection between them to `1/e`.
    pub color_scale: f32,
    /// How much less a steep place of the prediction counts: one that would
    /// change by a standard deviation over the fraction `distrust` of the
    /// picture counts a quarter. 0 trusts all alike.
    pub distrust: f32,
    /// Radius of the guided filter's window on the grid.
    pub radius: usize,
    /// Variance of the colours (each in `0..=1`) within a window below which
    /// they count as flat (epsilon of He and Sun).
    pub flatness: f32,
}

impl Default for GuidedOptions {
    fn default() -> Self {
        Self {
            grid: 256,
            smoothness: 500.0,
            color_scale: 0.02,
            distrust: 0.2,
            radius: 2,
            flatness: 1e-3,
        }
    }
}

/// A prediction (`[h, w]`, any size) at the size of its photo (`[H, W, 3]`,
/// RGB), its outlines those of the photo.
///
/// No value of the result lies outside the range of the prediction. Values
/// that are no numbers count as unknown and are filled in from around them.
///
/// # Errors
/// [`Error::Invalid`] if either has no pixels, the photo is not RGB, an option
/// is not positive, or the prediction holds no finite value;
/// [`Error::Cancelled`].
pub fn refine(
    prediction: ArrayView2<'_, f32>,
    photo: ArrayView3<'_, u8>,
    options: &GuidedOptions,
    monitor: &Monitor<'_>,
) -> Result<Array2<f32>> {
    check(prediction, photo, options)?;
    let (height, width, _) = photo.dim();
    let range = Range::of(prediction)?;
    if range.extent == 0.0 {
        return Ok(Array2::from_elem((height, width), range.low));
    }
    let size = grid_size(prediction.dim(), Size { width, height }, options.grid);
    let guide = opencv_area(photo, size)?.mapv(|byte| f32::from(byte) / 255.0);
    let known = prediction.mapv(|value| f32::from(value.is_finite()));
    let coarse = resize(prediction.mapv(|value| range.to_unit(value)).view(), size)?;
    let trust = trust(coarse.view(), resize(known.view(), size)?, options.distrust);
    monitor.check()?;

    let spread = options.smoothness * (size.width.max(size.height) as f32 / 256.0).powi(2);
    let smooth = smoother::smooth(&coarse, &trust, &guide, spread, options.color_scale);
    monitor.check()?;

    let mut fine = upsample::upsample(&smooth, &guide, photo, options.radius, options.flatness)?;
    monitor.check()?;
    fine.par_mapv_inplace(|value| range.scaled_back(value));
    Ok(fine)
}

fn check(prediction: ArrayView2<'_, f32>, photo: ArrayView3<'_, u8>, options: &GuidedOptions) -> Result<()> {
    let (height, width, channels) = photo.dim();
    if prediction.is_empty() || photo.is_empty() || channels != 3 {
        return Err(Error::invalid(format!(
            "a prediction of {}x{} cannot be guided by a photo of {width}x{height} with {channels} channels; both need \
             pixels, and the photo must be RGB",
            prediction.ncols(),
            prediction.nrows(),
        )));
    }
    let GuidedOptions {
        grid,
        smoothness,
        color_scale,
        distrust,
        flatness,
        ..
    } = *options;
    let positive = |value: f32| value.is_finite() && value > 0.0;
    if grid == 0
        || !positive(smoothness)
        || !positive(color_scale)
        || !positive(flatness)
        || !(positive(distrust) || distrust == 0.0)
    {
        return Err(Error::invalid(format!(
            "{options:?}: every number must be above 0, and only distrust and radius may be 0"
        )));
    }
    Ok(())
}

/// The finite values of a prediction, mapped to `0..=1` and back.
#[derive(Clone, Copy)]
struct Range {
    low: f32,
    high: f32,
    extent: f64,
    mean: f32,
}

impl Range {
    fn of(prediction: ArrayView2<'_, f32>) -> Result<Self> {
        let finite = prediction.iter().copied().filter(|value| value.is_finite());
        let (low, high) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return Err(Error::invalid(
                "the prediction holds no finite value; try precision f32",
            ));
        }
        let extent = f64::from(high) - f64::from(low);
        let mut range = Self {
            low,
            high,
            extent,
            mean: 0.0,
        };
        let finite = prediction.iter().copied().filter(|value| value.is_finite());
        let (sum, count) = finite.fold((0.0, 0.0), |(sum, count), value| {
            (sum + f64::from(range.to_unit(value)), count + 1.0)
        });
        range.mean = (sum / count) as f32;
        Ok(range)
    }

    /// Unknown values become the mean; they are hardly trusted.
    fn to_unit(self, value: f32) -> f32 {
        if value.is_finite() {
            ((f64::from(value) - f64::from(self.low)) / self.extent) as f32
        } else {
            self.mean
        }
    }

    fn scaled_back(self, value: f32) -> f32 {
        let value = (f64::from(self.low) + f64::from(value) * self.extent) as f32;
        value.clamp(self.low, self.high)
    }
}

/// The grid: of the photo's shape, no finer than the photo.
fn grid_size((rows, columns): (usize, usize), photo: Size, asked: usize) -> Size {
    let longer = photo.width.max(photo.height);
    let long = asked.max(rows).max(columns).min(longer);
    let side = |side: usize| ((side as f64 * long as f64 / longer as f64).round() as usize).max(1);
    Size {
        width: side(photo.width),
        height: side(photo.height),
    }
}

/// Means where it shrinks, interpolates where it grows.
fn resize(plane: ArrayView2<'_, f32>, size: Size) -> Result<Array2<f32>> {
    if plane.nrows() >= size.height && plane.ncols() >= size.width {
        opencv_area(plane, size)
    } else {
        torch_bilinear(plane, size, false)
    }
}

/// How much each value counts: 1 where the prediction is flat, less where it
/// is steep, (almost) nothing where it is unknown.
fn trust(coarse: ArrayView2<'_, f32>, known: Array2<f32>, distrust: f32) -> Array2<f32> {
    /// Unknown places count as much as it takes not to divide by nothing.
    const UNKNOWN: f32 = 1e-6;
    let (rows, columns) = coarse.dim();
    let length = rows.max(columns) as f32;
    let deviation = coarse.std(0.0).max(f32::MIN_POSITIVE);
    let per_step = distrust * length / deviation;
    let mut trust = known;
    Zip::indexed(&mut trust).par_for_each(|(y, x), trust| {
        let across = coarse[[y, (x + 1).min(columns - 1)]] - coarse[[y, x.saturating_sub(1)]];
        let down = coarse[[(y + 1).min(rows - 1), x]] - coarse[[y.saturating_sub(1), x]];
        let slope = 0.5 * across.hypot(down);
        let known = if *trust >= 0.999 { 1.0 } else { 0.0 };
        *trust = (known / (1.0 + per_step * slope).powi(2)).max(UNKNOWN);
    });
    trust
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_the_photos_shape_and_is_never_finer() {
        let size = |width, height| Size { width, height };
        for (prediction, photo, expected) in [
            ((96, 128), size(1024, 768), size(256, 192)),
            ((518, 686), size(1024, 768), size(686, 515)),
            ((96, 128), size(100, 40), size(100, 40)),
            ((32, 200), size(30_000, 200), size(256, 2)),
            ((1, 1), size(1, 1), size(1, 1)),
            ((1, 1), size(5_000, 1), size(256, 1)),
        ] {
            assert_eq!(grid_size(prediction, photo, 256), expected);
        }
    }

    #[test]
    fn the_range_survives_the_largest_numbers() {
        let plane = ndarray::array![[f32::MAX, f32::MIN], [0.0, f32::NAN]];
        let range = Range::of(plane.view()).unwrap();
        assert_eq!(range.scaled_back(range.to_unit(f32::MAX)), f32::MAX);
        assert_eq!(range.scaled_back(range.to_unit(f32::MIN)), f32::MIN);
        assert_eq!(range.to_unit(0.0), 0.5);
    }
}
