//! At which sizes a picture is looked at, and where.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use super::patches::{self, Patch};
use crate::image::Size;
use crate::image::filter::dilate;
use crate::image::resize::{opencv_cubic, opencv_linear};
use crate::{Error, Result};

/// Brightness of red, green and blue. The reference weighs pictures whose red
/// and blue are exchanged, so its 0.2989 belongs to blue.
const BRIGHTNESS: [f64; 3] = [0.1140, 0.5870, 0.2989];
/// Edges above this part of the strongest one count.
const STRONG: f64 = 0.4;
/// A whole picture is looked at no larger than this many times its size.
const UPSCALE: usize = 3;
/// So much of a picture may be out of reach of every edge.
const UNREACHED: f64 = 0.2;
/// A cell is an edge if half of it is; a little less, as exactly half is
/// common and resizing rounds it either way.
const HALF: f64 = 0.5 - 1e-9;
/// Searches run over sides divided by this.
const UNIT: usize = 32;

/// How a picture is boosted.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The network's receptive field: the side of its usual input.
    pub field: usize,
    /// The largest input at which every part of the picture still sees an edge.
    pub whole: usize,
    /// How much of the picture is near an edge at that size.
    pub patch_scale: f64,
    /// How much the enlarged picture, and so the number of patches, was cut down (1: not enlarged further).
    pub factor: f64,
    /// The enlarged picture that patches are chosen from.
    pub target: Size,
    /// Every square that was asked whether it has details.
    pub grid: Vec<Patch>,
    /// Those that have, the largest first.
    pub patches: Vec<Patch>,
}

impl Plan {
    /// The plan for an 8-bit RGB picture (`[H, W, 3]`), a network with this
    /// receptive `field`, and inputs of at most `rmax` pixels for the whole.
    /// Of the patches only the `most` with the most to show are kept, if given.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a picture without pixels or that is not RGB, and
    /// for a field below 32.
    pub fn new(picture: ArrayView3<'_, u8>, field: usize, rmax: usize, most: Option<usize>) -> Result<Self> {
        let (height, width, channels) = picture.dim();
        if channels != 3 || height == 0 || width == 0 {
            return Err(Error::invalid(format!(
                "a picture of {width}x{height} with {channels} channels cannot be boosted; \
                 it must be RGB with pixels in it"
            )));
        }
        if field < UNIT {
            return Err(Error::invalid(format!(
                "boost: a receptive field of {field} pixels is too small; it must be at least {UNIT}"
            )));
        }
        let (whole, patch_scale) = whole_size(picture, field, rmax)?;
        let factor = (4.0 * patch_scale * whole as f64 / rmax.max(1) as f64).clamp(0.2, 1.0);
        let target = target_size(Size { width, height }, whole, factor);
        let grid = patches::grid(target, field);
        let patches = if grid.is_empty() {
            Vec::new()
        } else {
            patches::select(
                &grid,
                edges(brightness(picture, Some(target))?.view()),
                factor,
                most,
            )?
        };
        Ok(Self {
            field,
            whole,
            patch_scale,
            factor,
            target,
            grid,
            patches,
        })
    }
}

/// The input size for the whole picture, and how much of it is near edges then.
fn whole_size(picture: ArrayView3<'_, u8>, field: usize, rmax: usize) -> Result<(usize, f64)> {
    let (height, width, _) = picture.dim();
    let side = height.min(width);
    let square = Size {
        width: side,
        height: side,
    };
    let edges = opencv_linear(edges(brightness(picture, None)?.view()).view(), square)?;
    let least = edges.iter().copied().fold(f64::INFINITY, f64::min);
    let most = edges.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let threshold = least + STRONG * (most - least);
    let edges = edges.mapv_into(|edge| f64::from(u8::from(edge >= threshold)));

    let last = rmax.min(UPSCALE * height.max(width)) / UNIT;
    let (mut found, mut scale) = (field, 1.0);
    for units in (field / UNIT..last).step_by((field / (2 * UNIT)).max(1)) {
        let pooled = pooled(edges.view(), (side / units).max(1));
        let size = Size {
            width: units,
            height: units,
        };
        let reached = opencv_linear(pooled.view(), size)?.mapv_into(|edge| f64::from(u8::from(edge > HALF)));
        // Of the last size tried, fitting or not.
        scale = mean(&dilate(reached.view(), (field / 128).max(1))?);
        let unreached = dilate(reached.view(), field / UNIT)?.mapv_into(|near| 1.0 - near);
        if mean(&unreached) > UNREACHED {
            break;
        }
        found = units * UNIT;
    }
    Ok((found, scale))
}

fn target_size(picture: Size, whole: usize, factor: f64) -> Size {
    let (width, height) = (picture.width as f64, picture.height as f64);
    let long = (2 * whole) as f64;
    let scaled = |side: f64| (side / factor).round_ties_even() as usize;
    if picture.width > picture.height {
        Size {
            width: scaled(long),
            height: scaled((long * height / width).round_ties_even()).max(1),
        }
    } else {
        Size {
            width: scaled((long * width / height).round_ties_even()).max(1),
            height: scaled(long),
        }
    }
}

/// The brightness of a picture, of another size if asked for. Channels are
/// resized one by one, as what is equal to the last bit counts as no edge.
fn brightness(picture: ArrayView3<'_, u8>, size: Option<Size>) -> Result<Array2<f64>> {
    let channel = |index: usize| -> Result<Array2<f64>> {
        let plane = picture.index_axis(Axis(2), index);
        let plane = plane.mapv(|byte| f64::from(byte) / 255.0);
        let plane = match size {
            Some(size) => opencv_cubic(plane.view(), size)?,
            None => plane,
        };
        Ok(plane.mapv_into(|value| value * BRIGHTNESS[index]))
    };
    Ok(channel(2)? + channel(1)? + channel(0)?)
}

/// How strong edges are: the sizes of both 3 x 3 Sobel derivatives together,
/// borders reflected.
///
/// Pictures of few grey levels are full of edges just as strong as the
/// threshold, so sums are in OpenCV's order, which the general filter's is not.
fn edges(brightness: ArrayView2<'_, f64>) -> Array2<f64> {
    let (height, width) = brightness.dim();
    let mut edges = Array2::zeros((height, width));
    let (last_row, last) = (height - 1, width - 1);
    let rows = edges.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
    rows.for_each(|(y, mut row)| {
        let (above, below) = (around(y, last_row), around(last_row - y, last_row));
        let lines = [above, y, last_row - below].map(|y| brightness.row(y));
        for (x, edge) in row.iter_mut().enumerate() {
            let (left, right) = (around(x, last), last - around(last - x, last));
            let derived = lines.each_ref().map(|line| line[right] - line[left]);
            let smooth = lines
                .each_ref()
                .map(|line| (line[left] + 2.0 * line[x]) + line[right]);
            let across = 2.0 * derived[1] + (derived[2] + derived[0]);
            *edge = across.abs() + (smooth[2] - smooth[0]).abs();
        }
    });
    edges
}

/// The place before `place`; before 0 comes 1, if there is one.
fn around(place: usize, last: usize) -> usize {
    if place == 0 { last.min(1) } else { place - 1 }
}

/// The largest value of every block of `side` x `side`.
fn pooled(edges: ArrayView2<'_, f64>, side: usize) -> Array2<f64> {
    let (height, width) = edges.dim();
    let mut most = Array2::zeros((height.div_ceil(side), width.div_ceil(side)));
    for ((y, x), &edge) in edges.indexed_iter() {
        let value: &mut f64 = &mut most[[y / side, x / side]];
        *value = value.max(edge);
    }
    most
}

fn mean(map: &Array2<f64>) -> f64 {
    map.sum() / map.len() as f64
}
