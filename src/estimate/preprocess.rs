//! From a picture to a network's input, and back to the picture's size.

use candle_core::{Device, Tensor};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use super::tiling;
use crate::image::Size;
use crate::image::resize::{
    AreaSample, opencv_area, opencv_cubic, opencv_linear, torch_bicubic, torch_bilinear,
};
use crate::networks::{Enlarge, Preprocessing, Shrink, SizeRule};
use crate::{Error, Result};

/// A panorama of 30000x200 scaled to a lower bound of 518 would be 77700 wide.
/// Inputs never have more than this many times the pixels of the size asked for.
const MAX_AREA_FACTOR: f64 = 4.0;

/// The pixel types of pictures.
pub trait Sample: AreaSample + Copy + Send + Sync {
    /// The value in 0..1.
    fn unit(self) -> f64;
}

impl Sample for u8 {
    fn unit(self) -> f64 {
        f64::from(self) / 255.0
    }
}

/// Values in 0..1; resampling may have led a little beyond.
impl Sample for f32 {
    fn unit(self) -> f64 {
        f64::from(self)
    }
}

/// The size of the input for a picture, when `asked` (width, height) is the
/// network size.
///
/// Sides are rounded half to even, as numpy does. For a picture so elongated
/// that the input would have more than four times the pixels asked for, both
/// sides are scaled down to that.
pub fn input_size(picture: Size, spec: &Preprocessing, asked: (usize, usize)) -> Size {
    let multiple = spec.multiple.max(1);
    let (asked_width, asked_height) = (asked.0.max(1) as f64, asked.1.max(1) as f64);
    let (width, height) = (picture.width.max(1) as f64, picture.height.max(1) as f64);
    let (across, down) = (asked_width / width, asked_height / height);
    let scale = match spec.rule {
        SizeRule::Stretch => {
            let side =
                |asked: f64| ((asked / multiple as f64).round_ties_even().max(1.0) as usize) * multiple;
            return Size {
                width: side(asked_width),
                height: side(asked_height),
            };
        }
        SizeRule::Minimal if (1.0 - across).abs() < (1.0 - down).abs() => across,
        SizeRule::Minimal => down,
        SizeRule::UpperBound => across.min(down),
        SizeRule::LowerBound => across.max(down),
        SizeRule::Area => (asked_width * asked_height / (width * height)).sqrt(),
    };
    let side = |side: f64, asked: f64| {
        let steps = side * scale / multiple as f64;
        let rounded = steps.round_ties_even();
        let rounded = match spec.rule {
            SizeRule::UpperBound if rounded * multiple as f64 > asked => steps.floor(),
            SizeRule::LowerBound if rounded * (multiple as f64) < asked => steps.ceil(),
            _ => rounded,
        };
        rounded.max(1.0)
    };
    let (columns, rows) = (side(width, asked_width), side(height, asked_height));
    let most = MAX_AREA_FACTOR * asked_width * asked_height / (multiple * multiple) as f64;
    let (columns, rows) = if columns * rows > most {
        capped(columns, rows, most)
    } else {
        (columns, rows)
    };
    Size {
        width: columns as usize * multiple,
        height: rows as usize * multiple,
    }
}

/// Fewer columns and rows, in the same proportion unless one is down to 1.
fn capped(columns: f64, rows: f64, most: f64) -> (f64, f64) {
    let scale = (most / (columns * rows)).sqrt();
    let (columns, rows) = (
        (columns * scale).floor().max(1.0),
        (rows * scale).floor().max(1.0),
    );
    let rows = rows.min((most / columns).floor().max(1.0));
    (columns.min((most / rows).floor().max(1.0)), rows)
}

/// The network size that matches a picture's own: its sides, rounded up to
/// multiples of 32.
pub fn matching_size(picture: Size) -> (usize, usize) {
    (
        picture.width.next_multiple_of(32),
        picture.height.next_multiple_of(32),
    )
}

/// A picture (`[H, W, 3]`) as a network's input `[1, 3, h, w]` in single
/// precision on `device`, for the network size `asked` (width, height).
///
/// # Errors
/// [`Error::Invalid`] for a picture without pixels, [`Error::Compute`] when the
/// device has no room.
pub fn to_tensor<T: Sample>(
    picture: ArrayView3<'_, T>,
    spec: &Preprocessing,
    asked: (usize, usize),
    device: &Device,
) -> Result<Tensor> {
    to_tensor_with(picture, spec, asked, device, false)
}

/// The same; `tiling` if opposite borders of the picture are neighbours.
///
/// # Errors
/// As [`to_tensor`].
pub fn to_tensor_with<T: Sample>(
    picture: ArrayView3<'_, T>,
    spec: &Preprocessing,
    asked: (usize, usize),
    device: &Device,
    tiling: bool,
) -> Result<Tensor> {
    let (height, width, channels) = picture.dim();
    if height == 0 || width == 0 || channels != 3 {
        return Err(Error::invalid(format!(
            "a picture of {width}x{height} with {channels} channels cannot be estimated; it must be RGB with pixels in it"
        )));
    }
    let size = input_size(Size { width, height }, spec, asked);
    let resized: Array3<f64> = match spec.shrink {
        Shrink::Area if tiling => tiling::resampled(picture, size, opencv_area)?.mapv(T::unit),
        Shrink::Area => opencv_area(picture, size)?.mapv(T::unit),
        Shrink::Bilinear => {
            let picture = picture.mapv(|value| value.unit() as f32);
            torch_bilinear(picture.view(), size, true)?.mapv(f64::from)
        }
        Shrink::Cubic if tiling => tiling::resampled(picture.mapv(T::unit).view(), size, opencv_cubic)?,
        Shrink::Cubic => opencv_cubic(picture.mapv(T::unit).view(), size)?,
        Shrink::Linear if tiling => tiling::resampled(picture.mapv(T::unit).view(), size, opencv_linear)?,
        Shrink::Linear => opencv_linear(picture.mapv(T::unit).view(), size)?,
    };
    let mut planes = vec![0_f32; 3 * size.width * size.height];
    for (channel, plane) in planes.chunks_exact_mut(size.width * size.height).enumerate() {
        let (mean, std) = (spec.mean[channel], spec.std[channel]);
        for (out, value) in plane.iter_mut().zip(resized.index_axis(Axis(2), channel)) {
            *out = ((value - mean) / std) as f32;
        }
    }
    Ok(Tensor::from_vec(planes, (1, 3, size.height, size.width), device)?)
}

/// A prediction (`[h, w]`) at a picture's size.
///
/// # Errors
/// [`Error::Invalid`] when either has no pixels.
pub fn to_picture_size(
    prediction: ArrayView2<'_, f32>,
    spec: &Preprocessing,
    size: Size,
) -> Result<Array2<f32>> {
    match spec.enlarge {
        Enlarge::Bilinear { align_corners } => torch_bilinear(prediction, size, align_corners),
        Enlarge::Bicubic => torch_bicubic(prediction, size, false),
        Enlarge::OpenCvCubic => opencv_cubic(prediction, size),
    }
}

/// A prediction whose opposite borders are neighbours, at a picture's size. Edges stay in place,
/// whatever the network's convention: with the corners in place nothing could tile.
///
/// # Errors
/// When either has no pixels.
pub fn to_picture_size_tiling(
    prediction: ArrayView2<'_, f32>,
    spec: &Preprocessing,
    size: Size,
) -> Result<Array2<f32>> {
    match spec.enlarge {
        Enlarge::Bilinear { .. } => {
            tiling::resampled(prediction, size, |map, size| torch_bilinear(map, size, false))
        }
        Enlarge::Bicubic => tiling::resampled(prediction, size, |map, size| torch_bicubic(map, size, false)),
        Enlarge::OpenCvCubic => tiling::resampled(prediction, size, opencv_cubic),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    fn spec(rule: SizeRule, multiple: usize) -> Preprocessing {
        Preprocessing {
            mean: [0.5; 3],
            std: [0.25; 3],
            net_size: (384, 384),
            multiple,
            rule,
            shrink: Shrink::Cubic,
            enlarge: Enlarge::Bicubic,
        }
    }

    fn size(width: usize, height: usize) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_published_rules_give_the_published_sizes() {
        let picture = size(250, 333);
        for (rule, multiple, asked, expected) in [
            (SizeRule::Minimal, 32, 384, size(288, 384)),
            (SizeRule::Minimal, 32, 512, size(384, 512)),
            (SizeRule::UpperBound, 32, 384, size(288, 384)),
            (SizeRule::UpperBound, 32, 256, size(192, 256)),
            (SizeRule::LowerBound, 14, 518, size(518, 686)),
            (SizeRule::Stretch, 1, 448, size(448, 448)),
        ] {
            assert_eq!(
                input_size(picture, &spec(rule, multiple), (asked, asked)),
                expected,
                "{rule:?} {asked}"
            );
        }
    }

    #[test]
    fn elongated_pictures_stay_affordable() {
        for rule in [
            SizeRule::Minimal,
            SizeRule::UpperBound,
            SizeRule::LowerBound,
            SizeRule::Area,
        ] {
            for picture in [
                size(30_000, 200),
                size(200, 30_000),
                size(100_000, 1),
                size(1, 1),
                size(1, 100_000),
            ] {
                let input = input_size(picture, &spec(rule, 14), (518, 518));
                assert!(
                    input.pixels() as f64 <= MAX_AREA_FACTOR * 518.0 * 518.0,
                    "{rule:?} {picture}: {input}"
                );
                assert!(input.width >= 14 && input.height >= 14);
                assert_eq!((input.width % 14, input.height % 14), (0, 0));
            }
        }
    }

    #[test]
    fn pixels_are_normalised_channel_by_channel() {
        let mut picture = Array3::zeros((4, 6, 3));
        picture.slice_mut(s![.., .., 0]).fill(255);
        picture.slice_mut(s![.., .., 2]).fill(51);
        let spec = spec(SizeRule::Stretch, 1);
        let tensor = to_tensor(picture.view(), &spec, (3, 2), &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [1, 3, 2, 3]);
        let rgb = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(rgb[..6].iter().all(|value| (value - 2.0).abs() < 1e-6));
        assert!(rgb[6..12].iter().all(|value| (value + 2.0).abs() < 1e-6));
        assert!(rgb[12..].iter().all(|value| (value + 1.2).abs() < 1e-6));
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        let empty = Array3::<u8>::zeros((0, 5, 3));
        let error = to_tensor(empty.view(), &spec(SizeRule::Minimal, 32), (64, 64), &Device::Cpu);
        assert!(matches!(error, Err(Error::Invalid(_))));
    }
}
