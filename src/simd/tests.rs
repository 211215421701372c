//! Every operation on vectors that is more than one instruction, on every instruction set.

use super::*;

per_isa! {
    fn masked<I>(isa: I, row: &[f32], start: isize, to: &mut [f32]) -> usize {
        isa.load_masked(row, &isa.mask(start, row.len())).store(to);
        I::V::LANES
    }
}

#[test]
fn lanes_beyond_a_row_are_zeros() {
    for level in Level::available() {
        for (len, start) in (0..=20).flat_map(|len| (-18..=22).map(move |start| (len, start))) {
            let row: Vec<f32> = (1..=len as u8).map(f32::from).collect();
            let mut to = [-1.0; 16];
            let lanes = masked(level, &row, start, &mut to);
            for (i, value) in to[..lanes].iter().enumerate() {
                let place = usize::try_from(start + i as isize).ok();
                let want = place.and_then(|place| row.get(place)).copied().unwrap_or(0.0);
                assert_eq!(*value, want, "{level:?}, lane {i} from {start} of {len}");
            }
        }
    }
}

per_isa! {
    fn mask_of_another_row<I>(isa: I, row: &[f32]) {
        let _ = isa.load_masked(&row[1..], &isa.mask(0, row.len()));
    }
}

#[test]
fn what_is_too_short_is_refused() {
    per_isa! {
        fn load<I>(isa: I, row: &[f32]) {
            isa.load(&row[..I::V::LANES - 1]).store(&mut [0.0; 16]);
        }
    }
    per_isa! {
        fn store<I>(isa: I, row: &[f32]) {
            isa.load(row).store(&mut [0.0; 16][..I::V::LANES - 1]);
        }
    }
    per_isa! {
        fn deal<I>(isa: I, row: &[f32]) {
            isa.deinterleave4(&row[..4 * I::V::LANES - 1]);
        }
    }
    for level in Level::available() {
        for work in [load, store, deal, mask_of_another_row] {
            assert!(
                std::panic::catch_unwind(|| work(level, &[0.0; 64])).is_err(),
                "{level:?}"
            );
        }
    }
}

per_isa! {
    fn partial<I>(isa: I, from: &[f32], full: &mut [f32], to: &mut [MaybeUninit<f32>]) -> usize {
        let vector = isa.load_partial(from);
        vector.store(full);
        vector.store_partial(to);
        I::V::LANES
    }
}

#[test]
fn part_of_a_vector_is_loaded_and_stored() {
    for level in Level::available() {
        for count in 0..=18 {
            let from: Vec<f32> = (1..=count as u8).map(f32::from).collect();
            let (mut full, mut to) = ([-1.0; 16], [MaybeUninit::new(-1.0); 18]);
            let lanes = partial(level, &from, &mut full, &mut to[..count]);
            // SAFETY: all elements were written when the array was made.
            let to = to.map(|value| unsafe { value.assume_init() });
            for i in 0..18 {
                let want = |beyond: f32| if i < count.min(lanes) { from[i] } else { beyond };
                assert_eq!(to[i], want(-1.0), "{level:?}, {count} of {lanes}, element {i}");
                if i < lanes {
                    assert_eq!(full[i], want(0.0), "{level:?}, {count} of {lanes}, lane {i}");
                }
            }
        }
    }
}

per_isa! {
    fn deal<I>(isa: I, from: &[f32], to: &mut [Vec<f32>; 4]) {
        for (part, to) in isa.deinterleave4(from).into_iter().zip(to) {
            to.resize(I::V::LANES, 0.0);
            part.store(to);
        }
    }
}

#[test]
fn every_fourth_element_is_dealt_to_its_part() {
    let from: Vec<f32> = (0..64u8).map(f32::from).collect();
    for level in Level::available() {
        let mut parts: [Vec<f32>; 4] = Default::default();
        deal(level, &from, &mut parts);
        for (part, values) in parts.iter().enumerate() {
            for (lane, value) in values.iter().enumerate() {
                assert_eq!(*value, (4 * lane + part) as f32, "{level:?}");
            }
        }
    }
}

per_isa! {
    fn limited<I>(isa: I, x: &mut [f32; 16]) {
        for x in x.chunks_exact_mut(I::V::LANES) {
            isa.load(x).clamp(0.0, 6.0).store(x);
        }
    }
}

#[test]
fn a_clamp_keeps_what_is_no_number() {
    for level in Level::available() {
        let mut x = [f32::NAN; 16];
        x[..4].copy_from_slice(&[-1.0, 3.0, 7.0, f32::NEG_INFINITY]);
        limited(level, &mut x);
        assert_eq!(x[..4], [0.0, 3.0, 6.0, 0.0], "{level:?}");
        assert!(x[4..].iter().all(|x| x.is_nan()), "{level:?}");
    }
}

per_isa! {
    /// The example of `CONTRIBUTING.md`.
    fn axpy<I>(isa: I, by: f32, x: &[f32], y: &mut [f32]) {
        let (xs, ys) = (x.chunks_exact(I::V::LANES), y.chunks_exact_mut(I::V::LANES));
        for (x, y) in xs.zip(ys) {
            isa.splat(by).mul_add(isa.load(x), isa.load(y)).store(y);
        }
        let rest = x.len() / I::V::LANES * I::V::LANES;
        for (x, y) in x[rest..].iter().zip(&mut y[rest..]) {
            *y = isa.mul_add(by, *x, *y);
        }
    }
}

#[test]
fn vectors_and_numbers_compute_the_same() {
    let x: Vec<f32> = (0..37u8).map(f32::from).collect();
    for level in Level::available() {
        let mut y = vec![1.0; x.len()];
        axpy(level, 2.0, &x, &mut y);
        assert!(x.iter().zip(&y).all(|(x, y)| *y == 1.0 + 2.0 * x), "{level:?}");
    }
}
