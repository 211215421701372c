//! At which sizes a picture is looked at, and where.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use super::edges::Planes;
use super::patches::{self, Patch};
use crate::image::Size;
use crate::image::filter::dilate;
use crate::image::resize::opencv_linear;
use crate::{Error, Result};

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
        let picture = Planes::of(picture);
        let (whole, patch_scale) = whole_size(&picture, field, rmax)?;
        let factor = (4.0 * patch_scale * whole as f64 / rmax.max(1) as f64).clamp(0.2, 1.0);
        let target = target_size(Size { width, height }, whole, factor);
        let grid = patches::grid(target, field);
        let patches = if grid.is_empty() {
            Vec::new()
        } else {
            patches::select(&grid, picture.edges(target)?, factor, most)?
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
fn whole_size(picture: &Planes, field: usize, rmax: usize) -> Result<(usize, f64)> {
    let size = picture.size();
    let side = size.height.min(size.width);
    let square = Size {
        width: side,
        height: side,
    };
    let edges = opencv_linear(picture.edges(size)?.view(), square)?;
    let least = edges.iter().copied().fold(f64::INFINITY, f64::min);
    let most = edges.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let threshold = least + STRONG * (most - least);
    let edges = edges.mapv(|edge| edge >= threshold);

    let last = rmax.min(UPSCALE * size.height.max(size.width)) / UNIT;
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

/// Which blocks of `side` x `side` hold an edge.
fn pooled(edges: ArrayView2<'_, bool>, side: usize) -> Array2<f64> {
    let (height, width) = edges.dim();
    let mut pooled = Array2::zeros((height.div_ceil(side), width.div_ceil(side)));
    let blocks = edges.axis_chunks_iter(Axis(0), side).into_par_iter();
    let rows = pooled.axis_iter_mut(Axis(0)).into_par_iter();
    rows.zip(blocks).for_each(|(mut row, block)| {
        for (pooled, block) in row.iter_mut().zip(block.axis_chunks_iter(Axis(1), side)) {
            *pooled = f64::from(u8::from(block.iter().any(|&edge| edge)));
        }
    });
    pooled
}

fn mean(map: &Array2<f64>) -> f64 {
    map.sum() / map.len() as f64
}
