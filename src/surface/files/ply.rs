//! Stanford PLY, binary little-endian.

use std::fmt::Write;
use std::path::Path;

use super::sink::write_atomically;
use super::{single, within_f32};
use crate::monitor::Stage;
use crate::surface::{Axes, Mesh};
use crate::{Monitor, Result};

/// A comment that goes on with the name of the frame.
pub(super) const AXES_COMMENT: &str = "comment axes ";

/// Writes `x y z` (float), `red green blue` (uchar), `s t` (float, (0, 0) at the
/// bottom left, as Blender reads them) as far as the mesh has them, then faces
/// as lists of `uchar int`. Comments tell of the camera, angles in radians.
pub(super) fn write(mesh: &Mesh, path: &Path, axes: Axes, monitor: &Monitor) -> Result<()> {
    within_f32(mesh)?;
    write_atomically(path, monitor, |sink| {
        sink.bytes(header(mesh, axes)?.as_bytes())?;
        sink.chunks(Stage::Vertices, mesh.vertices.len(), |range, out| {
            for index in range {
                for value in single(mesh.axes.convert(axes, mesh.vertices[index])) {
                    out.extend_from_slice(&value.to_le_bytes());
                }
                if let Some(colors) = &mesh.colors {
                    out.extend_from_slice(&colors[index]);
                }
                if let Some(uv) = &mesh.uv {
                    let [u, v] = uv[index];
                    out.extend_from_slice(&u.to_le_bytes());
                    out.extend_from_slice(&(1.0 - v).to_le_bytes());
                }
            }
        })?;
        sink.chunks(Stage::Faces, mesh.faces.len(), |range, out| {
            for [a, b, c] in &mesh.faces[range] {
                let mut row = [3; 13];
                row[1..5].copy_from_slice(&a.to_le_bytes());
                row[5..9].copy_from_slice(&b.to_le_bytes());
                row[9..13].copy_from_slice(&c.to_le_bytes());
                out.extend_from_slice(&row);
            }
        })
    })
}

fn header(mesh: &Mesh, axes: Axes) -> Result<String> {
    let mut header = String::from("ply\nformat binary_little_endian 1.0\ncomment rilievo\n");
    // Writing to a String cannot fail.
    let _ = writeln!(header, "{AXES_COMMENT}{}", axes.name());
    if let Some((camera, picture)) = mesh.camera {
        let (horizontal, vertical) = camera.field_of_view(picture)?;
        let _ = write!(
            header,
            "comment H {}\ncomment W {}\ncomment hFov {horizontal}\ncomment vFov {vertical}\n",
            picture.height, picture.width
        );
    }
    let _ = writeln!(header, "element vertex {}", mesh.vertices.len());
    header += "property float x\nproperty float y\nproperty float z\n";
    if mesh.colors.is_some() {
        header += "property uchar red\nproperty uchar green\nproperty uchar blue\n";
    }
    if mesh.uv.is_some() {
        header += "property float s\nproperty float t\n";
    }
    if !mesh.faces.is_empty() {
        let _ = writeln!(header, "element face {}", mesh.faces.len());
        header += "property list uchar int vertex_indices\n";
    }
    Ok(header + "end_header\n")
}
