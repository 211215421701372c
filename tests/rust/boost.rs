//! Boost, held to the reference: sizes, patches and mask to the number, whole runs with networks made of formulas.

use std::f64::consts::PI;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2, Array3, ArrayView3, s};
use rilievo::estimate::boost::{self, Networks, Pair, Plan};
use rilievo::{Error, Monitor, Result};

use crate::golden::{Golden, count_of, max_difference, text_of};

fn picture(golden: &mut Golden, name: &str) -> Array3<u8> {
    golden.array(name)
}

fn squares(patches: &[boost::Patch]) -> Vec<[i32; 4]> {
    let square = |patch: &boost::Patch| [patch.x, patch.y, patch.side, patch.side].map(|value| value as i32);
    patches.iter().map(square).collect()
}

fn check_geometry(golden: &mut Golden) {
    for case in golden.cases("boost_geometry") {
        let name = text_of(&case, "image");
        let (field, rmax) = (count_of(&case, "base"), count_of(&case, "rmax"));
        let plan = Plan::new(picture(golden, name).view(), field, rmax, None).unwrap();
        // Its sky is flat but for rounding, which the threshold for edges averages: another
        // processor's rounding already grows one patch by one step more.
        let rounding = name == "b_rocket" && rmax == 3000;
        let what = format!("{name}, field {field}, rmax {rmax}");
        assert_eq!(plan.whole, count_of(&case, "R_x"), "{what}");
        let close = |value: f64, key: &str| (value - case[key].as_f64().unwrap()).abs() < 1e-9;
        assert!(
            close(plan.patch_scale, "patch_scale"),
            "{what}: {}",
            plan.patch_scale
        );
        assert!(close(plan.factor, "factor"), "{what}: {}", plan.factor);
        let target = [plan.target.width, plan.target.height].map(|side| side as u64);
        assert_eq!(case["target_wh"], serde_json::json!(target), "{what}");
        for (key, patches) in [("grid", &plan.grid), ("rects", &plan.patches)] {
            let wanted: Array2<i32> = golden.array(text_of(&case, key));
            let wanted: Vec<_> = wanted
                .rows()
                .into_iter()
                .map(|row| [row[0], row[1], row[2], row[3]])
                .collect();
            let differing = squares(patches)
                .iter()
                .zip(&wanted)
                .filter(|(ours, wanted)| ours != wanted)
                .count();
            assert_eq!(patches.len(), wanted.len(), "{what}: {key}");
            assert!(
                differing <= usize::from(rounding),
                "{what}: {key}: {:?} for {wanted:?}",
                squares(patches)
            );
        }
    }
}

#[test]
fn sizes_and_patches_are_the_references() {
    check_geometry(&mut Golden::open("boost"));
}

#[test]
fn the_mask_is_the_references() {
    let mut golden = Golden::open("boost");
    let profile = boost::profile();
    let row: Array1<f32> = golden.array("mask3000_row1500");
    let diagonal: Array1<f32> = golden.array("mask3000_diag");
    for (x, &value) in profile.iter().enumerate() {
        assert!(
            (value - row[x]).abs() < 3e-6,
            "column {x}: {value} for {}",
            row[x]
        );
        assert!((value * value - diagonal[x]).abs() < 3e-6, "diagonal {x}");
    }
    let wanted: Array2<f32> = golden.array("mask3000_to_210x140");
    let (down, across) = (boost::weights(210).unwrap(), boost::weights(140).unwrap());
    let ours = Array2::from_shape_fn((210, 140), |(y, x)| down[y] * across[x]);
    assert!(max_difference(&ours, &wanted) < 3e-6);
}

/// Formulas instead of networks, as in the golden data.
#[derive(Default)]
struct Formulas {
    looks: AtomicUsize,
    /// Patches at once; 0 is the default.
    at_once: usize,
    /// How many looks were taken together.
    together: Mutex<Vec<usize>>,
}

impl Formulas {
    fn taking(at_once: usize) -> Self {
        Self {
            at_once,
            ..Self::default()
        }
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Networks for Formulas {
    type Input = (Array3<f32>, usize);

    fn prepare(&self, picture: ArrayView3<'_, f32>, side: usize) -> Result<Self::Input> {
        Ok((picture.to_owned(), side))
    }

    fn depths(&self, inputs: &[Self::Input], monitor: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        monitor.check()?;
        self.looks.fetch_add(inputs.len(), Ordering::Relaxed);
        self.together.lock().unwrap().push(inputs.len());
        let depth = |(picture, side): &Self::Input| {
            let (height, width, _) = picture.dim();
            let wave = |x: usize| (2.0 * PI * (*side as f64 / 256.0) * x as f64 / width as f64).sin();
            Array2::from_shape_fn((height, width), |(y, x)| {
                let pixel = picture.slice(s![y, x, ..]).mapv(f64::from);
                let gray = 0.2989 * pixel[2] + 0.5870 * pixel[1] + 0.1140 * pixel[0];
                (0.5 * gray + 0.3 * y as f64 / (height - 1).max(1) as f64 + 0.2 * wave(x)) as f32
            })
        };
        Ok(inputs.iter().map(depth).collect())
    }

    fn merge(&self, pairs: &[Pair], _: &Monitor<'_>) -> Result<Vec<Array2<f32>>> {
        let merged = |pair: &Pair| {
            let mut merged = pair.outer.clone();
            merged.zip_mut_with(&pair.inner, |outer, &inner| {
                let (o, i) = (f64::from(*outer), f64::from(inner));
                *outer = (0.6 * o + 0.4 * i + 0.1 * o * i).tanh() as f32;
            });
            merged
        };
        Ok(pairs.iter().map(merged).collect())
    }

    fn batch_size(&self, _: usize) -> usize {
        self.at_once
    }
}

#[test]
fn whole_runs_are_the_references() {
    let mut golden = Golden::open("boost");
    for case in golden.cases("estimateboost_stub") {
        let picture = picture(&mut golden, text_of(&case, "image"));
        let field = if count_of(&case, "model_type") == 0 {
            448
        } else {
            518
        };
        let plan = Plan::new(picture.view(), field, count_of(&case, "rmax"), None).unwrap();
        let networks = Formulas::default();
        let boosted = boost::boost(picture.view(), &plan, &networks, &Monitor::silent()).unwrap();
        let patches = count_of(&case, "n_patches");
        assert_eq!(boosted.lines.len(), patches);
        assert_eq!(networks.looks(), 2 * (1 + patches));
        let wanted: Array2<f32> = golden.array(text_of(&case, "out"));
        let off = max_difference(&boosted.values, &wanted);
        assert!(off <= 1e-4, "{}: {off}", text_of(&case, "out"));
        let wanted: Array2<f64> = golden.array(text_of(&case, "polyfit_coefs"));
        for (line, wanted) in boosted.lines.iter().zip(wanted.rows()) {
            assert!((line.slope - wanted[0]).abs() < 1e-4 && (line.intercept - wanted[1]).abs() < 1e-4);
        }
    }
}

#[test]
fn pictures_of_any_size_and_flat_ones_are_boosted() {
    for (height, width) in [(1, 1), (1, 300), (20, 200), (150, 150), (64, 900)] {
        let flat = Array3::from_elem((height, width, 3), 128);
        let busy = Array3::from_shape_fn((height, width, 3), |(y, x, c)| {
            (((7 * y + 13 * x + c) % 17) * 15) as u8
        });
        for picture in [flat, busy] {
            let plan = Plan::new(picture.view(), 448, 512, None).unwrap();
            let boosted =
                boost::boost(picture.view(), &plan, &Formulas::default(), &Monitor::silent()).unwrap();
            assert_eq!(boosted.values.dim(), (height, width));
            assert!(
                boosted.values.iter().all(|value| value.is_finite()),
                "{width}x{height}"
            );
        }
    }
}

#[test]
fn patches_at_once_give_the_same_as_one_by_one() {
    let mut golden = Golden::open("boost");
    let picture = picture(&mut golden, "b_tall");
    let plan = Plan::new(picture.view(), 448, 1600, None).unwrap();
    let run = |networks: &Formulas| {
        boost::boost(picture.view(), &plan, networks, &Monitor::silent())
            .unwrap()
            .values
    };
    let (single, several) = (Formulas::taking(1), Formulas::taking(4));
    assert_eq!(run(&single), run(&several));
    assert_eq!(single.looks(), several.looks());
    // Twice the whole picture, then both looks at 4, 4 and 3 patches.
    assert_eq!(plan.patches.len(), 11);
    assert_eq!(*several.together.lock().unwrap(), [1, 1, 4, 4, 4, 4, 3, 3]);
}

#[test]
fn fewer_patches_are_some_of_all() {
    let mut golden = Golden::open("boost");
    let picture = picture(&mut golden, "b_tall");
    let plan = |most| Plan::new(picture.view(), 448, 1600, most).unwrap();
    let all = plan(None).patches;
    for most in [0, 1, 4, 11, 50] {
        let kept = plan(Some(most)).patches;
        assert_eq!(kept.len(), most.min(all.len()));
        // In the same order.
        let mut rest = all.iter();
        assert!(
            kept.iter().all(|patch| rest.any(|other| other == patch)),
            "{most}"
        );
    }
    // With none it is the picture as a whole.
    let networks = Formulas::default();
    let boosted = boost::boost(picture.view(), &plan(Some(0)), &networks, &Monitor::silent()).unwrap();
    assert_eq!((networks.looks(), boosted.lines.len()), (2, 0));
}

#[test]
fn progress_names_patches_and_a_cancelled_run_stops_within_one() {
    let mut golden = Golden::open("boost");
    let picture = picture(&mut golden, "b_tall");
    let plan = Plan::new(picture.view(), 448, 1600, None).unwrap();
    let seen = Mutex::new(Vec::new());
    let report = |stage: &str, done: u64, total: u64| {
        assert_eq!(total, 1000);
        seen.lock().unwrap().push((stage.to_owned(), done));
    };
    let monitor = Monitor::new(Some(&report), None);
    boost::boost(picture.view(), &plan, &Formulas::default(), &monitor).unwrap();
    let told = std::mem::take(&mut *seen.lock().unwrap());
    assert!(told.is_sorted_by_key(|(_, done)| *done), "{told:?}");
    assert_eq!((told[0].1, told[told.len() - 1].1), (0, 1000));
    let mut stages: Vec<_> = told.into_iter().map(|(stage, _)| stage).collect();
    stages.dedup();
    let mut expected = vec!["boost: whole picture".to_owned()];
    expected.extend((1..=11).map(|patch| format!("boost: patch {patch} of 11")));
    assert_eq!(stages, expected);

    let cancel = || {
        let seen = seen.lock().unwrap();
        seen.last().is_some_and(|(stage, _)| stage.contains("patch 3"))
    };
    let networks = Formulas::default();
    let monitor = Monitor::new(Some(&report), Some(&cancel));
    let stopped = boost::boost(picture.view(), &plan, &networks, &monitor);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert_eq!(networks.looks(), 2 * 3, "the whole and two patches");
}

#[test]
fn what_cannot_be_boosted_is_a_sentence() {
    let gray = Array3::zeros((4, 4, 1));
    let told = Plan::new(gray.view(), 448, 1600, None).unwrap_err().to_string();
    assert!(told.contains("1 channels"), "{told}");
    let told = Plan::new(Array3::zeros((4, 4, 3)).view(), 8, 1600, None)
        .unwrap_err()
        .to_string();
    assert!(told.contains("8 pixels"), "{told}");
}
