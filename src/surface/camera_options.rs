//! What is known of the camera that took a picture.

use crate::depth::{Camera, Intrinsics};
use crate::options::{Called, Kind, Limit, OptionValue, Value, options};
use crate::{Error, Result};

options! {
    /// How the camera of a picture is known.
    #[derive(Copy)]
    pub struct CameraOptions("camera", _) {
        /// For 360 degree panoramas.
        ///
        /// The picture is equirectangular.
        spherical as "simple_mesh_spherical": bool = false;
        /// Of the camera that took the picture, in degrees.
        ///
        /// The horizontal field of view of a pinhole camera with square pixels
        /// and its principal point in the middle.
        fov as "simple_mesh_fov": f64 = 55.0, above(0.0), below(180.0), unit("degrees");
        /// FX,FY,CX,CY of the camera in pixels, instead of the field of view.
        intrinsics as "camera_intrinsics": Option<Intrinsics> = None;
    }
    rules CameraOptions::one_camera;
}

impl CameraOptions {
    fn one_camera(&self, called: Called<'_>) -> Result<()> {
        if self.spherical && self.intrinsics.is_some() {
            return Err(Error::invalid(format!(
                "{} describe a pinhole camera, but {} is on; give one of the two",
                called("intrinsics"),
                called("spherical")
            )));
        }
        Ok(())
    }

    /// The camera that these options describe.
    pub fn camera(&self) -> Camera {
        match self.intrinsics {
            _ if self.spherical => Camera::Equirectangular,
            Some(intrinsics) => Camera::Pinhole(intrinsics),
            None => Camera::Fov(self.fov),
        }
    }
}

/// `FX,FY,CX,CY`, or the four as a list.
impl OptionValue for Intrinsics {
    const KIND: Kind = Kind::Text;

    fn read(value: &Value, limit: &Limit) -> std::result::Result<Self, String> {
        let parts: Vec<Value> = match value {
            Value::Text(text) => text.split(',').map(|part| Value::Text(part.to_owned())).collect(),
            Value::List(parts) => parts.clone(),
            _ => Vec::new(),
        };
        let parts: std::result::Result<Vec<f64>, _> =
            parts.iter().map(|part| f64::read(part, limit)).collect();
        let camera = match parts.as_deref() {
            Ok(&[fx, fy, cx, cy]) => Self { fx, fy, cx, cy }.check().ok(),
            _ => None,
        };
        camera.ok_or_else(|| {
            format!("is {value}; it must be four numbers FX,FY,CX,CY in pixels, FX and FY above 0")
        })
    }

    fn show(&self) -> Value {
        let Self { fx, fy, cx, cy } = self;
        Value::Text(format!("{fx},{fy},{cx},{cy}"))
    }
}
