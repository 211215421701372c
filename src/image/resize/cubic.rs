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
