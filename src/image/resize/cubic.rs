//! The cubic convolution kernel (Keys, "Cubic convolution interpolation for
//! digital image processing", 1981).

/// Weights of the four samples around a place `x` in `[0, 1)` past the second
/// of them, with Keys's parameter `a`.
///
/// The last is the rest to one, as OpenCV has it: that shows in the last bits.
macro_rules! cubic_weights {
    ($name:ident, $float:ty) => {
        pub(super) fn $name(x: $float, a: $float) -> [$float; 4] {
            let far = |t: $float| ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a;
            let near = |t: $float| ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
            let (first, second, third) = (far(x + 1.0), near(x), near(1.0 - x));
            [first, second, third, 1.0 - first - second - third]
        }
    };
}

cubic_weights!(weights_f32, f32);
cubic_weights!(weights_f64, f64);

/// The Catmull-Rom spline (`a` = -0.5): four samples around a place in a line of
/// `length`, and their weights.
pub(crate) fn catmull_rom(at: f32, length: usize) -> ([usize; 4], [f32; 4]) {
    let last = length - 1;
    let at = at.clamp(0.0, last as f32);
    let i = at as usize;
    let k = at - i as f32;
    (
        [i.saturating_sub(1), i, (i + 1).min(last), (i + 2).min(last)],
        [
            ((-0.5 * k + 1.0) * k - 0.5) * k,
            (1.5 * k - 2.5) * k * k + 1.0,
            ((-1.5 * k + 2.0) * k + 0.5) * k,
            (0.5 * k - 0.5) * k * k,
        ],
    )
}
