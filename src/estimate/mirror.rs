//! Mirror averaging, as ZoeDepth is run (Bhat et al. 2023): a reflected
//! border, and the mean of a plain and a mirrored pass.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Zip, s};

use super::preprocess::{self, Sample};
use crate::Result;
use crate::image::Size;
use crate::networks::Preprocessing;

/// A picture (`[H, W, 3]`) with the border that the network is shown around it.
pub fn bordered<T: Sample>(picture: ArrayView3<'_, T>) -> Array3<T> {
    let (height, width, _) = picture.dim();
    reflected(picture, border(height), border(width))
}

/// The depth of a picture of `size`, from the predictions for the bordered picture and for its mirror image.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) when a prediction has no pixels.
pub fn mean_of_both(
    plain: ArrayView2<'_, f32>,
    mirrored: ArrayView2<'_, f32>,
    spec: &Preprocessing,
    Size { width, height }: Size,
) -> Result<Array2<f32>> {
    let (rows, columns) = (border(height), border(width));
    let size = Size {
        width: width + 2 * columns,
        height: height + 2 * rows,
    };
    let plain = preprocess::to_picture_size(plain, spec, size)?;
    let mirrored = preprocess::to_picture_size(mirrored, spec, size)?;
    let inside = s![rows..rows + height, columns..columns + width];
    let back = s![rows..rows + height, columns..columns + width;-1];
    Ok(Zip::from(plain.slice(inside))
        .and(mirrored.slice(back))
        .map_collect(|plain, mirrored| (plain + mirrored) / 2.0))
}

/// Pixels added before and after a side: `3 sqrt(side / 2)` as published, but
/// never as many as the side has, which cannot be reflected.
fn border(side: usize) -> usize {
    ((((side as f64) / 2.0).sqrt() * 3.0) as usize).min(side.saturating_sub(1))
}

/// The picture with `rows` more above and below and `columns` more on the left
/// and right, mirrored about its outermost pixels.
fn reflected<T: Copy>(picture: ArrayView3<'_, T>, rows: usize, columns: usize) -> Array3<T> {
    let (height, width, channels) = picture.dim();
    let inside = |at: usize, border: usize, side: usize| {
        let place = at.abs_diff(border);
        if place < side {
            place
        } else {
            2 * (side - 1) - place
        }
    };
    Array3::from_shape_fn(
        (height + 2 * rows, width + 2 * columns, channels),
        |(y, x, channel)| picture[[inside(y, rows, height), inside(x, columns, width), channel]],
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Monitor;
    use crate::estimate::input::Input;
    use crate::estimate::stub::{Ramp, preprocessing};
    use crate::networks::{DepthKind, Enlarge, Spec};

    #[test]
    fn borders_reflect_without_repeating_the_edge() {
        let picture = array![[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]];
        let padded = reflected(picture.view(), 1, 2);
        let first = padded.slice(s![.., .., 0]);
        assert_eq!(
            first,
            array![
                [11, 9, 7, 9, 11, 9, 7],
                [5, 3, 1, 3, 5, 3, 1],
                [11, 9, 7, 9, 11, 9, 7],
                [5, 3, 1, 3, 5, 3, 1]
            ]
        );
    }

    #[test]
    fn borders_are_the_published_ones_where_those_exist() {
        assert_eq!([333, 250, 200, 301].map(border), [38, 33, 30, 36]);
        assert_eq!([0, 1, 2, 4, 5, 8].map(border), [0, 0, 1, 3, 4, 6]);
    }

    fn runner(preprocessing: Preprocessing) -> crate::estimate::input::DepthRunner {
        let spec = Spec::new(DepthKind::Metric, preprocessing);
        Ramp::new(Spec {
            mirror_averaged: true,
            ..spec
        })
        .runner()
    }

    #[test]
    fn both_passes_land_on_the_picture() {
        let runner = runner(Preprocessing {
            std: [1.0 / 255.0; 3],
            enlarge: Enlarge::Bicubic,
            ..preprocessing((8, 8))
        });
        let picture = Array3::from_shape_fn((8, 10, 3), |(y, x, _)| (10 * y + x) as u8);
        // The padded picture's own size: nothing is resampled, and the two ramps add up to a constant.
        let asked = (10 + 2 * border(10), 8 + 2 * border(8));
        let input = Input::prepare(picture.view(), runner.spec(), asked).unwrap();
        let estimates = Input::predictions(&[input], &runner, &Monitor::silent()).unwrap();
        let depth = &estimates[0].depth;
        let constant = (asked.0 - 1) as f32 / 2.0;
        assert_eq!(depth.dim(), (8, 10));
        for ((y, x), depth) in depth.indexed_iter() {
            assert!(
                (depth - (10 * y + x) as f32 - constant).abs() < 1e-3,
                "{y} {x}: {depth}"
            );
        }
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        let empty = Array3::<u8>::zeros((0, 4, 3));
        let result = Input::prepare(empty.view(), runner(preprocessing((8, 8))).spec(), (8, 8));
        assert!(matches!(result.err(), Some(crate::Error::Invalid(_))));
    }
}
