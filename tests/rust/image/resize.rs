use ndarray::{Array, Array2, Array3, ArrayView, Ix2, Ix3, array};
use ndarray_npy::ReadableElement;
use rilievo::image::resize::*;
use rilievo::image::{Raster, Size};
use rilievo::{Error, Result};
use serde_json::Value;

use crate::golden::{Golden, count_of, max_difference, text_of};

fn size_of(case: &Value) -> Size {
    Size {
        width: count_of(case, "w"),
        height: count_of(case, "h"),
    }
}

/// How far `resize` is from the recorded result.
fn difference<T, D>(
    golden: &mut Golden,
    case: &Value,
    resize: impl Fn(ArrayView<T, D>, Size) -> Result<Array<T, D>>,
) -> f64
where
    T: ReadableElement + Copy + Into<f64>,
    D: Raster,
{
    let input: Array<T, D> = golden.array(text_of(case, "inp"));
    let expected: Array<T, D> = golden.array(text_of(case, "out"));
    max_difference(&resize(input.view(), size_of(case)).unwrap(), &expected)
}

fn opencv_difference<T, D>(golden: &mut Golden, case: &Value) -> f64
where
    T: ReadableElement + OpenCvSample + AreaSample + Into<f64>,
    D: Raster,
{
    match text_of(case, "interp") {
        "nearest" => difference::<T, D>(golden, case, opencv_nearest),
        "linear" => difference::<T, D>(golden, case, opencv_linear),
        "cubic" => difference::<T, D>(golden, case, opencv_cubic),
        "area" => difference::<T, D>(golden, case, opencv_area),
        other => panic!("unknown interpolation {other}"),
    }
}

#[test]
fn opencv_is_met() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.resize") {
        let kind = text_of(&case, "inp").trim_end_matches("_even").to_owned();
        let difference = match kind.as_str() {
            "u8c3" => opencv_difference::<u8, Ix3>(&mut golden, &case),
            "u8c1" => opencv_difference::<u8, Ix2>(&mut golden, &case),
            "f32" => opencv_difference::<f32, Ix2>(&mut golden, &case),
            "f64" => opencv_difference::<f64, Ix2>(&mut golden, &case),
            "f64c3" => opencv_difference::<f64, Ix3>(&mut golden, &case),
            other => panic!("unknown input {other}"),
        };
        // OpenCV differs from itself by 1 level and 3e-6 between its code paths; where it does not, neither may this.
        let allowed = match (kind.as_str(), text_of(&case, "interp")) {
            (_, "nearest") => 0.0,
            ("u8c3" | "u8c1", "cubic") => 1.0,
            ("u8c3" | "u8c1", _) => 0.0,
            ("f64" | "f64c3", "cubic") => 1e-12,
            _ => 4e-6,
        };
        assert!(difference <= allowed, "{difference:e} > {allowed:e} in {case}");
    }
}

#[test]
fn torch_is_met() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("torch.interpolate") {
        let align = case["align_corners"].as_bool().unwrap();
        let difference = match text_of(&case, "mode") {
            "bicubic" => difference::<f32, Ix2>(&mut golden, &case, |input, size| {
                torch_bicubic(input, size, align)
            }),
            "bilinear" => difference::<f32, Ix2>(&mut golden, &case, |input, size| {
                torch_bilinear(input, size, align)
            }),
            other => panic!("unknown mode {other}"),
        };
        assert!(difference <= 1e-6, "{difference:e} in {case}");
    }
}

fn pillow_difference<T, D>(golden: &mut Golden, case: &Value) -> f64
where
    T: ReadableElement + PillowSample + Copy + Into<f64>,
    D: Raster,
{
    match text_of(case, "resample") {
        "lanczos" => difference::<T, D>(golden, case, pillow_lanczos),
        "bicubic" => difference::<T, D>(golden, case, pillow_bicubic),
        "bilinear" => difference::<T, D>(golden, case, pillow_bilinear),
        other => panic!("unknown filter {other}"),
    }
}

#[test]
fn pillow_is_met() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("PIL.resize") {
        let (difference, allowed) = match text_of(&case, "inp") {
            "u8c3" => (pillow_difference::<u8, Ix3>(&mut golden, &case), 0.0),
            "u16" => (pillow_difference::<u16, Ix2>(&mut golden, &case), 0.0),
            "f32" => (pillow_difference::<f32, Ix2>(&mut golden, &case), 0.0),
            other => panic!("unknown input {other}"),
        };
        assert!(difference <= allowed, "{difference:e} > {allowed:e} in {case}");
    }
}

#[test]
fn sixteen_bit_lanczos_stays_in_range() {
    // A white block rings above white and below black; it must not wrap around.
    let step = Array2::from_shape_fn((9, 9), |(_, x)| if x < 4 { 0_u16 } else { u16::MAX });
    let large = pillow_lanczos(step.view(), Size { width: 90, height: 9 }).unwrap();
    assert!(large.row(4).iter().skip(60).all(|&value| value > 60_000));
    assert!(large.row(4).iter().take(20).all(|&value| value < 5_000));
    assert!(large.row(4).iter().any(|&value| value == u16::MAX));
}

#[test]
fn one_pixel_spreads_everywhere() {
    let dot = array![[7.5_f32]];
    let size = Size { width: 5, height: 3 };
    for spread in [
        opencv_cubic(dot.view(), size),
        opencv_linear(dot.view(), size),
        opencv_area(dot.view(), size),
        opencv_nearest(dot.view(), size),
        torch_bicubic(dot.view(), size, true),
        torch_bilinear(dot.view(), size, false),
        pillow_lanczos(dot.view(), size),
    ] {
        let spread = spread.unwrap();
        assert_eq!(spread.dim(), (3, 5));
        assert!(spread.iter().all(|value| (value - 7.5).abs() < 1e-5), "{spread}");
    }
}

#[test]
fn channels_do_not_mix() {
    for channels in [1, 2, 3, 4, 5] {
        let picture = Array3::from_shape_fn((19, 23, channels), |(y, x, c)| {
            ((y * 31 + x * 17 + c * 97) % 256) as u8
        });
        let size = Size {
            width: 31,
            height: 11,
        };
        let whole = pillow_bicubic(picture.view(), size).unwrap();
        for channel in 0..channels {
            let plane = picture.index_axis(ndarray::Axis(2), channel);
            let alone = pillow_bicubic(plane, size).unwrap();
            assert_eq!(whole.index_axis(ndarray::Axis(2), channel), alone);
        }
    }
}

#[test]
fn threads_do_not_show() {
    let plane = Array2::from_shape_fn((301, 203), |(y, x)| ((y * 7 + x * 13) % 101) as f32 / 100.0);
    let resize = || {
        (
            opencv_cubic(
                plane.view(),
                Size {
                    width: 517,
                    height: 640,
                },
            )
            .unwrap(),
            pillow_lanczos(
                plane.view(),
                Size {
                    width: 50,
                    height: 70,
                },
            )
            .unwrap(),
        )
    };
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(resize);
    let many = rayon::ThreadPoolBuilder::new()
        .num_threads(5)
        .build()
        .unwrap()
        .install(resize);
    assert!(alone == many);
}

#[test]
fn no_pixels_is_an_error() {
    let plane = Array2::<f32>::zeros((4, 4));
    let empty = Array2::<f32>::zeros((0, 4));
    let none = Size { width: 0, height: 3 };
    let some = Size { width: 2, height: 2 };
    assert!(matches!(opencv_cubic(plane.view(), none), Err(Error::Invalid(_))));
    assert!(matches!(opencv_cubic(empty.view(), some), Err(Error::Invalid(_))));
    assert!(matches!(opencv_area(empty.view(), some), Err(Error::Invalid(_))));
    assert!(matches!(
        opencv_nearest(plane.view(), none),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        torch_bicubic(empty.view(), some, true),
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        pillow_lanczos(empty.view(), some),
        Err(Error::Invalid(_))
    ));
    let huge = Size {
        width: usize::MAX,
        height: 2,
    };
    let error = pillow_lanczos(plane.view(), huge).unwrap_err();
    assert!(error.to_string().contains("does not fit in memory"), "{error}");
}
