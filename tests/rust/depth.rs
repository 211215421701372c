//! Tests of the room `depth`.

use ndarray::{Array2, array};
use rilievo::depth::{
    Axis, ClipMode, ClipOptions, DepthKind, DepthMap, combine, from_picture, percentiles, percentiles_u16,
    unit_to_u16,
};
use rilievo::image::Size;

use crate::golden::Golden;

#[test]
fn sixteen_bits_follow_the_reference_in_both_precisions() {
    // Every fraction k / 65536 is k, and its neighbours are not.
    let steps = Array2::from_shape_fn((256, 256), |(y, x)| (y * 256 + x) as f64 / 65536.0);
    let expected = Array2::from_shape_fn((256, 256), |(y, x)| (y * 256 + x) as u16);
    assert_eq!(unit_to_u16(steps.view()).unwrap(), expected);
    assert_eq!(
        unit_to_u16(steps.mapv(|value| value as f32).view()).unwrap(),
        expected
    );
    // The 0.0001 that helps f64 over rounding is lost in f32 where numbers are large.
    let just_below = 50000.0 / 65536.0 - 1e-10;
    assert_eq!(unit_to_u16(array![[just_below]].view()).unwrap(), array![[50000]]);
    assert_eq!(
        unit_to_u16(array![[just_below - 1e-8]].view()).unwrap(),
        array![[49999]]
    );
}

/// Percentiles by sorting, as the definition has it.
fn sorted_percentile(values: &Array2<u16>, percent: f64) -> f64 {
    let mut values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
    values.sort_by(f64::total_cmp);
    let place = (values.len() - 1) as f64 * (percent / 100.0);
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[test]
fn percentiles_are_found_by_counting_and_by_selecting() {
    for (width, height) in [(1, 1), (2, 1), (7, 5), (640, 480)] {
        let values = Array2::from_shape_fn((height, width), |(y, x)| {
            ((y * 7919 + x * 104_729) % 65_521) as u16
        });
        for [low, high] in [[2.0, 85.0], [0.0, 100.0], [50.0, 50.0], [33.3, 66.7]] {
            let expected = [low, high].map(|percent| sorted_percentile(&values, percent));
            let counted = percentiles_u16(values.view(), [low, high]).unwrap();
            let selected = percentiles(values.mapv(f64::from).view(), [low, high]).unwrap();
            assert_eq!(counted, selected);
            for (found, expected) in counted.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{found} {expected} {width}x{height}"
                );
            }
        }
    }
    assert_eq!(percentiles_u16(Array2::zeros((0, 3)).view(), [50.0]), None);
    assert_eq!(percentiles(Array2::<f32>::zeros((0, 3)).view(), [50.0]), None);
}

#[test]
fn threads_do_not_show() {
    let mut golden = Golden::open("core");
    let map = DepthMap::new(golden.array("raw_noisy"), DepthKind::Depth);
    let clip = ClipOptions {
        mode: ClipMode::Outliers,
        far: 0.03,
        near: 0.91,
    };
    let run = || map.to_u16(Some(clip)).unwrap();
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(run);
    let many = rayon::ThreadPoolBuilder::new()
        .num_threads(7)
        .build()
        .unwrap()
        .install(run);
    assert_eq!(alone, many);
}

#[test]
fn kinds_have_names() {
    for kind in [DepthKind::Inverse, DepthKind::Depth, DepthKind::Metric] {
        assert_eq!(DepthKind::named(kind.name()).unwrap(), kind);
    }
    assert!(
        DepthKind::named("Inverse")
            .unwrap_err()
            .to_string()
            .contains("\"Inverse\" is unknown")
    );
}

#[test]
fn eight_bit_pictures_are_resized_in_eight_bits() {
    let step = array![[0_u8, 0, 255, 255]];
    let size = Size { width: 8, height: 2 };
    let levels = from_picture(step.view(), size)
        .unwrap()
        .mapv(|value| value * 256.0);
    assert!(
        levels
            .iter()
            .all(|level| level.fract() == 0.0 && (0.0..=255.0).contains(level))
    );
    assert_eq!(levels.dim(), (2, 8));
}

#[test]
fn picture_and_depth_side_by_side() {
    let picture = array![[[1, 2, 3]], [[4, 5, 6]]];
    let depth = array![[0x1234], [0xffff]];
    let beside = combine(picture.view(), depth.view(), Axis::Horizontal).unwrap();
    assert_eq!(
        beside,
        array![[[1, 2, 3], [0x12, 0x12, 0x12]], [[4, 5, 6], [0xff, 0xff, 0xff]]]
    );
    let below = combine(picture.view(), depth.view(), Axis::Vertical).unwrap();
    assert_eq!(
        below,
        array![
            [[1, 2, 3]],
            [[4, 5, 6]],
            [[0x12, 0x12, 0x12]],
            [[0xff, 0xff, 0xff]]
        ]
    );
}
