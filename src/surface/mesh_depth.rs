//! From a network's numbers to the depth a mesh is built at.

use ndarray::Array2;

use crate::depth::{DepthKind, DepthMap};
use crate::{Error, Result};

/// Relative depth that spans more than this is brought down to [`SPAN`].
const WIDEST: f32 = 10.0;
const SPAN: f32 = 4.0;

/// The distances a simple mesh is built at, near = small, `[H, W]`.
///
/// Metric depth is left alone. Relative depth has no scale of its own and gets
/// the reference's, step by step:
///
/// 1. inverse depth is turned over: `max - d + min`;
/// 2. if the smallest value is below 0, it is subtracted;
/// 3. if the largest value is now above 10, the range is brought to a span of 4:
///    `4 (d - min) / (max - min)`, where `min` and `max` are those of before step
///    2, so that a range which reached below 0 does not start at 0 but at
///    `-4 min / (max - min)`;
/// 4. 1 is added.
///
/// Unlike the reference, what is turned over follows from what the numbers mean
/// and not from the number of the network: Marigold's depth is not turned
/// inside out, and neither is that of a boosted metric network.
/// Values that are not finite stay what they are and do not count; what was not measured is NaN.
///
/// # Errors
/// [`Error::Invalid`] if no value is finite.
pub fn mesh_depth(depth: &DepthMap) -> Result<Array2<f32>> {
    let values = depth.measured();
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    for &value in values.iter().filter(|value| value.is_finite()) {
        min = min.min(value);
        max = max.max(value);
    }
    if min > max {
        return Err(Error::invalid(
            "depth: no value is finite, so there is nothing to build a mesh from",
        ));
    }
    let turn = match depth.kind() {
        DepthKind::Metric => return Ok(values.into_owned()),
        DepthKind::Inverse => true,
        DepthKind::Depth => false,
    };
    let lift = if min < 0.0 { min } else { 0.0 };
    let squeeze = max - lift > WIDEST;
    // A flat map is its own smallest value.
    let scale = if max > min { max - min } else { 1.0 };
    Ok(values.mapv(|value| {
        let value = if turn { max - value + min } else { value };
        let value = value - lift;
        let value = if squeeze {
            SPAN * (value - min) / scale
        } else {
            value
        };
        value + 1.0
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn scaled(values: Array2<f32>, kind: DepthKind) -> Vec<f32> {
        mesh_depth(&DepthMap::new(values, kind))
            .unwrap()
            .into_raw_vec_and_offset()
            .0
    }

    #[test]
    fn the_four_steps() {
        assert_eq!(scaled(array![[1.0, 2.0, 5.0]], DepthKind::Depth), [2.0, 3.0, 6.0]);
        assert_eq!(
            scaled(array![[1.0, 2.0, 5.0]], DepthKind::Inverse),
            [6.0, 5.0, 2.0]
        );
        assert_eq!(scaled(array![[-2.0, 3.0]], DepthKind::Depth), [1.0, 6.0]);
        assert_eq!(
            scaled(array![[2.0, 12.0, 22.0]], DepthKind::Depth),
            [1.0, 3.0, 5.0]
        );
        assert_eq!(scaled(array![[-5.0, 20.0]], DepthKind::Depth), [1.8, 5.8]);
    }

    #[test]
    fn metres_stay_metres() {
        assert_eq!(scaled(array![[-1.0, 80.0]], DepthKind::Metric), [-1.0, 80.0]);
    }

    #[test]
    fn flat_and_broken_maps() {
        assert_eq!(scaled(array![[50.0, 50.0]], DepthKind::Inverse), [1.0, 1.0]);
        let holed = scaled(array![[f32::NAN, 0.0, 1.0]], DepthKind::Inverse);
        assert!(holed[0].is_nan());
        assert_eq!(holed[1..], [2.0, 1.0]);
        assert!(mesh_depth(&DepthMap::new(array![[f32::NAN]], DepthKind::Inverse)).is_err());
        // The sky's number says nothing.
        let seen = DepthMap::new(array![[99.0, 0.0, 1.0]], DepthKind::Inverse);
        let seen = seen.with_valid(Some(array![[false, true, true]]));
        let distances = mesh_depth(&seen).unwrap();
        assert!(distances[[0, 0]].is_nan());
        assert_eq!((distances[[0, 1]], distances[[0, 2]]), (2.0, 1.0));
    }
}
