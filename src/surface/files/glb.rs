//! Binary glTF 2.0.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::sink::write_atomically;
use super::texture::{TextureFormat, encode};
use super::{single, within_f32};
use crate::depth::Camera;
use crate::image::Size;
use crate::monitor::Stage;
use crate::surface::{Axes, Mesh};
use crate::{Error, Monitor, Result};

/// Component types of glTF.
const UNSIGNED_SHORT: u32 = 5123;
const UNSIGNED_INT: u32 = 5125;
const FLOAT: u32 = 5126;
/// Buffer view targets.
const ARRAY_BUFFER: u32 = 34962;
const ELEMENT_ARRAY_BUFFER: u32 = 34963;
/// Primitive modes.
const POINTS: u32 = 0;
const TRIANGLES: u32 = 4;

/// One self-contained file: the mesh as triangles (or points, where it has
/// none), upright, unlit (`KHR_materials_unlit`) and double-sided, with its
/// picture embedded, and the camera at the origin as the node `photo_camera`
/// with `extras` H, W (pixels), hFov and vFov (radians).
///
/// A mesh with a texture is written without its vertex colours: viewers multiply
/// the two. Vertex colours are linear in glTF, as 16 bits a channel.
pub(super) fn write(mesh: &Mesh, path: &Path, format: TextureFormat, monitor: &Monitor) -> Result<()> {
    within_f32(mesh)?;
    let position = |vertex: &[f64; 3]| single(mesh.axes.convert(Axes::RightUpBack, *vertex));
    let textured = mesh.uv.as_ref().zip(mesh.texture.as_ref());
    let (image, bounds) = rayon::join(
        || {
            textured
                .map(|(_, texture)| encode(texture.view(), format))
                .transpose()
        },
        || bounds(&mesh.vertices, position),
    );
    let image = image?;
    let colors = mesh.colors.as_ref().filter(|_| textured.is_none());

    let mut layout = Layout::default();
    let mut attributes = serde_json::Map::new();
    let count = mesh.vertices.len();
    let (min, max) = bounds;
    attributes.insert(
        "POSITION".into(),
        layout
            .accessor(
                ARRAY_BUFFER,
                count * 12,
                json!({
                    "componentType": FLOAT, "type": "VEC3", "count": count, "min": min, "max": max,
                }),
            )
            .into(),
    );
    if textured.is_some() {
        let accessor = json!({ "componentType": FLOAT, "type": "VEC2", "count": count });
        attributes.insert(
            "TEXCOORD_0".into(),
            layout.accessor(ARRAY_BUFFER, count * 8, accessor).into(),
        );
    }
    if colors.is_some() {
        let accessor = json!({
            "componentType": UNSIGNED_SHORT, "type": "VEC4", "count": count, "normalized": true,
        });
        attributes.insert(
            "COLOR_0".into(),
            layout.accessor(ARRAY_BUFFER, count * 8, accessor).into(),
        );
    }
    let mut primitive = json!({ "attributes": attributes, "material": 0, "mode": POINTS });
    if !mesh.faces.is_empty() {
        let corners = mesh.faces.len() * 3;
        let accessor = json!({ "componentType": UNSIGNED_INT, "type": "SCALAR", "count": corners });
        primitive["indices"] = layout
            .accessor(ELEMENT_ARRAY_BUFFER, corners * 4, accessor)
            .into();
        primitive["mode"] = TRIANGLES.into();
    }
    let mut document = json!({
        "asset": { "version": "2.0", "generator": concat!("rilievo ", env!("CARGO_PKG_VERSION")) },
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "name": "depthmap", "mesh": 0 }],
        "meshes": [{ "name": "depthmap", "primitives": [primitive] }],
        "materials": [{
            "name": "photo",
            "doubleSided": true,
            "extensions": { "KHR_materials_unlit": {} },
            "pbrMetallicRoughness": { "metallicFactor": 0.0, "roughnessFactor": 0.9 },
        }],
    });
    if let Some((camera, picture)) = mesh.camera {
        add_camera(&mut document, camera, picture)?;
    }
    if let Some(image) = &image {
        add_texture(&mut document, layout.view(image.len(), json!({})), format);
    }
    document["accessors"] = layout.accessors.into();
    document["bufferViews"] = layout.views.into();
    document["buffers"] = json!([{ "byteLength": layout.length }]);

    let mut document = document.to_string().into_bytes();
    document.resize(document.len().next_multiple_of(4), b' ');
    let total = 12 + 8 + document.len() + 8 + layout.length;
    let total = u32::try_from(total).map_err(|_| {
        Error::invalid(format!(
            "a GLB file of {total} bytes cannot be: its limit is 4 GiB; shrink the mesh, or save it as PLY"
        ))
    })?;

    write_atomically(path, monitor, |sink| {
        let word = |value: u32| value.to_le_bytes();
        // The total is below 4 GiB, so its parts are.
        sink.bytes(
            &[
                *b"glTF",
                word(2),
                word(total),
                word(document.len() as u32),
                *b"JSON",
            ]
            .concat(),
        )?;
        sink.bytes(&document)?;
        sink.bytes(&[word(layout.length as u32), *b"BIN\0"].concat())?;
        sink.chunks(Stage::Vertices, count, |range, out| {
            for vertex in &mesh.vertices[range] {
                for value in position(vertex) {
                    out.extend_from_slice(&value.to_le_bytes());
                }
            }
        })?;
        if let Some((uv, _)) = textured {
            sink.chunks(Stage::TextureCoordinates, count, |range, out| {
                for value in uv[range].as_flattened() {
                    out.extend_from_slice(&value.to_le_bytes());
                }
            })?;
        }
        if let Some(colors) = colors {
            let linear: Vec<u16> = (0..=255).map(linear).collect();
            sink.chunks(Stage::Colours, count, |range, out| {
                for color in &colors[range] {
                    for &channel in color {
                        out.extend_from_slice(&linear[usize::from(channel)].to_le_bytes());
                    }
                    out.extend_from_slice(&u16::MAX.to_le_bytes());
                }
            })?;
        }
        sink.chunks(Stage::Faces, mesh.faces.len(), |range, out| {
            for corner in mesh.faces[range].as_flattened() {
                out.extend_from_slice(&corner.to_le_bytes());
            }
        })?;
        if let Some(image) = &image {
            sink.bytes(image)?;
            sink.bytes(&[0; 3][..image.len().next_multiple_of(4) - image.len()])?;
        }
        Ok(())
    })
}

/// The binary chunk, block after block.
#[derive(Default)]
struct Layout {
    views: Vec<Value>,
    accessors: Vec<Value>,
    length: usize,
}

impl Layout {
    /// Adds a block of `bytes` and returns the index of its buffer view.
    fn view(&mut self, bytes: usize, mut view: Value) -> usize {
        view["buffer"] = 0.into();
        view["byteOffset"] = self.length.into();
        view["byteLength"] = bytes.into();
        self.views.push(view);
        self.length += bytes.next_multiple_of(4);
        self.views.len() - 1
    }

    /// Adds a block of `bytes` with an accessor and returns the accessor's index.
    fn accessor(&mut self, target: u32, bytes: usize, mut accessor: Value) -> usize {
        accessor["bufferView"] = self.view(bytes, json!({ "target": target })).into();
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }
}

fn add_camera(document: &mut Value, camera: Camera, picture: Size) -> Result<()> {
    let (horizontal, vertical) = camera.field_of_view(picture)?;
    let mut extras = json!({ "H": picture.height, "W": picture.width, "hFov": horizontal, "vFov": vertical });
    let (yfov, aspect) = if camera == Camera::Equirectangular {
        // No perspective camera sees a whole sphere; this one looks at its middle.
        extras["projection"] = "equirectangular".into();
        (std::f64::consts::FRAC_PI_2, 1.0)
    } else {
        (vertical, (horizontal / 2.0).tan() / (vertical / 2.0).tan())
    };
    document["cameras"] = json!([{
        "type": "perspective",
        "perspective": { "yfov": yfov, "aspectRatio": aspect, "znear": 0.01 },
    }]);
    if let Value::Array(nodes) = &mut document["nodes"] {
        nodes.push(json!({ "name": "photo_camera", "camera": 0, "extras": extras }));
    }
    document["scenes"][0]["nodes"] = json!([0, 1]);
    Ok(())
}

fn add_texture(document: &mut Value, view: usize, format: TextureFormat) {
    const LINEAR: u32 = 9729;
    const LINEAR_MIPMAP_LINEAR: u32 = 9987;
    const CLAMP_TO_EDGE: u32 = 33071;
    document["images"] = json!([{ "name": "photo", "bufferView": view, "mimeType": format.mime() }]);
    document["samplers"] = json!([{
        "magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": CLAMP_TO_EDGE, "wrapT": CLAMP_TO_EDGE,
    }]);
    document["textures"] = json!([{ "sampler": 0, "source": 0 }]);
    document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = json!({ "index": 0 });
}

/// The smallest and largest coordinates, as written.
fn bounds(vertices: &[[f64; 3]], position: impl Fn(&[f64; 3]) -> [f32; 3] + Sync) -> ([f32; 3], [f32; 3]) {
    let merge = |a: ([f32; 3], [f32; 3]), b: ([f32; 3], [f32; 3])| {
        let pairs = [0, 1, 2];
        (
            pairs.map(|axis| a.0[axis].min(b.0[axis])),
            pairs.map(|axis| a.1[axis].max(b.1[axis])),
        )
    };
    vertices
        .par_iter()
        .map(|vertex| (position(vertex), position(vertex)))
        .reduce(|| ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]), merge)
}

/// An sRGB channel to linear light in 16 bits (IEC 61966-2-1).
fn linear(channel: u8) -> u16 {
    let encoded = f64::from(channel) / 255.0;
    let linear = if encoded <= 0.04045 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    };
    (linear * 65535.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::linear;

    #[test]
    fn srgb_to_linear() {
        assert_eq!((linear(0), linear(255)), (0, 65535));
        // 0.5 in sRGB is 0.2140 in linear light; 128 / 255 a little more.
        assert_eq!(linear(128), 14146);
    }
}
