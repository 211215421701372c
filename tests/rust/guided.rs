//! Photo-guided upsampling.

use ndarray::{Array2, Array3, s};
use rilievo::estimate::guided_upsampling::{GuidedOptions, refine};
use rilievo::{Error, Monitor};

/// A bright disc before a dark wall, both with some texture, and a coarse,
/// blurred prediction of it: 1 on the disc, 0 on the wall.
fn scene(width: usize, height: usize) -> (Array3<u8>, Array2<f32>, Array2<f32>) {
    let inside = |x: f64, y: f64| (x - 0.5).hypot(y - 0.5) < 0.25;
    let place = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
    let exact = Array2::from_shape_fn((height, width), |(y, x)| {
        f32::from(inside(place(x, width), place(y, height)))
    });
    let photo = Array3::from_shape_fn((height, width, 3), |(y, x, channel)| {
        let texture = ((x * 7 + y * 13) % 5) as u8 * 2;
        let color = if exact[[y, x]] > 0.5 {
            [200, 160, 120]
        } else {
            [40, 60, 90]
        };
        color[channel] + texture
    });
    let blurred = Array2::from_shape_fn((48, 64), |(y, x)| {
        let distance = (place(x, 64) - 0.5).hypot(place(y, 48) - 0.5) - 0.25;
        (1.0 / (1.0 + (distance * 25.0).exp())) as f32
    });
    (photo, blurred, exact)
}

fn error(found: &Array2<f32>, exact: &Array2<f32>) -> f32 {
    (found - exact).mapv(f32::abs).mean().unwrap()
}

#[test]
fn outlines_move_to_the_photos_edges() {
    let (photo, blurred, exact) = scene(320, 240);
    let fine = refine(
        blurred.view(),
        photo.view(),
        &GuidedOptions::default(),
        &Monitor::silent(),
    )
    .unwrap();
    let plain = rilievo::image::resize::torch_bilinear(
        blurred.view(),
        rilievo::image::Size {
            width: 320,
            height: 240,
        },
        false,
    )
    .unwrap();
    let (guided, plain) = (error(&fine, &exact), error(&plain, &exact));
    assert!(guided < 0.5 * plain, "{guided} {plain}");
    // A pixel beside the outline belongs to its own side.
    let row = fine.row(120);
    assert!(row[83] > 0.8 && row[76] < 0.2, "{}", row.slice(s![70..90]));
}

#[test]
fn no_value_leaves_the_range_of_the_prediction() {
    let (photo, blurred, _) = scene(200, 150);
    let prediction = blurred.mapv(|value| 1000.0 - 3000.0 * value);
    let (low, high) = (
        prediction.iter().copied().fold(f32::MAX, f32::min),
        prediction.iter().copied().fold(f32::MIN, f32::max),
    );
    for options in [
        GuidedOptions::default(),
        GuidedOptions {
            flatness: 1e-7,
            radius: 5,
            ..GuidedOptions::default()
        },
        GuidedOptions {
            smoothness: 1e6,
            distrust: 0.0,
            radius: 0,
            ..GuidedOptions::default()
        },
    ] {
        let fine = refine(prediction.view(), photo.view(), &options, &Monitor::silent()).unwrap();
        assert!(
            fine.iter().all(|value| (low..=high).contains(value)),
            "{options:?}"
        );
    }
}

#[test]
fn a_flat_prediction_stays_flat_under_any_photo() {
    let (photo, _, _) = scene(64, 48);
    let flat = Array2::from_elem((6, 8), 3.25);
    let fine = refine(
        flat.view(),
        photo.view(),
        &GuidedOptions::default(),
        &Monitor::silent(),
    )
    .unwrap();
    assert_eq!(fine, Array2::from_elem((48, 64), 3.25));
}

#[test]
fn a_slope_under_a_plain_photo_stays_a_slope() {
    let photo = Array3::from_elem((192, 256, 3), 128);
    let slope = Array2::from_shape_fn((96, 128), |(y, _)| y as f32);
    let fine = refine(
        slope.view(),
        photo.view(),
        &GuidedOptions::default(),
        &Monitor::silent(),
    )
    .unwrap();
    let middle = fine.slice(s![48..144, ..]);
    for (y, row) in middle.rows().into_iter().enumerate() {
        let exact = (y as f32 + 48.5) / 2.0 - 0.5;
        assert!(
            row.iter().all(|value| (value - exact).abs() < 0.5),
            "{y}: {} for {exact}",
            row[0]
        );
    }
}

#[test]
fn unknown_values_are_filled_in() {
    let (photo, mut blurred, exact) = scene(320, 240);
    for value in blurred.slice_mut(s![20..28, 28..36]) {
        *value = f32::NAN;
    }
    blurred[[0, 0]] = f32::INFINITY;
    let fine = refine(
        blurred.view(),
        photo.view(),
        &GuidedOptions::default(),
        &Monitor::silent(),
    )
    .unwrap();
    assert!(fine.iter().all(|value| value.is_finite()));
    assert!(error(&fine, &exact) < 0.05, "{}", error(&fine, &exact));
    assert!(fine[[120, 160]] > 0.8);

    blurred.fill(f32::NAN);
    let nothing = refine(
        blurred.view(),
        photo.view(),
        &GuidedOptions::default(),
        &Monitor::silent(),
    );
    assert!(matches!(nothing, Err(Error::Invalid(_))));
}

#[test]
fn every_size_works() {
    for (prediction, photo) in [
        ((1, 1), (1, 1)),
        ((2, 3), (1, 1)),
        ((1, 1), (5, 7)),
        ((16, 16), (1, 300)),
        ((16, 16), (700, 1)),
        ((32, 200), (2, 2000)),
        ((90, 90), (8, 8)),
    ] {
        let plane = Array2::from_shape_fn(prediction, |(y, x)| (y * 3 + x) as f32);
        let picture = Array3::from_shape_fn((photo.0, photo.1, 3), |(y, x, c)| {
            (y * 31 + x * 17 + c * 80) as u8
        });
        let fine = refine(
            plane.view(),
            picture.view(),
            &GuidedOptions::default(),
            &Monitor::silent(),
        )
        .unwrap();
        assert_eq!(fine.dim(), photo);
        assert!(
            fine.iter().all(|value| value.is_finite()),
            "{prediction:?} {photo:?}"
        );
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (photo, blurred, _) = scene(333, 257);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            refine(
                blurred.view(),
                photo.view(),
                &GuidedOptions::default(),
                &Monitor::silent(),
            )
            .unwrap()
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn a_view_that_is_not_contiguous_gives_the_same() {
    let (photo, blurred, _) = scene(120, 90);
    let mut wide = Array3::zeros((90, 240, 3));
    wide.slice_mut(s![.., ..;2, ..]).assign(&photo);
    let refined = |photo| {
        refine(
            blurred.view(),
            photo,
            &GuidedOptions::default(),
            &Monitor::silent(),
        )
        .unwrap()
    };
    assert_eq!(refined(wide.slice(s![.., ..;2, ..])), refined(photo.view()));
}

#[test]
fn nonsense_is_refused_and_a_wish_to_stop_heard() {
    let (photo, blurred, _) = scene(64, 48);
    let refused = |prediction: &Array2<f32>, photo: &Array3<u8>, options: GuidedOptions| {
        let result = refine(prediction.view(), photo.view(), &options, &Monitor::silent());
        assert!(matches!(result, Err(Error::Invalid(_))), "{options:?}");
    };
    let fine = GuidedOptions::default();
    refused(&Array2::zeros((0, 5)), &photo, fine);
    refused(&blurred, &Array3::zeros((5, 0, 3)), fine);
    refused(&blurred, &Array3::zeros((5, 5, 1)), fine);
    refused(&blurred, &photo, GuidedOptions { grid: 0, ..fine });
    refused(
        &blurred,
        &photo,
        GuidedOptions {
            smoothness: 0.0,
            ..fine
        },
    );
    refused(
        &blurred,
        &photo,
        GuidedOptions {
            color_scale: f32::NAN,
            ..fine
        },
    );
    refused(
        &blurred,
        &photo,
        GuidedOptions {
            distrust: -1.0,
            ..fine
        },
    );
    refused(
        &blurred,
        &photo,
        GuidedOptions {
            flatness: f32::INFINITY,
            ..fine
        },
    );

    let stop = || true;
    let result = refine(
        blurred.view(),
        photo.view(),
        &fine,
        &Monitor::new(None, Some(&stop)),
    );
    assert!(matches!(result, Err(Error::Cancelled)));
}
