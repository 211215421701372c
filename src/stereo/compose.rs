//! Stereo layouts: two eyes become one picture.

use ndarray::{Array2, Array3, Axis, Ix3, Slice};
use rayon::prelude::*;

use super::anaglyph::{self, Mix};
use super::{Eyes, Mode};
use crate::image::Size;
use crate::image::resize::opencv_area;
use crate::image::size::array;
use crate::memory::zeroed;
use crate::{Error, Result};

/// One picture of both eyes.
///
/// Anaglyphs and masks are RGB whatever the eyes are (alpha is dropped); all
/// other modes keep the channels. Full modes are twice as wide or as high as an eye; half
/// modes squeeze an eye of `n` columns or rows to `n / 2` (at least one) by
/// averaging areas.
///
/// # Errors
/// [`Error::Invalid`] for an anaglyph of eyes with fewer than three channels,
/// for a mask of eyes that were drawn without [`holes`](super::StereoOptions::holes),
/// and for eyes of different shapes.
pub fn compose(eyes: &Eyes, mode: Mode) -> Result<Array3<u8>> {
    let Eyes { left, right, .. } = eyes;
    if left.dim() != right.dim() {
        return Err(Error::invalid(format!(
            "the eyes differ in shape ({:?} and {:?}); make both of one picture",
            left.shape(),
            right.shape()
        )));
    }
    let (rows, columns) = (Axis(0), Axis(1));
    let interlaced = |axis| {
        let mut out = left.as_standard_layout().into_owned();
        let odd = Slice::new(1, None, 2);
        if out.len_of(axis) > 1 {
            out.slice_axis_mut(axis, odd).assign(&right.slice_axis(axis, odd));
        }
        out
    };
    let anaglyph = |how| {
        if left.len_of(Axis(2)) < 3 {
            return Err(Error::invalid(format!(
                "the stereo mode {mode} needs a picture in colour; convert it to RGB first"
            )));
        }
        Ok(anaglyph::mix(left, right, how))
    };
    let mask = |holes: &Option<Array2<bool>>| match holes {
        Some(holes) => Ok(white_where(holes)),
        None => Err(Error::invalid(format!(
            "the stereo mode {mode} needs the masks of the openings; draw the eyes with them"
        ))),
    };
    let half = |axis, first: &Array3<u8>, second: &Array3<u8>| {
        beside(axis, &halve(axis, first)?, &halve(axis, second)?)
    };
    match mode {
        Mode::LeftOnly => Ok(left.clone()),
        Mode::OnlyRight => Ok(right.clone()),
        Mode::LeftRight => beside(columns, left, right),
        Mode::RightLeft => beside(columns, right, left),
        Mode::TopBottom => beside(rows, left, right),
        Mode::BottomTop => beside(rows, right, left),
        Mode::HalfLeftRight => half(columns, left, right),
        Mode::HalfRightLeft => half(columns, right, left),
        Mode::HalfTopBottom => half(rows, left, right),
        Mode::HalfBottomTop => half(rows, right, left),
        Mode::InterlacedRows => Ok(interlaced(rows)),
        Mode::InterlacedColumns => Ok(interlaced(columns)),
        Mode::RedCyanAnaglyph => anaglyph(Mix::Channels([true, false, false])),
        Mode::CyanRedReverseAnaglyph => anaglyph(Mix::Channels([false, true, true])),
        Mode::HalfColourAnaglyph => anaglyph(Mix::Stored(&anaglyph::HALF_COLOUR)),
        Mode::GreyAnaglyph => anaglyph(Mix::Stored(&anaglyph::GREY)),
        Mode::DuboisAnaglyph => anaglyph(Mix::Linear(&anaglyph::DUBOIS_RED_CYAN)),
        Mode::GreenMagentaAnaglyph => anaglyph(Mix::Linear(&anaglyph::DUBOIS_GREEN_MAGENTA)),
        Mode::AmberBlueAnaglyph => anaglyph(Mix::Linear(&anaglyph::DUBOIS_AMBER_BLUE)),
        Mode::LeftHoles => mask(&eyes.left_holes),
        Mode::RightHoles => mask(&eyes.right_holes),
    }
}

/// Two pictures of one shape above (axis 0) or beside each other.
fn beside(axis: Axis, first: &Array3<u8>, second: &Array3<u8>) -> Result<Array3<u8>> {
    let (height, width, channels) = first.dim();
    let mut out = zeroed(2 * first.len());
    // Whole pictures follow each other, or their rows take turns.
    let (piece, shape) = match axis {
        Axis(0) => (first.len(), (2 * height, width, channels)),
        _ => (width * channels, (height, 2 * width, channels)),
    };
    let (first, second) = (first.as_standard_layout(), second.as_standard_layout());
    out.par_chunks_mut(2 * piece)
        .zip(first.as_slice().unwrap_or_default().par_chunks(piece))
        .zip(second.as_slice().unwrap_or_default().par_chunks(piece))
        .with_min_len(16)
        .for_each(|((out, first), second)| {
            let (left, right) = out.split_at_mut(piece);
            left.copy_from_slice(first);
            right.copy_from_slice(second);
        });
    array(Ix3(shape.0, shape.1, shape.2), out)
}

/// A mask as a picture in black and white.
fn white_where(mask: &Array2<bool>) -> Array3<u8> {
    let (height, width) = mask.dim();
    Array3::from_shape_fn(
        (height, width, 3),
        |(y, x, _)| if mask[[y, x]] { u8::MAX } else { 0 },
    )
}

/// Squeezes a picture to half its columns or rows (at least one).
fn halve(axis: Axis, image: &Array3<u8>) -> Result<Array3<u8>> {
    let (height, width, _) = image.dim();
    let half = |length: usize| (length / 2).max(1);
    let size = match axis {
        Axis(0) => Size {
            width,
            height: half(height),
        },
        _ => Size {
            width: half(width),
            height,
        },
    };
    opencv_area(image.view(), size)
}
