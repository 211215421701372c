//! A picture and its depth become two eyes.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, CowArray};
use rayon::prelude::*;

use super::nearness::{DepthSample, Nearness};
use super::options::StereoOptions;
use super::rows::{RowPainter, Seen};
use super::{Fill, inpaint};
use crate::image::memory::zeroed;
use crate::{Error, Monitor, Result};

/// What the two eyes see.
#[derive(Clone, Debug, PartialEq)]
pub struct Eyes {
    /// The left eye, `[H, W, C]` like the picture.
    pub left: Array3<u8>,
    /// The right eye, `[H, W, C]` like the picture.
    pub right: Array3<u8>,
    /// Which pixels of the left eye no surface of the picture covers, `[H, W]`,
    /// if [`StereoOptions::holes`] asked for it.
    pub left_holes: Option<Array2<bool>>,
    /// The same for the right eye.
    pub right_holes: Option<Array2<bool>>,
}

/// Rows a thread takes at least, so that small pictures are not cut to shreds.
const ROWS_PER_TASK: usize = 8;
/// Pixels between two progress reports.
const PIXELS_PER_REPORT: usize = 1 << 23;

/// Draws both eyes of a picture.
///
/// `image` is `[H, W, C]` with one to four channels (grey, grey with alpha,
/// RGB, RGBA; all are shifted and mixed alike), `depth` is `[H, W]`, larger is
/// nearer; only its range counts, because it is scaled to 0..1 by its own
/// minimum and maximum. Flat depth counts as all far. The same bytes come out
/// for any number of threads.
///
/// Holes are where the fill made something up: for the whole-pixel fills the
/// pixels that nothing landed on, for the others those whose centre lies where
/// neighbours are more than one and a half pixels apart, or outside the picture.
///
/// # Errors
/// [`Error::Invalid`] for an empty picture, other channel counts, depth of
/// another size or with values that are not finite, and options out of range;
/// [`Error::Cancelled`] when `monitor` says so.
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
    if width > i32::MAX as usize / 8 {
        return Err(Error::invalid(format!(
            "the picture is {width} pixels wide; make it smaller"
        )));
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

/// An eye in the making.
pub(super) struct Eye<const C: usize> {
    pixels: Vec<u8>,
    pub holes: Option<Vec<bool>>,
}

impl<const C: usize> Eye<C> {
    fn new(count: usize, holes: bool) -> Self {
        Self {
            pixels: zeroed(count * C),
            holes: holes.then(|| zeroed(count)),
        }
    }

    /// The pixels, one after the other.
    pub fn pixels(&mut self) -> &mut [[u8; C]] {
        self.pixels.as_chunks_mut().0
    }

    /// The rows `from..to` to write to.
    fn rows(&mut self, width: usize, from: usize, to: usize) -> Vec<Seen<'_, C>> {
        let part = from * width..to * width;
        let mut holes = self
            .holes
            .as_mut()
            .map(|holes| holes[part.clone()].chunks_mut(width));
        let pixels = self.pixels.as_chunks_mut().0[part].chunks_mut(width);
        pixels
            .map(|pixels| Seen {
                pixels,
                holes: holes.as_mut().and_then(Iterator::next),
            })
            .collect()
    }

    fn into_arrays(self, shape: (usize, usize)) -> Result<(Array3<u8>, Option<Array2<bool>>)> {
        let wrong = |error: ndarray::ShapeError| Error::invalid(error.to_string());
        let (height, width) = shape;
        let pixels = Array3::from_shape_vec((height, width, C), self.pixels).map_err(wrong)?;
        let holes = self
            .holes
            .map(|holes| Array2::from_shape_vec(shape, holes))
            .transpose()
            .map_err(wrong)?;
        Ok((pixels, holes))
    }
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
    let [mut left, mut right] = [(); 2].map(|()| Eye::<C>::new(width * height, options.holes));
    if options.fill == Fill::Inpaint {
        inpaint::draw(pixels, &nearness, options, [&mut left, &mut right], monitor)?;
    } else {
        let shifts = options.shifts(width);
        let band = (PIXELS_PER_REPORT / width).max(ROWS_PER_TASK);
        for start in (0..height).step_by(band) {
            let end = (start + band).min(height);
            left.rows(width, start, end)
                .into_par_iter()
                .zip(right.rows(width, start, end))
                .enumerate()
                .with_min_len(ROWS_PER_TASK)
                .for_each_init(RowPainter::default, |painter, (y, (left, right))| {
                    let y = start + y;
                    let row = &pixels[y * width..][..width];
                    painter.load(row, |out| nearness.row(y, out));
                    for (eye, shift) in [left, right].into_iter().zip(shifts) {
                        match shift {
                            Some(shift) => painter.paint(row, shift, options.fill, eye),
                            None => eye.pixels.copy_from_slice(row),
                        }
                    }
                });
            monitor.report("stereo", end as u64, height as u64)?;
        }
    }
    let (left, left_holes) = left.into_arrays((height, width))?;
    let (right, right_holes) = right.into_arrays((height, width))?;
    Ok(Eyes {
        left,
        right,
        left_holes,
        right_holes,
    })
}
