//! [`Mesh`]: vertices, triangles, and what they are painted with.

use ndarray::{Array3, ArrayView3, CowArray, Ix3};

use super::axes::Axes;
use crate::depth::Camera;
use crate::image::Size;
use crate::{Error, Result};

/// Triangles in space, or points where there are no triangles.
///
/// What it promises: every face names vertices that exist, every coordinate is
/// finite, and colours and texture coordinates, where there are any, are as
/// many as the vertices.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    pub(super) vertices: Vec<[f64; 3]>,
    pub(super) faces: Vec<[u32; 3]>,
    pub(super) colors: Option<Vec<[u8; 3]>>,
    pub(super) uv: Option<Vec<[f32; 2]>>,
    pub(super) texture: Option<Array3<u8>>,
    pub(super) camera: Option<(Camera, Size)>,
    pub(super) axes: Axes,
}

impl Mesh {
    /// A bare mesh; `axes` says which way the coordinates point.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a face names a vertex that is not there, a
    /// coordinate is not finite, or there are 2^32 vertices or more.
    pub fn new(vertices: Vec<[f64; 3]>, faces: Vec<[u32; 3]>, axes: Axes) -> Result<Self> {
        check_count(vertices.len())?;
        if let Some(index) = vertices
            .iter()
            .position(|vertex| vertex.iter().any(|value| !value.is_finite()))
        {
            return Err(Error::invalid(format!(
                "vertices: number {index} is {:?}; every coordinate must be finite",
                vertices[index]
            )));
        }
        if let Some((index, face)) = faces
            .iter()
            .enumerate()
            .find(|(_, face)| face.iter().any(|&corner| corner as usize >= vertices.len()))
        {
            return Err(Error::invalid(format!(
                "faces: number {index} is {face:?}, but there are {} vertices; corners count from 0",
                vertices.len()
            )));
        }
        Ok(Self {
            vertices,
            faces,
            colors: None,
            uv: None,
            texture: None,
            camera: None,
            axes,
        })
    }

    /// With a colour (sRGB, 8 bit) a vertex.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless there are as many as vertices.
    pub fn with_colors(mut self, colors: Vec<[u8; 3]>) -> Result<Self> {
        self.check_length("colors", colors.len())?;
        self.colors = Some(colors);
        Ok(self)
    }

    /// With texture coordinates: (0, 0) is the top left corner of the texture,
    /// (1, 1) the bottom right one, as in glTF.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless there are as many as vertices, all finite.
    pub fn with_uv(mut self, uv: Vec<[f32; 2]>) -> Result<Self> {
        self.check_length("uv", uv.len())?;
        if let Some(index) = uv.iter().position(|uv| uv.iter().any(|value| !value.is_finite())) {
            return Err(Error::invalid(format!(
                "uv: number {index} is {:?}; every coordinate must be finite",
                uv[index]
            )));
        }
        self.uv = Some(uv);
        Ok(self)
    }

    /// With the picture that [`Self::uv`] points into: `[H, W, C]` of 1 (grey),
    /// 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels, 8-bit sRGB. Alpha is dropped.
    ///
    /// # Errors
    /// [`Error::Invalid`] for other shapes and for meshes without `uv`.
    pub fn with_texture(mut self, picture: ArrayView3<u8>) -> Result<Self> {
        if self.uv.is_none() {
            return Err(Error::invalid(
                "texture: the mesh has no texture coordinates; give uv as well",
            ));
        }
        self.texture = Some(rgb(picture)?.into_owned());
        Ok(self)
    }

    /// With the camera it was seen from, at the origin, looking forward, and the
    /// size of its picture.
    ///
    /// # Errors
    /// As [`Camera::intrinsics`].
    pub fn with_camera(mut self, camera: Camera, picture: Size) -> Result<Self> {
        camera.intrinsics(picture)?;
        self.camera = Some((camera, picture));
        Ok(self)
    }

    /// Points in space, in the frame [`Self::axes`].
    pub fn vertices(&self) -> &[[f64; 3]] {
        &self.vertices
    }

    /// Three vertices a triangle, counter-clockwise seen from the camera.
    pub fn faces(&self) -> &[[u32; 3]] {
        &self.faces
    }

    /// A colour (sRGB, 8 bit) a vertex.
    pub fn colors(&self) -> Option<&[[u8; 3]]> {
        self.colors.as_deref()
    }

    /// Texture coordinates a vertex, (0, 0) at the top left.
    pub fn uv(&self) -> Option<&[[f32; 2]]> {
        self.uv.as_deref()
    }

    /// The texture, `[H, W, 3]`, 8-bit sRGB.
    pub fn texture(&self) -> Option<ArrayView3<'_, u8>> {
        self.texture.as_ref().map(|texture| texture.view())
    }

    /// The camera it was seen from, and the size of its picture.
    pub fn camera(&self) -> Option<(Camera, Size)> {
        self.camera
    }

    /// Which way the coordinates point.
    pub fn axes(&self) -> Axes {
        self.axes
    }

    fn check_length(&self, what: &str, length: usize) -> Result<()> {
        if length == self.vertices.len() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{what}: there are {length} for {} vertices; give one a vertex",
            self.vertices.len()
        )))
    }
}

/// Faces hold vertex numbers of 32 bits.
pub(super) fn check_count(vertices: usize) -> Result<()> {
    if u32::try_from(vertices).is_ok() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{vertices} vertices are more than a mesh can number (4294967295); shrink the picture first"
    )))
}

/// `[H, W, 1..4]` to RGB. Grey is repeated, alpha dropped.
pub(super) fn rgb(picture: ArrayView3<u8>) -> Result<CowArray<u8, Ix3>> {
    let (height, width, channels) = picture.dim();
    if height == 0 || width == 0 || !(1..=4).contains(&channels) {
        return Err(Error::invalid(format!(
            "image: its shape is [{height}, {width}, {channels}]; give rows, columns and 1 (grey), 2 (grey, \
             alpha), 3 (RGB) or 4 (RGBA) channels, none of them 0"
        )));
    }
    Ok(match channels {
        3 if picture.is_standard_layout() => picture.into(),
        3 => picture.as_standard_layout().into_owned().into(),
        _ => {
            let last = if channels == 4 { 2 } else { 0 };
            Array3::from_shape_fn((height, width, 3), |(row, column, channel)| {
                picture[[row, column, channel.min(last)]]
            })
            .into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle() -> Mesh {
        let corners = vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        Mesh::new(corners, vec![[0, 1, 2]], Axes::RightUpBack).unwrap()
    }

    #[test]
    fn broken_promises_are_refused() {
        assert!(Mesh::new(vec![[0.0; 3]], vec![[0, 0, 1]], Axes::RightUpBack).is_err());
        assert!(Mesh::new(vec![[0.0, f64::NAN, 0.0]], vec![], Axes::RightUpBack).is_err());
        assert!(triangle().with_colors(vec![[0; 3]; 2]).is_err());
        assert!(triangle().with_uv(vec![[0.0; 2]; 4]).is_err());
        assert!(triangle().with_uv(vec![[f32::NAN; 2]; 3]).is_err());
        assert!(triangle().with_texture(Array3::zeros((2, 2, 3)).view()).is_err());
    }

    #[test]
    fn every_picture_becomes_rgb() {
        let four = Array3::from_shape_fn((1, 2, 4), |(_, column, channel)| (10 * column + channel) as u8);
        assert_eq!(
            rgb(four.view()).unwrap().into_owned().into_raw_vec_and_offset().0,
            [0, 1, 2, 10, 11, 12]
        );
        let two = Array3::from_shape_fn((1, 1, 2), |(_, _, channel)| 7 + channel as u8);
        assert_eq!(
            rgb(two.view()).unwrap().into_owned().into_raw_vec_and_offset().0,
            [7, 7, 7]
        );
        assert!(rgb(Array3::zeros((1, 1, 5)).view()).is_err());
        assert!(rgb(Array3::zeros((0, 1, 3)).view()).is_err());
    }
}
