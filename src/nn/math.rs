//! `exp`, `erf`, GELU and sums in single precision, written so that they vectorise.

use crate::simd::Isa;

/// `exp(x)` for `x <= 88`; 0 below the smallest normal result. Within 2 units in the last place.
///
/// Cody-Waite reduction by `ln 2` in two parts, then a degree-6 polynomial on `[-ln2/2, ln2/2]`
/// (coefficients of the Cephes library's `expf`).
#[inline(always)]
pub(super) fn exp<I: Isa>(isa: I, x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let clamped = x.clamp(-87.3, 88.0);
    let shifted = isa.mul_add(clamped, std::f32::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = isa.mul_add(k, -0.693_359_4, clamped);
    let r = isa.mul_add(k, 2.121_944_4e-4, r);
    let p = 1.987_569_1e-4;
    let p = isa.mul_add(p, r, 1.398_199_9e-3);
    let p = isa.mul_add(p, r, 8.333_452e-3);
    let p = isa.mul_add(p, r, 4.166_579_6e-2);
    let p = isa.mul_add(p, r, 1.666_666_5e-1);
    let p = isa.mul_add(p, r, 0.5);
    let p = isa.mul_add(p, r * r, r) + 1.0;
    // The low bits of `shifted` hold the integer k: move it into the exponent field.
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.3 { 0.0 } else { p * scale }
}

/// The error function, relative error below 1e-6.
///
/// `x P(x^2) / Q(x^2)` with both of degree 5, fitted to `[0, 3.93]` for the smallest relative error
/// (2e-8 in exact arithmetic); beyond that the result is 1 in single precision.
#[inline(always)]
pub(super) fn erf<I: Isa>(isa: I, x: f32) -> f32 {
    let x = x.clamp(-3.93, 3.93);
    let z = x * x;
    let p = 2.042_005_5e-6;
    let p = isa.mul_add(p, z, 2.848_061_8e-4);
    let p = isa.mul_add(p, z, 3.779_467_4e-3);
    let p = isa.mul_add(p, z, 5.278_984_5e-2);
    let p = isa.mul_add(p, z, 0.190_780_42);
    let p = isa.mul_add(p, z, std::f32::consts::FRAC_2_SQRT_PI);
    let q = 3.800_431_3e-5;
    let q = isa.mul_add(q, z, 1.165_180_1e-3);
    let q = isa.mul_add(q, z, 1.499_715_1e-2);
    let q = isa.mul_add(q, z, 0.114_256_12);
    let q = isa.mul_add(q, z, 0.502_407_43);
    let q = isa.mul_add(q, z, 1.0);
    x * p / q
}

/// `x/2 (1 + erf(x / sqrt 2))`.
#[inline(always)]
pub(super) fn gelu<I: Isa>(isa: I, x: f32) -> f32 {
    0.5 * x * (1.0 + erf(isa, x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The sum of `value` over `x`, in 16 interleaved partial sums.
#[inline(always)]
pub(super) fn sum(x: &[f32], value: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for (lane, &x) in lanes.iter_mut().zip(x) {
            *lane += value(x);
        }
    }
    let total: f32 = rest.iter().map(|&x| value(x)).sum();
    lanes.iter().fold(total, |total, lane| total + lane)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Level, per_isa};

    per_isa! {
        fn exp_all<I>(isa: I, x: &mut [f32]) {
            for v in x {
                *v = exp(isa, *v);
            }
        }
    }
    per_isa! {
        fn erf_all<I>(isa: I, x: &mut [f32]) {
            for v in x {
                *v = erf(isa, *v);
            }
        }
    }

    #[test]
    fn exp_stays_within_two_units_in_the_last_place() {
        let x: Vec<f32> = (0..200_000).map(|i| -100.0 + i as f32 * 9.4e-4).collect();
        for level in Level::available() {
            let mut y = x.clone();
            exp_all(level, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let want = f64::from(x).exp();
                let error = (f64::from(y) - want).abs();
                assert!(
                    error <= 2.5e-7 * want + 2e-38,
                    "exp({x}) = {y}, not {want}, on {level:?}"
                );
            }
        }
    }

    #[test]
    fn erf_is_odd_and_close_everywhere() {
        // erf from its Taylor series, good to double precision for |x| < 3.
        let series = |x: f64| {
            let (mut term, mut sum) = (x, x);
            for n in 1..120 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * std::f64::consts::FRAC_2_SQRT_PI
        };
        let x: Vec<f32> = (0..6000).map(|i| i as f32 * 5e-4).collect();
        for level in Level::available() {
            let (mut y, mut z) = (x.clone(), x.iter().map(|x| -x).collect::<Vec<_>>());
            erf_all(level, &mut y);
            erf_all(level, &mut z);
            for ((&x, &y), &z) in x.iter().zip(&y).zip(&z) {
                let want = series(f64::from(x));
                assert!(
                    (f64::from(y) - want).abs() <= 1e-6 * want,
                    "erf({x}) = {y} on {level:?}"
                );
                assert_eq!(y, -z);
            }
            let mut far = [10.0, f32::MAX, -20.0];
            erf_all(level, &mut far);
            for (far, want) in far.iter().zip([1.0, 1.0, -1.0f32]) {
                assert!((far - want).abs() < 2e-7);
            }
        }
    }
}
