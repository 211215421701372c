//! Pictures that tile: whose opposite borders are neighbours, and whose depth
//! is to be seamless too.
//!
//! A convolutional network can be told so and wraps around by itself
//! ([`Spec::tiles`](crate::networks::Spec::tiles)); then only
//! the resampling before and after it has to wrap as well ([`resampled`]). A
//! transformer cannot: its positions have ends. It is given a frame of the
//! opposite sides' pixels around the picture and predicts both together; where
//! the frame and the other side's border show the same pixels the two
//! predictions are faded into each other ([`framed`]).

use ndarray::{Array, Array2, ArrayView, ArrayView2, ArrayView3, Axis, Dimension, RemoveAxis};

use crate::Result;
use crate::image::Size;

/// Source pixels a resampling looks at beside the middle of its window, when it does not shrink.
const REACH: usize = 4;

/// Resamples what tiles: `resize` (any of this library's conventions with
/// edges in place) sees the opposite side beyond every border.
///
/// # Errors
/// What `resize` says.
pub fn resampled<T: Copy, D: RemoveAxis>(
    input: ArrayView<'_, T, D>,
    size: Size,
    resize: impl Fn(ArrayView<'_, T, D>, Size) -> Result<Array<T, D>>,
) -> Result<Array<T, D>> {
    let shape = input.shape();
    if shape[0] == 0 || shape[1] == 0 {
        return resize(input, size);
    }
    let (height, width) = (shape[0], shape[1]);
    // One axis after the other, so that no more than three tiles are in memory.
    let (pad, cut) = margin(width, size.width);
    let across = Size {
        width: size.width + 2 * cut,
        height,
    };
    let wide = resize(around(input, Axis(1), pad).view(), across)?;
    let wide = middle(wide.view(), Axis(1), cut, size.width);
    let (pad, cut) = margin(height, size.height);
    let down = Size {
        width: size.width,
        height: size.height + 2 * cut,
    };
    let tall = resize(around(wide.view(), Axis(0), pad).view(), down)?;
    Ok(middle(tall.view(), Axis(0), cut, size.height))
}

/// How many pixels of a line of `inputs` to put before and behind it, and how many of the
/// resampled line they make: the fewest that are whole in both and beyond every window's reach.
fn margin(inputs: usize, outputs: usize) -> (usize, usize) {
    let divisor = gcd(inputs, outputs.max(1));
    let (step_in, step_out) = (inputs / divisor, outputs / divisor);
    let needed = REACH * inputs.div_ceil(outputs.max(1));
    let steps = needed.div_ceil(step_in).max(1);
    (steps * step_in, steps * step_out)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Depth of a picture that tiles from a network that knows nothing of it.
///
/// `estimate` gives the depth, at its own size, of a picture for a network
/// size (width, height); it is called once, with a picture and an `asked` size
/// that are a quarter larger on both sides.
///
/// # Errors
/// What `estimate` says.
pub fn framed(
    picture: ArrayView3<'_, u8>,
    asked: (usize, usize),
    estimate: impl FnOnce(ArrayView3<'_, u8>, (usize, usize)) -> Result<Array2<f32>>,
) -> Result<Array2<f32>> {
    let (height, width, _) = picture.dim();
    let margins = margins(height, width);
    let larger = |asked: usize, side: usize, margin: usize| {
        (asked as f64 * (side + 2 * margin) as f64 / side.max(1) as f64).round() as usize
    };
    let asked = (
        larger(asked.0, width, margins.1),
        larger(asked.1, height, margins.0),
    );
    let depth = estimate(frame(picture, margins).view(), asked)?;
    Ok(faded(depth.view(), margins))
}

/// Rows and columns of a picture's frame.
pub(super) fn margins(height: usize, width: usize) -> (usize, usize) {
    let margin = |side: usize| side.div_ceil(8).min(side / 2);
    (margin(height), margin(width))
}

/// A picture or map with the opposite sides' pixels around it.
pub(super) fn frame<T: Copy, D: RemoveAxis>(
    input: ArrayView<'_, T, D>,
    (rows, columns): (usize, usize),
) -> Array<T, D> {
    around(around(input, Axis(0), rows).view(), Axis(1), columns)
}

/// A framed map without its frame, which is faded into the borders it shows again.
pub(super) fn faded(map: ArrayView2<'_, f32>, (rows, columns): (usize, usize)) -> Array2<f32> {
    let once = faded_along(map, Axis(0), rows);
    faded_along(once.view(), Axis(1), columns)
}

fn faded_along(map: ArrayView2<'_, f32>, axis: Axis, margin: usize) -> Array2<f32> {
    let side = map.len_of(axis) - 2 * margin;
    let mut inside = middle(map, axis, margin, side);
    for (i, mut line) in inside.axis_iter_mut(axis).enumerate() {
        // Half of either at the border itself, all of the inside a margin away from it.
        let (distance, other) = match i {
            i if i < margin => (i, i + margin + side),
            i if i + margin >= side => (side - 1 - i, i + margin - side),
            _ => continue,
        };
        let share = 0.5 + (distance as f32 + 0.5) / (2 * margin) as f32;
        line.zip_mut_with(&map.index_axis(axis, other), |value, other| {
            *value = share * *value + (1.0 - share) * other;
        });
    }
    inside
}

/// `margin` more places before and behind, those of the other end.
fn around<T: Copy, D: RemoveAxis>(input: ArrayView<'_, T, D>, axis: Axis, margin: usize) -> Array<T, D> {
    let side = input.len_of(axis).max(1);
    let start = margin.next_multiple_of(side) - margin;
    let places: Vec<usize> = (0..input.len_of(axis) + 2 * margin)
        .map(|i| (start + i) % side)
        .collect();
    input.select(axis, &places)
}

/// `length` places after the first `start`.
fn middle<T: Copy, D: Dimension>(
    input: ArrayView<'_, T, D>,
    axis: Axis,
    start: usize,
    length: usize,
) -> Array<T, D> {
    input
        .slice_axis(axis, ndarray::Slice::from(start..start + length))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array, s};

    use super::*;
    use crate::image::resize::{opencv_area, opencv_cubic, torch_bicubic};

    /// A map that tiles, moved by (rows, columns).
    fn waves(height: usize, width: usize, (rows, columns): (usize, usize)) -> Array2<f32> {
        let turn = |at: usize, side: usize| std::f32::consts::TAU * at as f32 / side as f32;
        Array2::from_shape_fn((height, width), |(y, x)| {
            let (y, x) = (turn(y + rows, height), turn(x + columns, width));
            (3.0 * y).sin() + (2.0 * x + y).cos() + 0.1 * (5.0 * x).sin()
        })
    }

    #[test]
    fn what_is_moved_before_resampling_is_moved_after_it() {
        let size = Size {
            width: 24,
            height: 36,
        };
        for (height, width) in [(48, 36), (12, 12), (90, 60)] {
            let moved = |by: (usize, usize)| {
                let map = waves(height, width, by);
                let cubic = resampled(map.view(), size, |map, size| torch_bicubic(map, size, false)).unwrap();
                let map = map.mapv(f64::from);
                let cv = resampled(map.view(), size, opencv_cubic).unwrap();
                (cubic, cv)
            };
            // A third of the map is whole in both sizes.
            let (still, still_cv) = moved((0, 0));
            let (there, there_cv) = moved((height / 3, width / 3));
            for ((y, x), value) in still.indexed_iter() {
                let from = ((y + 36 - 12) % 36, (x + 24 - 8) % 24);
                assert!((there[from] - value).abs() < 1e-4, "{height}x{width} at {y} {x}");
                assert!((there_cv[from] - still_cv[(y, x)]).abs() < 1e-4);
            }
        }
        // No common divisor, a line that shrinks, one pixel.
        for (height, width) in [(37, 101), (1, 1), (3, 997)] {
            let picture = Array3::from_elem((height, width, 3), 7_u8);
            let small = resampled(picture.view(), size, opencv_area).unwrap();
            assert_eq!(small, Array3::from_elem((36, 24, 3), 7));
        }
    }

    #[test]
    fn a_frame_is_faded_into_the_borders_it_repeats() {
        let picture = Array3::from_shape_fn((16, 24, 3), |(y, x, _)| (y * 24 + x) as u8);
        let framed_size = (16 + 2 * 2, 24 + 2 * 3);
        let depth = framed(picture.view(), (48, 32), |picture, asked| {
            assert_eq!(picture.dim(), (framed_size.0, framed_size.1, 3));
            assert_eq!(picture[[2, 3, 0]], 0);
            assert_eq!(picture[[0, 0, 0]], (14 * 24 + 21) as u8);
            assert_eq!(asked, (60, 40));
            // A prediction that knows nothing of tiling: a ramp.
            Ok(Array2::from_shape_fn(framed_size, |(y, x)| (y + 10 * x) as f32))
        })
        .unwrap();
        assert_eq!(depth.dim(), (16, 24));
        // Inside it is the prediction.
        assert_eq!(depth[[8, 12]], (10 + 10 * 15) as f32);
        // Across the seam it changes no more than the fade does.
        let across = (&depth.slice(s![.., 0]) - &depth.slice(s![.., 23])).mapv(f32::abs);
        assert!(across.iter().all(|change| *change < 240.0 / 3.0), "{across}");
        let flat = framed(array![[[1_u8, 2, 3]]].view(), (32, 32), |picture, asked| {
            assert_eq!((picture.dim(), asked), ((1, 1, 3), (32, 32)));
            Ok(array![[5.0]])
        });
        assert_eq!(flat.unwrap(), array![[5.0]]);
    }
}
