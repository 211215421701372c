//! Inverse depth (disparity), stretched to 0..1: how far things are, as lenses
//! and moving cameras see it.

use ndarray::{Array2, Zip};

use crate::depth::{ClipMode, ClipOptions, DepthKind, DepthMap, nearness, percentiles};
use crate::{Error, Result};

/// Relative depth does not say how much farther the farthest point is than the
/// nearest one. These are the ratios it is taken to have: inverse depth as one
/// sees outdoors, depth as meshes are built from it (distances 1 to 5).
const INVERSE_RATIO: f32 = 10.0;
const DEPTH_RATIO: f32 = 5.0;
/// Nearer than this many metres is nothing: zero would be infinitely near.
const LEAST: f32 = 0.01;

/// A depth map as every effect takes it: the *inverse* of distance, stretched to
/// 0 (farthest) .. 1 (nearest).
///
/// Inverse distance is what a lens blurs by and what parallax is proportional
/// to, whatever the network measured. (The nearness of a metric [`DepthMap`] is
/// linear in distance, as the reference has it, and so is not the same.)
#[derive(Clone, Debug, PartialEq)]
pub struct Relief {
    nearness: Array2<f32>,
    ratio: f32,
}

impl Relief {
    /// The relief of a depth map; all 0 if it is flat.
    ///
    /// `clip` cuts off what is too far and too near first, at the same values
    /// as [`to_u16`](crate::depth::to_u16).
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are no values, some are not finite, or the
    /// ends of `clip` make no sense.
    pub fn new(depth: &DepthMap, clip: Option<ClipOptions>) -> Result<Self> {
        // Checks the values on the way.
        let linear = nearness(depth.values().view(), depth.kind())?;
        let (far, near) = match clip {
            None => (0.0, 1.0),
            Some(clip) => {
                clip.check()?;
                let ClipOptions { mode, far, near } = clip;
                match mode {
                    ClipMode::Range => (far as f32, near as f32),
                    ClipMode::Outliers => percentiles(linear.view(), [far * 100.0, near * 100.0])
                        .map_or((0.0, 1.0), |ends| (ends[0] as f32, ends[1] as f32)),
                }
            }
        };
        let span = (near - far).max(f32::EPSILON);
        if depth.kind() == DepthKind::Inverse {
            return Ok(Self {
                nearness: linear.mapv_into(|n| ((n - far) / span).clamp(0.0, 1.0)),
                ratio: INVERSE_RATIO,
            });
        }
        let part = move |n: f32| ((n - far) / span).clamp(0.0, 1.0);
        // Distances, and their ends. Relative depth goes from 1 to its ratio.
        let (distance, nearest, farthest) = if depth.kind() == DepthKind::Metric {
            let metres = depth.values();
            let (low, high) = metres.iter().fold((f32::INFINITY, 0.0_f32), |(low, high), &z| {
                (low.min(z), high.max(z))
            });
            let at = |n: f32| if n == 0.0 { high } else { high + (low - high) * n };
            let (nearest, farthest) = (at(near).max(LEAST), at(far));
            if farthest < LEAST {
                return Err(Error::invalid(format!(
                    "the depth map is metric, but its farthest point is at {farthest} m; distances must be above 0"
                )));
            }
            (
                metres.mapv(|z| z.clamp(nearest, farthest.max(nearest))),
                nearest,
                farthest,
            )
        } else {
            let distance = linear.mapv_into(|n| DEPTH_RATIO + (1.0 - DEPTH_RATIO) * part(n));
            (distance, 1.0, DEPTH_RATIO)
        };
        let ratio = farthest / nearest;
        let relief = distance.mapv_into(|z| {
            if ratio <= 1.0 {
                0.0
            } else {
                ((farthest / z - 1.0) / (ratio - 1.0)).clamp(0.0, 1.0)
            }
        });
        Ok(Self {
            nearness: relief,
            ratio: ratio.max(1.0),
        })
    }

    /// The relief of a depth picture, which keeps its scale: `nearness` is in
    /// 0..1 with near = 1; what lies outside is clamped.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are no values or some are not finite.
    pub fn from_unit(nearness: Array2<f32>) -> Result<Self> {
        if nearness.is_empty() {
            return Err(Error::invalid(
                "the depth map has no pixels; every side must be at least 1",
            ));
        }
        let undefined = nearness.iter().filter(|n| !n.is_finite()).count();
        if undefined > 0 {
            return Err(Error::invalid(format!(
                "{undefined} values of the depth map are no finite numbers (NaN or infinity); replace them first"
            )));
        }
        Ok(Self {
            nearness: nearness.mapv_into(|n| n.clamp(0.0, 1.0)),
            ratio: INVERSE_RATIO,
        })
    }

    /// Stretched inverse distance, `[H, W]`: 0 the farthest point, 1 the nearest.
    pub fn nearness(&self) -> &Array2<f32> {
        &self.nearness
    }

    /// Distances, `[H, W]`: 0 the nearest point that can be, 1 the farthest.
    pub fn distance(&self) -> Array2<f32> {
        let ratio = self.ratio;
        let mut distance = self.nearness.clone();
        Zip::from(&mut distance).par_for_each(|n| {
            // From the nearest to `ratio` times that.
            let distance = ratio / (1.0 + *n * (ratio - 1.0));
            *n = if ratio > 1.0 {
                (distance - 1.0) / (ratio - 1.0)
            } else {
                0.0
            };
        });
        distance
    }

    /// The nearness of what is in the middle of the picture: the median of the
    /// middle third.
    pub fn middle(&self) -> f32 {
        let (height, width) = self.nearness.dim();
        let part = |side: usize| side / 3..(side - side / 3).max(side / 3 + 1);
        let window = self.nearness.slice(ndarray::s![part(height), part(width)]);
        percentiles(window, [50.0]).map_or(0.5, |[middle]| middle as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn close(a: &Array2<f32>, b: Array2<f32>) {
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a} {b}");
    }

    #[test]
    fn inverse_depth_is_stretched() -> Result<()> {
        let relief = Relief::new(&DepthMap::new(array![[2.0, 4.0, 6.0]], DepthKind::Inverse), None)?;
        close(relief.nearness(), array![[0.0, 0.5, 1.0]]);
        close(&relief.distance(), array![[1.0, (10.0 / 5.5 - 1.0) / 9.0, 0.0]]);
        Ok(())
    }

    #[test]
    fn metres_become_inverse_distance_and_back() -> Result<()> {
        let metres = DepthMap::new(array![[1.0, 2.0, 5.0]], DepthKind::Metric);
        let relief = Relief::new(&metres, None)?;
        close(relief.nearness(), array![[1.0, (0.5 - 0.2) / 0.8, 0.0]]);
        close(&relief.distance(), array![[0.0, 0.25, 1.0]]);
        let quarter = ClipOptions {
            far: 0.25,
            ..Default::default()
        };
        let clipped = Relief::new(&metres, Some(quarter))?;
        close(&clipped.distance(), array![[0.0, 1.0 / 3.0, 1.0]]);
        Ok(())
    }

    #[test]
    fn flat_and_broken_maps() -> Result<()> {
        for kind in [DepthKind::Inverse, DepthKind::Depth, DepthKind::Metric] {
            let relief = Relief::new(&DepthMap::new(array![[3.0, 3.0]], kind), None)?;
            assert!(relief.nearness().iter().all(|n| n.is_finite()), "{kind:?}");
            assert!(relief.distance().iter().all(|d| d.is_finite()), "{kind:?}");
        }
        assert!(Relief::new(&DepthMap::new(array![[-1.0, -3.0]], DepthKind::Metric), None).is_err());
        assert!(Relief::from_unit(array![[f32::NAN]]).is_err());
        Ok(())
    }

    #[test]
    fn the_middle_is_what_is_in_the_middle() -> Result<()> {
        let relief = Relief::from_unit(Array2::from_shape_fn((9, 9), |(y, x)| {
            if (3..6).contains(&x) && (3..6).contains(&y) {
                0.75
            } else {
                0.1
            }
        }))?;
        assert_eq!(relief.middle(), 0.75);
        Ok(())
    }
}
