//! Mesh files.

use std::path::Path;

use super::axes::Axes;
use super::mesh::Mesh;
use crate::named::named;
use crate::{Error, Monitor, Result};

mod decimal;
mod glb;
mod obj;
mod obj_read;
mod ply;
mod ply_read;
mod sink;
mod texture;

pub use texture::TextureFormat;

named! {
    /// The file formats of a mesh.
    #[derive(Default)]
    pub enum MeshFormat as "mesh format" {
        /// Binary glTF 2.0, everything in one file: what Blender, web viewers and
        /// game engines open ready painted. Always in the frame
        /// [`Axes::RightUpBack`].
        #[default]
        Glb = "glb",
        /// OBJ text with vertex colours, in the layout of the reference.
        Obj = "obj",
        /// OBJ text with texture coordinates, a material file and a picture.
        TexturedObj = "obj-textured",
        /// Binary PLY with vertex colours and texture coordinates.
        Ply = "ply",
    }
}

impl MeshFormat {
    /// The format that the extension of `path` stands for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for extensions other than glb, obj and ply.
    pub fn from_path(path: &Path) -> Result<Self> {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        match extension.as_str() {
            "glb" => Ok(Self::Glb),
            "obj" => Ok(Self::Obj),
            "ply" => Ok(Self::Ply),
            _ => Err(Error::invalid(format!(
                "{}: \"{extension}\" is no mesh format; end the name in .glb, .obj or .ply, or name the format",
                path.display()
            ))),
        }
    }
}

/// How a mesh is written; the default goes by the extension of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SaveMesh {
    /// The format; `None`: by the extension.
    pub format: Option<MeshFormat>,
    /// The format of the picture, for GLB and textured OBJ; `None`: PNG.
    pub texture: Option<TextureFormat>,
    /// The frame of the coordinates, for OBJ and PLY; `None`: the mesh's own,
    /// and [`Axes::RightUpBack`] for textured OBJ, which is how importers take it.
    pub axes: Option<Axes>,
}

impl Mesh {
    /// Writes the mesh to `path`, whose folder is made if need be.
    ///
    /// Every file is written under a temporary name and then renamed, so there
    /// is never half a file under its name, and an error leaves what was there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown extension, an option the format has no
    /// use for, a mesh without vertices, one too large for the format, or one
    /// without a texture as textured OBJ; [`Error::Io`] if writing fails;
    /// [`Error::Cancelled`] once `monitor` says so.
    pub fn save(&self, path: &Path, options: &SaveMesh, monitor: &Monitor) -> Result<()> {
        let format = options.format.map_or_else(|| MeshFormat::from_path(path), Ok)?;
        if self.vertices.is_empty() {
            return Err(Error::invalid(
                "the mesh has no vertices, so there is nothing to save",
            ));
        }
        if options.texture.is_some() && matches!(format, MeshFormat::Obj | MeshFormat::Ply) {
            return Err(Error::invalid(
                "texture: OBJ with vertex colours and PLY hold no picture; save as \"glb\" or \"obj-textured\"",
            ));
        }
        if format == MeshFormat::Glb && options.axes.is_some_and(|axes| axes != Axes::RightUpBack) {
            return Err(Error::invalid(
                "axes: glTF fixes its axes; leave them out, or save as OBJ or PLY",
            ));
        }
        let texture = options.texture.unwrap_or_default();
        let axes = |default| options.axes.unwrap_or(default);
        match format {
            MeshFormat::Glb => glb::write(self, path, texture, monitor),
            MeshFormat::Obj => obj::write(self, path, axes(self.axes), monitor),
            MeshFormat::TexturedObj => {
                obj::write_textured(self, path, texture, axes(Axes::RightUpBack), monitor)
            }
            MeshFormat::Ply => ply::write(self, path, axes(self.axes), monitor),
        }
    }
}

/// Reads a mesh that this program or the reference wrote as OBJ or PLY: places,
/// vertex colours, texture coordinates and faces, but no texture and no camera.
///
/// The frame is the one the file names, or that of the reference's planar
/// meshes, [`Axes::LeftUpForward`]. Memory stays in proportion to the file,
/// whatever its header promises.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Io`] if it cannot be opened or read,
/// [`Error::Unreadable`] with the line or row if it is damaged or something else,
/// [`Error::Invalid`] for other extensions.
pub fn read_mesh(path: &Path) -> Result<Mesh> {
    match MeshFormat::from_path(path)? {
        MeshFormat::Ply => ply_read::read(path),
        MeshFormat::Obj | MeshFormat::TexturedObj => obj_read::read(path),
        MeshFormat::Glb => Err(Error::invalid(format!(
            "{}: GLB files can be written but not read; read the mesh as OBJ or PLY",
            path.display()
        ))),
    }
}

/// What GLB and PLY hold of a coordinate.
#[inline]
fn single(point: [f64; 3]) -> [f32; 3] {
    point.map(|value| value as f32)
}

/// Refuses coordinates that 32-bit floats cannot hold.
fn within_f32(mesh: &Mesh) -> Result<()> {
    let largest = f64::from(f32::MAX);
    match mesh
        .vertices
        .as_flattened()
        .iter()
        .find(|value| value.abs() > largest)
    {
        None => Ok(()),
        Some(value) => Err(Error::invalid(format!(
            "a coordinate of {value:e} is beyond the 32-bit floats of GLB and PLY; scale the depth down"
        ))),
    }
}
