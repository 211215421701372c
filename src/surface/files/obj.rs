//! Wavefront OBJ.

use std::path::Path;

use super::decimal::Line;
use super::sink::{Sink, write_atomically};
use super::texture::{TextureFormat, encode};
use crate::monitor::Stage;
use crate::surface::{Axes, Mesh};
use crate::{Error, Monitor, Result};

/// The first line, which goes on with the name of the frame.
pub(super) const AXES_COMMENT: &str = "# rilievo, axes ";
const MATERIAL: &str = "photo";

/// `v x y z r g b` and `f a b c`, as the reference writes them: eight decimals,
/// colours from 0 to 1, no texture. Only the comment in the first line and the
/// blank lines at the end differ.
pub(super) fn write(mesh: &Mesh, path: &Path, axes: Axes, monitor: &Monitor) -> Result<()> {
    write_atomically(path, monitor, |sink| {
        sink.bytes(format!("{AXES_COMMENT}{}\n", axes.name()).as_bytes())?;
        match &mesh.colors {
            None => write_positions(mesh, axes, sink)?,
            Some(colors) => {
                let text = color_text();
                sink.chunks(Stage::Vertices, mesh.vertices.len(), |range, out| {
                    let mut line = Line::new();
                    for (vertex, color) in mesh.vertices[range.clone()].iter().zip(&colors[range]) {
                        put_point(&mut line, mesh.axes.convert(axes, *vertex));
                        for &channel in color {
                            line.bytes(&text[usize::from(channel)]);
                        }
                        line.end(out);
                    }
                })?;
            }
        }
        sink.chunks(Stage::Faces, mesh.faces.len(), |range, out| {
            let mut line = Line::new();
            for face in &mesh.faces[range] {
                line.bytes(b"f");
                for &corner in face {
                    line.bytes(b" ");
                    line.whole(u64::from(corner) + 1);
                }
                line.end(out);
            }
        })
    })
}

/// OBJ with texture coordinates, `<stem>.mtl`, and the picture as
/// `<stem>-texture.png` (or `.jpg`) beside it. The OBJ appears last, so whoever
/// finds it finds what it names.
pub(super) fn write_textured(
    mesh: &Mesh,
    path: &Path,
    format: TextureFormat,
    axes: Axes,
    monitor: &Monitor,
) -> Result<()> {
    let (Some(uv), Some(texture)) = (&mesh.uv, &mesh.texture) else {
        return Err(Error::invalid(
            "this mesh has no texture; save it as \"obj\" with vertex colours, or make it with textured=True",
        ));
    };
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
        return Err(Error::invalid(format!(
            "{}: the name cannot be written into the file as text; give one in UTF-8",
            path.display()
        )));
    };
    let image_name = format!("{stem}-texture.{}", format.extension());
    let material_name = format!("{stem}.mtl");
    let image = encode(texture.view(), format)?;
    write_atomically(&path.with_file_name(&image_name), monitor, |sink| {
        sink.bytes(&image)
    })?;
    write_atomically(&path.with_file_name(&material_name), monitor, |sink| {
        // 1: colour without highlights.
        sink.bytes(format!("newmtl {MATERIAL}\nillum 1\nKd 1 1 1\nmap_Kd {image_name}\n").as_bytes())
    })?;
    write_atomically(path, monitor, |sink| {
        sink.bytes(format!("{AXES_COMMENT}{}\nmtllib {material_name}\n", axes.name()).as_bytes())?;
        write_positions(mesh, axes, sink)?;
        sink.chunks(Stage::TextureCoordinates, uv.len(), |range, out| {
            let mut line = Line::new();
            for [u, v] in &uv[range] {
                line.bytes(b"vt ");
                line.fixed(f64::from(*u));
                line.bytes(b" ");
                line.fixed(1.0 - f64::from(*v));
                line.end(out);
            }
        })?;
        sink.bytes(format!("usemtl {MATERIAL}\n").as_bytes())?;
        sink.chunks(Stage::Faces, mesh.faces.len(), |range, out| {
            let mut line = Line::new();
            for face in &mesh.faces[range] {
                line.bytes(b"f");
                for &corner in face {
                    line.bytes(b" ");
                    line.whole(u64::from(corner) + 1);
                    line.bytes(b"/");
                    line.whole(u64::from(corner) + 1);
                }
                line.end(out);
            }
        })
    })
}

fn write_positions(mesh: &Mesh, axes: Axes, sink: &mut Sink) -> Result<()> {
    sink.chunks(Stage::Vertices, mesh.vertices.len(), |range, out| {
        let mut line = Line::new();
        for vertex in &mesh.vertices[range] {
            put_point(&mut line, mesh.axes.convert(axes, *vertex));
            line.end(out);
        }
    })
}

#[inline]
fn put_point(line: &mut Line, point: [f64; 3]) {
    line.bytes(b"v");
    for value in point {
        line.bytes(b" ");
        line.fixed(value);
    }
}

/// A space and the text of every channel value.
fn color_text() -> Vec<[u8; 11]> {
    (0..=255u8)
        .map(|channel| {
            let mut text = Vec::new();
            let mut line = Line::new();
            line.bytes(b" ");
            line.fixed(f64::from(channel) / 255.0);
            line.end(&mut text);
            std::array::from_fn(|index| text[index])
        })
        .collect()
}
