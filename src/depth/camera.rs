//! The camera model of a picture: pinhole or equirectangular.

use crate::image::Size;
use crate::{Error, Result};

/// The intrinsic matrix of a pinhole camera, in pixels.
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

/// How the camera of a picture is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Camera {
    /// A pinhole camera with square pixels, this horizontal field of view in
    /// degrees (between 0 and 180), and the principal point at
    /// `(width / 2, height / 2)`, as the reference places it.
    Fov(f64),
    /// A pinhole camera, measured in pixels of the picture.
    Pinhole(Intrinsics),
    /// An equirectangular panorama: the width spans 360 degrees, the height 180.
    Equirectangular,
}

impl Camera {
    /// The intrinsics in a picture of `size`; `None` for a panorama, which has none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field of view that is not between 0 and 180
    /// degrees, a focal length below 1e-6, and what is not finite.
    pub fn intrinsics(self, size: Size) -> Result<Option<Intrinsics>> {
        match self {
            Self::Fov(degrees) if degrees > 0.0 && degrees < 180.0 => {
                let focal = 0.5 * size.width as f64 / (0.5 * degrees.to_radians()).tan();
                Ok(Some(Intrinsics {
                    fx: focal,
                    fy: focal,
                    cx: size.width as f64 / 2.0,
                    cy: size.height as f64 / 2.0,
                }))
            }
            Self::Fov(degrees) => Err(Error::invalid(format!(
                "fov: {degrees} is not a horizontal field of view; give degrees between 0 and 180, such as 55"
            ))),
            Self::Pinhole(intrinsics) => intrinsics.check().map(Some),
            Self::Equirectangular => Ok(None),
        }
    }

    /// The same camera after its picture was resized.
    ///
    /// # Errors
    /// As [`Self::intrinsics`].
    pub fn resized(self, from: Size, to: Size) -> Result<Self> {
        let ratio = |to: usize, from: usize| to as f64 / from as f64;
        let (x, y) = (ratio(to.width, from.width), ratio(to.height, from.height));
        let intrinsics = self.intrinsics(from)?;
        Ok(
            intrinsics.map_or(Self::Equirectangular, |Intrinsics { fx, fy, cx, cy }| {
                Self::Pinhole(Intrinsics {
                    fx: fx * x,
                    fy: fy * y,
                    cx: cx * x,
                    cy: cy * y,
                })
            }),
        )
    }

    /// Horizontal and vertical field of view of a picture of `size`, in radians.
    ///
    /// A pinhole camera is taken as symmetric: the principal point plays no part.
    ///
    /// # Errors
    /// As [`Self::intrinsics`].
    pub fn field_of_view(self, size: Size) -> Result<(f64, f64)> {
        use std::f64::consts::PI;
        let angle = |pixels: usize, focal: f64| 2.0 * (pixels as f64 / (2.0 * focal)).atan();
        Ok(self.intrinsics(size)?.map_or((2.0 * PI, PI), |pinhole| {
            (angle(size.width, pinhole.fx), angle(size.height, pinhole.fy))
        }))
    }
}

impl Intrinsics {
    /// The same, if it can be a camera.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a focal length below 1e-6, and what is not finite.
    pub fn check(self) -> Result<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 640,
        height: 480,
    };

    #[test]
    fn the_field_of_view_comes_back() {
        let (horizontal, vertical) = Camera::Fov(55.0).field_of_view(SIZE).unwrap();
        assert!((horizontal.to_degrees() - 55.0).abs() < 1e-12);
        assert!(((vertical / 2.0).tan() / (horizontal / 2.0).tan() - 0.75).abs() < 1e-12);
        let half = Size {
            width: 320,
            height: 240,
        };
        let resized = Camera::Fov(55.0).resized(SIZE, half).unwrap();
        assert_eq!(
            resized.field_of_view(half).unwrap(),
            Camera::Fov(55.0).field_of_view(SIZE).unwrap()
        );
    }

    #[test]
    fn impossible_cameras_are_refused() {
        for degrees in [0.0, 180.0, -1.0, f64::NAN] {
            assert!(Camera::Fov(degrees).intrinsics(SIZE).is_err());
        }
        let good = Intrinsics {
            fx: 1.0,
            fy: 1.0,
            cx: 0.0,
            cy: 0.0,
        };
        let infinite = f64::INFINITY;
        assert!(Camera::Pinhole(good).intrinsics(SIZE).is_ok());
        for bad in [
            Intrinsics { fx: 0.0, ..good },
            Intrinsics { cy: infinite, ..good },
        ] {
            assert!(Camera::Pinhole(bad).intrinsics(SIZE).is_err());
        }
    }
}
