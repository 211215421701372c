//! Depth-image-based rendering (DIBR): a picture and its depth become two eyes.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, CowArray, Ix2, Ix3};
use rayon::prelude::*;

use super::nearness::{DepthSample, Nearness};
use super::options::StereoOptions;
use super::rows::{RowPainter, Seen};
use super::{Fill, Mode, ModeKind, compose, inpaint};
use crate::image::size::array;
use crate::memory::{Blank, BlankPiece};
use crate::monitor::Stage;
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
    let (_, width) = check(image, depth, options)?;
    let [mut left, mut right] = [(); 2].map(|()| Canvas::new(image.dim(), options.holes));
    let eyes = [left.rows(width), right.rows(width)].map(Some);
    draw(image, depth, options, eyes, monitor)?;
    let (left, left_holes) = left.into_arrays(image.dim())?;
    let (right, right_holes) = right.into_arrays(image.dim())?;
    Ok(Eyes {
        left,
        right,
        left_holes,
        right_holes,
    })
}

/// Draws both eyes of a picture and puts them together in all these ways, in
/// order. The same as [`eyes`] and then [`compose`], but a single mode that
/// shows whole eyes is drawn in place, and an eye that it does not show not at
/// all.
///
/// # Errors
/// As [`eyes`] and [`compose`].
pub fn pictures<D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
    modes: &[Mode],
    monitor: &Monitor,
) -> Result<Vec<Array3<u8>>> {
    let (height, width) = check(image, depth, options)?;
    let channels = image.dim().2;
    // Size of the whole in eyes, and which eye comes first.
    let (across, down, left_first) = match modes {
        [] => return Ok(Vec::new()),
        [Mode::LeftOnly] => (1, 1, true),
        [Mode::OnlyRight] => (1, 1, false),
        [Mode::LeftRight] => (2, 1, true),
        [Mode::RightLeft] => (2, 1, false),
        [Mode::TopBottom] => (1, 2, true),
        [Mode::BottomTop] => (1, 2, false),
        _ => {
            let holes = modes.iter().any(|mode| mode.kind() == ModeKind::Mask);
            let eyes = eyes(image, depth, &StereoOptions { holes, ..*options }, monitor)?;
            return modes.iter().map(|&mode| compose(&eyes, mode)).collect();
        }
    };
    let shape = (down * height, across * width, channels);
    let mut whole = Canvas::new(shape, false);
    let mut rows = whole.rows(width).into_iter();
    let (first, second) = match (across, down) {
        (1, 1) => (Some(rows.collect()), None),
        (1, _) => (Some(rows.by_ref().take(height).collect()), Some(rows.collect())),
        _ => {
            let mut turns: [Vec<_>; 2] = [Vec::with_capacity(height), Vec::with_capacity(height)];
            for (turn, row) in rows.enumerate() {
                turns[turn % 2].push(row);
            }
            let [first, second] = turns;
            (Some(first), Some(second))
        }
    };
    let eyes = if left_first {
        [first, second]
    } else {
        [second, first]
    };
    draw(image, depth, options, eyes, monitor)?;
    Ok(vec![whole.into_arrays(shape)?.0])
}

/// Rows and columns of a picture that can be drawn.
fn check<D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
) -> Result<(usize, usize)> {
    options.check()?;
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
    if !(1..=4).contains(&channels) {
        return Err(Error::invalid(format!(
            "the picture has {channels} channels; give one to four (grey, grey with alpha, RGB, RGBA)"
        )));
    }
    Ok((height, width))
}

/// What eyes are drawn on.
struct Canvas {
    pixels: Blank<u8>,
    holes: Option<Blank<bool>>,
    channels: usize,
}

/// A row of an eye that is not drawn yet.
pub(super) struct BlankRow<'a> {
    pixels: BlankPiece<'a, u8>,
    holes: Option<BlankPiece<'a, bool>>,
}

/// A row of an eye, channels one after the other, and which of its pixels are
/// holes if that is wanted.
pub(super) struct Row<'a> {
    pub pixels: &'a mut [u8],
    pub holes: Option<&'a mut [bool]>,
}

impl<'a> BlankRow<'a> {
    pub fn open(self) -> Row<'a> {
        Row {
            pixels: self.pixels.open(),
            holes: self.holes.map(BlankPiece::open),
        }
    }
}

impl Canvas {
    fn new((height, width, channels): (usize, usize, usize), holes: bool) -> Self {
        Self {
            pixels: Blank::new(height * width * channels),
            holes: holes.then(|| Blank::new(height * width)),
            channels,
        }
    }

    /// Pieces of `width` pixels, one after the other.
    fn rows(&mut self, width: usize) -> Vec<BlankRow<'_>> {
        let mut holes = self.holes.as_mut().map(|holes| holes.pieces(width));
        let pixels = self.pixels.pieces(width * self.channels);
        pixels
            .map(|pixels| BlankRow {
                pixels,
                holes: holes.as_mut().and_then(Iterator::next),
            })
            .collect()
    }

    fn into_arrays(
        self,
        (height, width, channels): (usize, usize, usize),
    ) -> Result<(Array3<u8>, Option<Array2<bool>>)> {
        let holes = self.holes.map(|holes| array(Ix2(height, width), holes.drawn()));
        Ok((
            array(Ix3(height, width, channels), self.pixels.drawn())?,
            holes.transpose()?,
        ))
    }
}

/// The rows of the left and of the right eye; none of an eye that nobody looks at.
pub(super) type EyeRows<'a> = [Option<Vec<BlankRow<'a>>>; 2];

fn draw<D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
    eyes: EyeRows,
    monitor: &Monitor,
) -> Result<()> {
    match image.dim().2 {
        1 => draw_channels::<1, D>(image, depth, options, eyes, monitor),
        2 => draw_channels::<2, D>(image, depth, options, eyes, monitor),
        3 => draw_channels::<3, D>(image, depth, options, eyes, monitor),
        _ => draw_channels::<4, D>(image, depth, options, eyes, monitor),
    }
}

fn draw_channels<const C: usize, D: DepthSample>(
    image: ArrayView3<u8>,
    depth: ArrayView2<D>,
    options: &StereoOptions,
    eyes: EyeRows,
    monitor: &Monitor,
) -> Result<()> {
    let (height, width, _) = image.dim();
    let image = if image.is_standard_layout() {
        CowArray::from(image)
    } else {
        image.as_standard_layout().into_owned().into()
    };
    let pixels = image.as_slice().unwrap_or_default().as_chunks::<C>().0;
    let nearness = Nearness::new(depth, options.offset_exponent)?;
    if options.fill == Fill::Inpaint {
        return inpaint::draw(pixels, &nearness, options, eyes, monitor);
    }
    let shifts = options.shifts(width);
    let [left, right] = eyes.map(|eye| eye.map(Vec::into_iter));
    let (mut left, mut right) = (left, right);
    let mut rows: Vec<[Option<BlankRow>; 2]> = (0..height)
        .map(|_| [&mut left, &mut right].map(|eye| eye.as_mut().and_then(Iterator::next)))
        .collect();
    let band = (PIXELS_PER_REPORT / width).max(ROWS_PER_TASK);
    for (index, rows) in rows.chunks_mut(band).enumerate() {
        let start = index * band;
        rows.par_iter_mut()
            .enumerate()
            .with_min_len(ROWS_PER_TASK)
            .for_each_init(RowPainter::default, |painter, (y, eyes)| {
                let y = start + y;
                let row = &pixels[y * width..][..width];
                painter.load(row, |out| nearness.row(y, out));
                for (eye, shift) in eyes.iter_mut().zip(shifts) {
                    let Some(Row { pixels, holes }) = eye.take().map(BlankRow::open) else {
                        continue;
                    };
                    let pixels = pixels.as_chunks_mut().0;
                    match shift {
                        Some(shift) => painter.paint(row, shift, options.fill, Seen { pixels, holes }),
                        None => pixels.copy_from_slice(row),
                    }
                }
            });
        monitor.report(Stage::Stereo, (start + rows.len()) as u64, height as u64)?;
    }
    Ok(())
}
