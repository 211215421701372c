//! A picture and its depth become two eyes.

use ndarray::{Array3, ArrayView2, ArrayView3, CowArray};
use rayon::prelude::*;

use super::nearness::{DepthSample, Nearness};
use super::options::{Shift, StereoOptions};
use super::polylines;
use super::widened::widened;
use super::{Fill, scatter};
use crate::{Error, Monitor, Result};

/// What the two eyes see: pictures of the size and channels of the original.
#[derive(Clone, Debug, PartialEq)]
pub struct Eyes {
    /// The left eye, `[H, W, C]`.
    pub left: Array3<u8>,
    /// The right eye, `[H, W, C]`.
    pub right: Array3<u8>,
}

/// Rows a thread takes at least, so that small pictures are not cut to shreds.
const ROWS_PER_TASK: usize = 8;
/// Pixels between two progress reports.
const PIXELS_PER_REPORT: usize = 1 << 23;

/// Draws both eyes.
pub fn eyes<D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
    monitor: &Monitor,
) -> Result<Eyes> {
    options.validate()?;
    let (height, width, channels) = image.dim();
    if height == 0 || width == 0 {
        return Err(Error::invalid(
            "the picture for the stereo pair is empty; give at least one pixel",
        ));
    }
    if depth.dim() != (height, width) {
        let (rows, columns) = depth.dim();
        return Err(Error::invalid(format!(
            "the depth is {columns}x{rows} but the picture is {width}x{height}; resize one to the other first"
        )));
    }
    match channels {
        1 => draw::<1, D>(image, depth, options, monitor),
        2 => draw::<2, D>(image, depth, options, monitor),
        3 => draw::<3, D>(image, depth, options, monitor),
        4 => draw::<4, D>(image, depth, options, monitor),
        _ => Err(Error::invalid(format!(
            "the picture has {channels} channels; give one to four (grey, grey with alpha, RGB, RGBA)"
        ))),
    }
}

#[derive(Default)]
struct Scratch {
    nearness: Vec<f64>,
    colours: [Vec<f64>; 4],
    landed: Vec<bool>,
    polylines: polylines::Scratch,
}

fn draw<const C: usize, D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
    monitor: &Monitor,
) -> Result<Eyes> {
    let (height, width, _) = image.dim();
    let image = if image.is_standard_layout() {
        CowArray::from(image)
    } else {
        image.as_standard_layout().into_owned().into()
    };
    let pixels = image.as_slice().unwrap_or_default().as_chunks::<C>().0;
    let nearness = Nearness::new(depth, options.offset_exponent)?;
    let shifts = options.shifts(width);
    let mut left = vec![[0u8; C]; width * height];
    let mut right = vec![[0u8; C]; width * height];
    let band = (PIXELS_PER_REPORT / width).max(ROWS_PER_TASK);
    for start in (0..height).step_by(band) {
        let end = (start + band).min(height);
        let part = start * width..end * width;
        left[part.clone()]
            .par_chunks_exact_mut(width)
            .zip(right[part].par_chunks_exact_mut(width))
            .with_min_len(ROWS_PER_TASK)
            .enumerate()
            .for_each_init(Scratch::default, |scratch, (y, (left, right))| {
                let y = start + y;
                scratch.nearness.resize(width, 0.0);
                nearness.row(y, &mut scratch.nearness);
                let row = &pixels[y * width..(y + 1) * width];
                if options.fill.interpolates() {
                    scratch
                        .colours
                        .iter_mut()
                        .for_each(|plane| plane.resize(width, 0.0));
                    split_channels(row, &mut scratch.colours);
                }
                for (out, shift) in [left, right].into_iter().zip(shifts) {
                    match shift {
                        Some(shift) => draw_row(row, shift, options.fill, scratch, out),
                        None => out.copy_from_slice(row),
                    }
                }
            });
        monitor.report("stereo", end as u64, height as u64)?;
    }
    let shape = (height, width, C);
    let array = |pixels: Vec<[u8; C]>| {
        Array3::from_shape_vec(shape, pixels.into_flattened()).map_err(|e| Error::invalid(e.to_string()))
    };
    Ok(Eyes {
        left: array(left)?,
        right: array(right)?,
    })
}

fn draw_row<const C: usize>(
    row: &[[u8; C]],
    shift: Shift,
    fill: Fill,
    scratch: &mut Scratch,
    out: &mut [[u8; C]],
) {
    let Scratch {
        nearness,
        colours,
        landed,
        polylines,
    } = scratch;
    match fill {
        Fill::None | Fill::Naive | Fill::NaiveInterpolating => {
            landed.resize(row.len(), false);
            scatter::scatter(nearness, row, shift, out, landed);
            match fill {
                Fill::Naive => scatter::repeat_nearest(shift, out, landed),
                Fill::NaiveInterpolating => scatter::interpolate(out, landed),
                _ => {}
            }
        }
        Fill::PolylinesSoft | Fill::PolylinesSharp | Fill::Inpaint => {
            let colours = std::array::from_fn(|c| colours[c].as_slice());
            match fill {
                Fill::PolylinesSoft => {
                    polylines::draw_row::<false, C>(nearness, colours, shift, polylines, out)
                }
                _ => polylines::draw_row::<true, C>(nearness, colours, shift, polylines, out),
            }
        }
    }
}

widened! {
    /// Takes a row apart into a plane a channel.
    fn split_channels[const C: usize][C](row: &[[u8; C]], planes: &mut [Vec<f64>; 4]) -> () {
        for (c, plane) in planes.iter_mut().enumerate().take(C) {
            for (value, pixel) in plane.iter_mut().zip(row) {
                *value = f64::from(pixel[c]);
            }
        }
    }
}
