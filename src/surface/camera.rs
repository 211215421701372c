//! The camera that took the picture.

use crate::{Error, Result};

/// A pinhole camera in pixels.
///
/// Pixel `(column, row)` at depth `d` lies at
/// `d * ((column - cx) / fx, (row - cy) / fy, 1)` (x right, y down, z forward).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intrinsics {
    /// Focal length in pixel widths.
    pub fx: f64,
    /// Focal length in pixel heights.
    pub fy: f64,
    /// Column of the principal point.
    pub cx: f64,
    /// Row of the principal point.
    pub cy: f64,
}

impl Intrinsics {
    /// Square pixels, a horizontal field of view of `degrees`, and the principal
    /// point at `(width / 2, height / 2)`, as the reference places it.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless `0 < degrees < 180`.
    pub fn from_fov(width: usize, height: usize, degrees: f64) -> Result<Self> {
        if !(degrees > 0.0 && degrees < 180.0) {
            return Err(Error::invalid(format!(
                "fov: {degrees} is not a horizontal field of view; give degrees between 0 and 180, such as 55"
            )));
        }
        let focal = 0.5 * width as f64 / (0.5 * degrees.to_radians()).tan();
        Ok(Self {
            fx: focal,
            fy: focal,
            cx: width as f64 / 2.0,
            cy: height as f64 / 2.0,
        })
    }

    /// The same camera after its picture was resized by `(x, y)`.
    pub(super) fn scaled(self, x: f64, y: f64) -> Self {
        Self {
            fx: self.fx * x,
            fy: self.fy * y,
            cx: self.cx * x,
            cy: self.cy * y,
        }
    }

    pub(super) fn check(self) -> Result<Self> {
        let Self { fx, fy, cx, cy } = self;
        // Below this, points at the far end of f32 would leave f64.
        let usable = |focal: f64| focal.is_finite() && focal >= 1e-6;
        if usable(fx) && usable(fy) && cx.is_finite() && cy.is_finite() {
            Ok(self)
        } else {
            Err(Error::invalid(format!(
                "intrinsics: (fx, fy, cx, cy) = ({fx}, {fy}, {cx}, {cy}) is no camera; \
                 fx and fy must be 0.000001 or more, all four finite"
            )))
        }
    }
}

/// How the picture was projected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Projection {
    /// A pinhole camera.
    Planar(Intrinsics),
    /// An equirectangular panorama: the width spans 360 degrees, the height 180.
    Spherical,
}

/// The picture a mesh was made from: its size and its projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Width of the picture in pixels.
    pub width: usize,
    /// Height of the picture in pixels.
    pub height: usize,
    /// How it was projected.
    pub projection: Projection,
}

impl Camera {
    /// Horizontal and vertical field of view in radians.
    ///
    /// A pinhole camera is taken as symmetric: the principal point plays no part.
    pub fn field_of_view(&self) -> (f64, f64) {
        use std::f64::consts::PI;
        match self.projection {
            Projection::Planar(Intrinsics { fx, fy, .. }) => {
                let angle = |pixels: usize, focal: f64| 2.0 * (pixels as f64 / (2.0 * focal)).atan();
                (angle(self.width, fx), angle(self.height, fy))
            }
            Projection::Spherical => (2.0 * PI, PI),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_of_view_comes_back() {
        let intrinsics = Intrinsics::from_fov(640, 480, 55.0).unwrap();
        let camera = Camera {
            width: 640,
            height: 480,
            projection: Projection::Planar(intrinsics),
        };
        let (horizontal, vertical) = camera.field_of_view();
        assert!((horizontal.to_degrees() - 55.0).abs() < 1e-12);
        assert!(((vertical / 2.0).tan() / (horizontal / 2.0).tan() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn impossible_cameras_are_refused() {
        for degrees in [0.0, 180.0, -1.0, f64::NAN] {
            assert!(Intrinsics::from_fov(4, 3, degrees).is_err());
        }
        let good = Intrinsics {
            fx: 1.0,
            fy: 1.0,
            cx: 0.0,
            cy: 0.0,
        };
        assert!(good.check().is_ok());
        assert!(Intrinsics { fx: 0.0, ..good }.check().is_err());
        assert!(
            Intrinsics {
                cy: f64::INFINITY,
                ..good
            }
            .check()
            .is_err()
        );
    }
}
