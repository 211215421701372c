//! Wavefront OBJ files with their material library.

use crate::bvh::Aabb;
use crate::mesh::Triangle;
use crate::model::{Builder, Material, Model};
use crate::texture::Texture;
use anyhow::{Context, Result, ensure};
use glam::{Affine3A, Vec2, Vec3};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Textures are brought to this side length at most.
const SIDE: u32 = 128;

/// Loads a model and brings it to `size` (width, height, depth in metres), standing on y = 0 around the origin.
pub fn load(path: &Path, size: Vec3) -> Result<Arc<Model>> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text = String::from_utf8_lossy(&text);
    let mut builder = Builder::default();
    let mut looks: HashMap<String, u16> = HashMap::new();
    let plain = builder.material(painted(Vec3::splat(0.7)));
    let (mut points, mut uvs, mut normals) = (Vec::new(), Vec::new(), Vec::new());
    let mut material = plain;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("v") => points.push(vector(words)),
            Some("vt") => uvs.push(vector(words).truncate()),
            Some("vn") => normals.push(vector(words)),
            Some("mtllib") => {
                let name: Vec<&str> = words.collect();
                let library = path.with_file_name(name.join(" "));
                for (name, look) in materials(&library) {
                    let index = builder.material(look);
                    looks.insert(name, index);
                }
            }
            Some("usemtl") => material = words.next().and_then(|n| looks.get(n)).copied().unwrap_or(plain),
            Some("f") => {
                let corners: Vec<Corner> = words.filter_map(|w| corner(w, &points, &uvs, &normals)).collect();
                for k in 2..corners.len() {
                    builder
                        .mesh
                        .triangles
                        .push(triangle([corners[0], corners[k - 1], corners[k]], material));
                }
            }
            _ => {}
        }
    }
    ensure!(
        !builder.mesh.triangles.is_empty(),
        "{} holds no faces",
        path.display()
    );
    let bounds = builder.bounds();
    let mut standing = Builder::default();
    standing.append(&builder, fit(bounds, size));
    Ok(standing.build())
}

fn fit(bounds: Aabb, size: Vec3) -> Affine3A {
    let foot = Vec3::new(bounds.centre().x, bounds.min.y, bounds.centre().z);
    let scale = size / bounds.size().max(Vec3::splat(1e-6));
    Affine3A::from_scale(scale) * Affine3A::from_translation(-foot)
}

fn vector<'a>(words: impl Iterator<Item = &'a str>) -> Vec3 {
    let mut v = Vec3::ZERO;
    for (slot, word) in v.as_mut().iter_mut().zip(words) {
        *slot = word.parse().unwrap_or(0.0);
    }
    v
}

type Corner = (Vec3, Option<Vec2>, Option<Vec3>);

/// `position/texture/normal` with indices from 1, or from the end when negative.
fn corner(word: &str, points: &[Vec3], uvs: &[Vec2], normals: &[Vec3]) -> Option<Corner> {
    fn find<T: Copy>(word: Option<&str>, list: &[T]) -> Option<T> {
        let index: i64 = word?.parse().ok()?;
        let index = if index < 0 {
            list.len() as i64 + index
        } else {
            index - 1
        };
        list.get(usize::try_from(index).ok()?).copied()
    }
    let mut parts = word.split('/');
    let position = find(parts.next(), points)?;
    Some((position, find(parts.next(), uvs), find(parts.next(), normals)))
}

fn triangle(corners: [Corner; 3], material: u16) -> Triangle {
    let position = corners.map(|c| c.0);
    let flat = (position[1] - position[0])
        .cross(position[2] - position[0])
        .normalize_or(Vec3::Y);
    // Texture coordinates count upwards in OBJ files.
    let uv = corners.map(|c| c.1.map_or(Vec2::ZERO, |t| Vec2::new(t.x, 1.0 - t.y)));
    Triangle {
        position,
        normal: corners.map(|c| c.2.unwrap_or(flat)),
        uv,
        material,
    }
}

fn painted(tint: Vec3) -> Material {
    let texture = Arc::new(Texture::new(1, 1, vec![[255; 4]]));
    Material {
        texture,
        repeat: Vec2::ONE,
        tint,
        gloss: 0.0,
        glow: 0.0,
    }
}

/// The materials of a library file; a file that cannot be read has none, its model is then grey.
fn materials(path: &Path) -> Vec<(String, Material)> {
    let Ok(text) = std::fs::read(path) else {
        return Vec::new();
    };
    let mut made: Vec<(String, Material)> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default();
        if key == "newmtl" {
            made.push((
                words.next().unwrap_or_default().to_owned(),
                painted(Vec3::splat(0.7)),
            ));
            continue;
        }
        let Some((_, last)) = made.last_mut() else {
            continue;
        };
        match key {
            // Colours are given as displayed.
            "Kd" => last.tint = vector(words).powf(2.0),
            "map_Kd" => {
                let name = words.last().unwrap_or_default();
                if let Some(texture) = picture(&path.with_file_name(name)) {
                    last.texture = texture;
                    last.tint = last.tint.max(Vec3::splat(0.6));
                }
            }
            _ => {}
        }
    }
    made
}

fn picture(path: &Path) -> Option<Arc<Texture>> {
    let picture = image::open(path).ok()?;
    let (w, h) = (picture.width().min(SIDE), picture.height().min(SIDE));
    let small = picture.thumbnail_exact(w.max(1), h.max(1)).to_rgba8();
    let texels = small.pixels().map(|p| p.0).collect();
    Some(Arc::new(Texture::new(
        small.width() as usize,
        small.height() as usize,
        texels,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_of_any_indexing_are_read_and_fitted_to_the_size_asked_for() {
        let path = std::env::temp_dir().join(format!("pocket-render-{}.obj", std::process::id()));
        let text = "v 0 0 0\nv 2 0 0\nv 2 4 0\nv 0 4 6\nf 1 2 3 4\nf -4/1 -3 -1\n";
        std::fs::write(&path, text).expect("the temporary folder is writable");
        let model = load(&path, Vec3::new(1.0, 2.0, 3.0));
        std::fs::remove_file(&path).expect("it was just written");
        let bounds = model.expect("the file is well formed").bounds();
        assert!((bounds.min - Vec3::new(-0.5, 0.0, -1.5)).length() < 1e-5);
        assert!((bounds.max - Vec3::new(0.5, 2.0, 1.5)).length() < 1e-5);
    }
}
