use ndarray::{Array, Array2, Array3, Axis, Ix2, array};
use ndarray_npy::ReadableElement;
use rilievo::Error;
use rilievo::image::filter::*;
use serde_json::Value;

use crate::golden::{Golden, count_of, max_difference, text_of};

fn blurred<T: ReadableElement + Real + Into<f64>>(golden: &mut Golden, case: &Value) -> f64 {
    let input: Array<T, Ix2> = golden.array(text_of(case, "inp"));
    let expected: Array<T, Ix2> = golden.array(text_of(case, "out"));
    let sigma = case["sigma"].as_f64().unwrap();
    max_difference(
        &gaussian_blur(input.view(), count_of(case, "ksize"), sigma).unwrap(),
        &expected,
    )
}

#[test]
fn gaussian_meets_opencv() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.GaussianBlur") {
        let (difference, allowed) = match text_of(&case, "inp") {
            "f32" => (blurred::<f32>(&mut golden, &case), 4e-7),
            "f64" => (blurred::<f64>(&mut golden, &case), 1e-14),
            other => panic!("unknown input {other}"),
        };
        assert!(difference <= allowed, "{difference:e} in {case}");
    }
}

fn boxed<T: ReadableElement + BoxSample + Into<f64>>(golden: &mut Golden, case: &Value) -> f64 {
    let input: Array<T, Ix2> = golden.array(text_of(case, "inp"));
    let expected: Array<T, Ix2> = golden.array(text_of(case, "out"));
    max_difference(
        &box_blur(input.view(), count_of(case, "ksize")).unwrap(),
        &expected,
    )
}

#[test]
fn box_meets_opencv() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.blur") {
        let (difference, allowed) = match text_of(&case, "inp") {
            "u8c1" => (boxed::<u8>(&mut golden, &case), 0.0),
            "f32" => (boxed::<f32>(&mut golden, &case), 2e-7),
            "f64" => (boxed::<f64>(&mut golden, &case), 1e-15),
            other => panic!("unknown input {other}"),
        };
        assert!(difference <= allowed, "{difference:e} in {case}");
    }
}

#[test]
fn sobel_meets_opencv() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.Sobel") {
        let input: Array2<f64> = golden.array(text_of(&case, "inp"));
        let expected: Array2<f64> = golden.array(text_of(&case, "out"));
        let (across, down) = sobel(input.view(), count_of(&case, "ksize")).unwrap();
        let result = if count_of(&case, "dx") == 1 { across } else { down };
        let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let difference = max_difference(&result, &expected) / scale;
        assert!(difference <= 1e-14, "{difference:e} in {case}");
    }
}

#[test]
fn dilation_meets_opencv() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.dilate") {
        let input: Array2<u8> = golden.array(text_of(&case, "inp"));
        let expected: Array2<u8> = golden.array(text_of(&case, "out"));
        assert!(
            dilate(input.view(), count_of(&case, "ksize")).unwrap() == expected,
            "{case}"
        );
    }
}

#[test]
fn integral_meets_opencv() {
    let mut golden = Golden::open("kernels");
    for case in golden.cases("cv2.integral") {
        let input: Array2<f64> = golden.array(text_of(&case, "inp"));
        let expected: Array2<f64> = golden.array(text_of(&case, "out"));
        assert_eq!(integral(input.view()).unwrap(), expected);
    }
}

/// The same by the definition: no ring, no strips, no bands.
fn blurred_plainly(plane: &Array2<f64>, weights: &[f64]) -> Array2<f64> {
    let reflect = |place: isize, length: usize| {
        let mut place = place;
        let last = length as isize - 1;
        while last > 0 && (place < 0 || place > last) {
            place = if place < 0 { -place } else { 2 * last - place };
        }
        if last == 0 { 0 } else { place as usize }
    };
    let (height, width) = plane.dim();
    let radius = weights.len() as isize / 2;
    Array2::from_shape_fn((height, width), |(y, x)| {
        let mut sum = 0.0;
        for (dy, wy) in (-radius..).zip(weights) {
            for (dx, wx) in (-radius..).zip(weights) {
                sum += wy * wx * plane[[reflect(y as isize + dy, height), reflect(x as isize + dx, width)]];
            }
        }
        sum
    })
}

#[test]
fn borders_reflect_however_small_the_plane() {
    let weights: Vec<f64> = (-7..=7).map(|i: i32| (-f64::from(i * i) / 50.0).exp()).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    for shape in [(1, 1), (1, 5), (2, 3), (4, 40), (70, 2), (150, 37)] {
        let plane = Array2::from_shape_fn(shape, |(y, x)| ((y * 37 + x * 11) % 23) as f64);
        let blur = gaussian_blur(plane.view(), 15, 5.0).unwrap();
        assert!(
            max_difference(&blur, &blurred_plainly(&plane, &weights)) < 1e-12,
            "{shape:?}"
        );
    }
}

#[test]
fn channels_are_blurred_alike() {
    let picture = Array3::from_shape_fn((41, 67, 3), |(y, x, c)| ((y * 31 + x * 17 + c * 97) % 256) as f32);
    let whole = gaussian_blur(picture.view(), 7, 2.0).unwrap();
    for channel in 0..3 {
        let alone = gaussian_blur(picture.index_axis(Axis(2), channel), 7, 2.0).unwrap();
        assert_eq!(whole.index_axis(Axis(2), channel), alone);
    }
}

#[test]
fn threads_do_not_show() {
    let plane = Array2::from_shape_fn((301, 203), |(y, x)| ((y * 7 + x * 13) % 101) as f64 / 7.0);
    let filter = || {
        (
            gaussian_blur(plane.view(), 9, 3.0).unwrap(),
            sobel(plane.view(), 5).unwrap(),
        )
    };
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(filter);
    let many = rayon::ThreadPoolBuilder::new()
        .num_threads(5)
        .build()
        .unwrap()
        .install(filter);
    assert!(alone == many);
}

#[test]
fn wrong_kernels_are_named() {
    let plane = array![[1.0_f64]];
    let message = |error: Error| error.to_string();
    assert!(message(gaussian_blur(plane.view(), 4, 1.0).unwrap_err()).contains("4 wide"));
    assert!(message(gaussian_blur(plane.view(), 3, 0.0).unwrap_err()).contains("sigma is 0"));
    assert!(message(gaussian_blur(plane.view(), 3, f64::NAN).unwrap_err()).contains("sigma is NaN"));
    assert!(message(sobel(plane.view(), 33).unwrap_err()).contains("largest is 31"));
    assert!(message(sobel(plane.view(), 2).unwrap_err()).contains("odd"));
    assert!(message(box_blur(plane.view(), 0).unwrap_err()).contains("odd"));
    assert!(message(dilate(plane.view(), 0).unwrap_err()).contains("at least 1"));
    let none = Array2::<f64>::zeros((0, 3));
    assert!(message(gaussian_blur(none.view(), 3, 1.0).unwrap_err()).contains("no pixels"));
    assert!(message(integral(none.view()).unwrap_err()).contains("no pixels"));
}
