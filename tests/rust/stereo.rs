//! Tests of the room `stereo`. That the eyes are the reference's byte for byte
//! is held by `tests/python/test_stereo.py`.

use ndarray::{Array2, Array3, s};
use rilievo::Monitor;
use rilievo::stereo::{Eyes, Fill, Mode, ModeKind, StereoOptions, compose, eyes};

/// Reproducible numbers from 0 to 2^32 (Steele and Vigna's SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 32
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn unit(&mut self) -> f64 {
        self.next() as f64 / u32::MAX as f64
    }
}

/// A noisy picture; a sloping ground with a few things standing on it.
fn scene(width: usize, height: usize, seed: u64) -> (Array3<u8>, Array2<u16>) {
    let mut random = Random(seed);
    let image = Array3::from_shape_fn((height, width, 3), |_| 1 + random.below(255) as u8);
    let mut depth = Array2::from_shape_fn((height, width), |(y, x)| {
        (y * 20_000 / height + x * 5_000 / width) as u16
    });
    for _ in 0..6 {
        let (x, y) = (
            random.below(width as u64) as usize,
            random.below(height as u64) as usize,
        );
        let (right, below) = ((x + width / 5).min(width), (y + height / 3).min(height));
        depth
            .slice_mut(s![y..below, x..right])
            .fill(25_000 + random.below(40_000) as u16);
    }
    (image, depth)
}

fn drawn(image: &Array3<u8>, depth: &Array2<u16>, options: StereoOptions) -> Eyes {
    eyes(image.view(), depth.view(), &options, &Monitor::silent()).unwrap()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(work)
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let (image, depth) = scene(211, 133, 1);
    for fill in Fill::ALL {
        let options = StereoOptions {
            divergence: 9.0,
            fill,
            holes: true,
            ..Default::default()
        };
        let [one, two, five] =
            [1, 2, 5].map(|threads| on_threads(threads, || drawn(&image, &depth, options)));
        assert!(one == two && one == five, "{fill}");
    }
}

/// The polylines fills as they are described: every point sorted, every active
/// segment looked at. One channel, one row.
fn plain_polylines(
    row: &[u8],
    nearness: &[f64],
    divergence: f64,
    separation: f64,
    half_width: f64,
) -> Vec<u8> {
    const TINY: f64 = 1e-7;
    let width = row.len();
    // Place, closeness, column.
    let mut points = vec![(-(width as f64), 0.0, 0)];
    for (x, near) in nearness.iter().enumerate() {
        let place = x as f64 + 0.5 + near * divergence + separation;
        let closeness = (near * divergence).abs();
        if half_width > 0.0 {
            points.push((place - half_width, closeness, x));
        }
        points.push((place + half_width, closeness, x));
    }
    points.push((2.0 * width as f64, 0.0, width - 1));
    let mut segments: Vec<_> = points.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let end = points[points.len() - 1];
    segments.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    let mut places: Vec<f64> = segments.iter().map(|segment| segment.0.0).collect();
    places.push(end.0);

    let mut out = vec![0; width];
    let (mut active, mut pending, mut at) = (Vec::new(), 0, 0);
    for (x, out) in out.iter_mut().enumerate() {
        let (left, right) = (x as f64, x as f64 + 1.0);
        let mut sum = 0.5;
        while places[at] < left {
            at += 1;
        }
        at -= 1;
        while places[at] < right {
            let from = left.max(places[at]) + TINY;
            let to = right.min(places[at + 1]) - TINY;
            let weight = to - from;
            let middle = from + 0.5 * weight;
            while pending < segments.len() && segments[pending].0.0 < middle {
                active.push(pending);
                pending += 1;
            }
            let mut i = 0;
            while i < active.len() {
                if segments[active[i]].1.0 < middle {
                    active.swap_remove(i);
                } else {
                    i += 1;
                }
            }
            let along = |s: usize| {
                let (start, stop) = segments[s];
                (middle - start.0) / (stop.0 - start.0)
            };
            let mut best = active[0];
            if active.len() > 1 {
                let mut closest = -TINY;
                for &s in &active {
                    let k = along(s);
                    let closeness = (1.0 - k) * segments[s].0.1 + k * segments[s].1.1;
                    if closest < closeness && 0.0 < k && k < 1.0 {
                        (closest, best) = (closeness, s);
                    }
                }
            }
            let (start, stop) = segments[best];
            let (a, b) = (f64::from(row[start.2]), f64::from(row[stop.2]));
            let colour = if start.2 == stop.2 {
                a
            } else {
                a * (1.0 - along(best)) + b * along(best)
            };
            sum += colour * weight;
            at += 1;
        }
        *out = sum as u8;
    }
    out
}

#[test]
fn polylines_are_what_sorting_every_point_gives() {
    let mut random = Random(7);
    for round in 0..400 {
        let width = 1 + random.below(90) as usize;
        let row: Vec<u8> = (0..width).map(|_| random.below(256) as u8).collect();
        // Smooth, stepped and noisy depth in turn.
        let mut value = random.below(65536);
        let depth: Vec<u16> = (0..width)
            .map(|_| {
                match round % 3 {
                    0 => value = (value + random.below(4000)).saturating_sub(2000).min(65535),
                    1 if random.below(6) == 0 => value = random.below(65536),
                    2 => value = random.below(65536),
                    _ => {}
                }
                value as u16
            })
            .collect();
        let (low, high) = (*depth.iter().min().unwrap(), *depth.iter().max().unwrap());
        let range = f64::from(high - low);
        let nearness: Vec<f64> = depth
            .iter()
            .map(|&d| {
                if range > 0.0 {
                    (f64::from(d) - f64::from(low)) / range
                } else {
                    0.0
                }
            })
            .collect();
        let options = StereoOptions {
            divergence: (random.unit() - 0.3) * 40.0,
            separation: (random.unit() - 0.5) * 10.0,
            balance: random.unit() * 1.8 - 0.9,
            ..Default::default()
        };
        let share = (options.balance + 1.0) / 2.0;
        let percent = |value: f64| value / 100.0 * width as f64;
        let image = Array3::from_shape_vec((1, width, 1), row.clone()).unwrap();
        let depth = Array2::from_shape_vec((1, width), depth).unwrap();
        for (fill, half_width) in [(Fill::PolylinesSharp, 0.45), (Fill::PolylinesSoft, 0.0)] {
            let seen = drawn(&image, &depth, StereoOptions { fill, ..options });
            let left = plain_polylines(
                &row,
                &nearness,
                percent(options.divergence * share),
                percent(-options.separation),
                half_width,
            );
            let right = plain_polylines(
                &row,
                &nearness,
                percent(-options.divergence * (1.0 - share)),
                percent(options.separation),
                half_width,
            );
            let same = |eye: &Array3<u8>, expected: &[u8]| eye.iter().eq(expected);
            assert!(same(&seen.left, &left), "{fill} left, round {round}, {options:?}");
            assert!(
                same(&seen.right, &right),
                "{fill} right, round {round}, {options:?}"
            );
        }
    }
}

#[test]
fn masks_are_black_and_white_and_need_the_openings() {
    let (image, depth) = scene(64, 40, 3);
    let options = StereoOptions {
        divergence: 8.0,
        fill: Fill::None,
        holes: true,
        ..Default::default()
    };
    let seen = drawn(&image, &depth, options);
    for (mode, eye) in [(Mode::LeftHoles, &seen.left), (Mode::RightHoles, &seen.right)] {
        assert_eq!(mode.kind(), ModeKind::Mask);
        let mask = compose(&seen, mode).unwrap();
        // The picture has no black of its own: what is black was never painted.
        for (masked, pixel) in mask.rows().into_iter().zip(eye.rows()) {
            let white = pixel.iter().all(|&channel| channel == 0);
            assert!(
                masked
                    .iter()
                    .all(|&channel| channel == if white { 255 } else { 0 })
            );
        }
        assert!(mask.iter().any(|&channel| channel == 255));
    }
    let without = drawn(
        &image,
        &depth,
        StereoOptions {
            holes: false,
            ..options
        },
    );
    let message = compose(&without, Mode::LeftHoles).unwrap_err().to_string();
    assert!(message.contains("left-holes"), "{message}");
}

/// A red thing before a textured green wall: what opens up beside it is wall.
#[test]
fn openings_are_painted_with_what_lies_behind() {
    let (width, height) = (240, 120);
    let near = |x: usize, y: usize| (90..150).contains(&x) && (30..90).contains(&y);
    let image = Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
        let weave = ((x / 3 + y / 4) % 2 * 60) as u8;
        match (near(x, y), c) {
            (true, 0) => 230,
            (true, _) => 10,
            (false, 1) => 120 + weave,
            (false, _) => weave / 2,
        }
    });
    let depth = Array2::from_shape_fn((height, width), |(y, x)| if near(x, y) { 60_000 } else { 5_000 });
    let options = StereoOptions {
        divergence: 12.0,
        fill: Fill::Inpaint,
        holes: true,
        ..Default::default()
    };
    let seen = drawn(&image, &depth, options);
    for (eye, holes) in [(&seen.left, &seen.left_holes), (&seen.right, &seen.right_holes)] {
        let holes = holes.as_ref().unwrap();
        assert!(holes.iter().filter(|&&hole| hole).count() > 500);
        let mut levels = [0; 2];
        for ((y, x), _) in holes.indexed_iter().filter(|(_, hole)| **hole) {
            let [red, green] = [eye[[y, x, 0]], eye[[y, x, 1]]];
            assert!(
                red < 100 && green > 90,
                "({x}, {y}) is {:?}",
                eye.slice(s![y, x, ..])
            );
            levels[usize::from(green > 150)] += 1;
        }
        // The weave goes on: both its shades are there in earnest.
        assert!(levels.iter().all(|&count| count > 150), "{levels:?}");
    }
}
