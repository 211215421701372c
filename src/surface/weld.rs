//! Welding: merging vertices in the same place.

use rayon::prelude::*;

use super::mesh::Mesh;

/// Merges vertices that are equal after rounding to 1e-8, as trimesh does: the
/// first of them stays, with its colour and texture coordinates, the order is
/// kept. Triangles that become degenerate stay.
pub(super) fn weld(mesh: &mut Mesh) {
    let vertices = &mesh.vertices;
    let place = |index: u32| vertices[index as usize].map(|value| (value * 1e8).round_ties_even() as i64);
    let mut by_place: Vec<u32> = (0..vertices.len() as u32).collect();
    by_place.par_sort_unstable_by_key(|&index| (place(index), index));

    // Every vertex to the first in its place.
    let mut first: Vec<u32> = vec![0; vertices.len()];
    for group in by_place.chunk_by(|&a, &b| place(a) == place(b)) {
        for &index in group {
            first[index as usize] = group[0];
        }
    }
    let kept: Vec<u32> = (0..vertices.len() as u32)
        .filter(|&index| first[index as usize] == index)
        .collect();
    if kept.len() == vertices.len() {
        return;
    }
    let mut number = vec![0; vertices.len()];
    for (new, &old) in kept.iter().enumerate() {
        number[old as usize] = new as u32;
    }
    for corner in mesh.faces.as_flattened_mut() {
        *corner = number[first[*corner as usize] as usize];
    }
    mesh.vertices = pick(&mesh.vertices, &kept);
    mesh.colors = mesh.colors.as_ref().map(|colors| pick(colors, &kept));
    mesh.uv = mesh.uv.as_ref().map(|uv| pick(uv, &kept));
}

fn pick<T: Copy>(values: &[T], indices: &[u32]) -> Vec<T> {
    indices.iter().map(|&index| values[index as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::Axes;

    #[test]
    fn the_first_of_equal_vertices_stays() {
        let vertices = vec![
            [1.0, 0.0, 0.0],
            [0.0; 3],
            [1.0 + 4e-9, 0.0, -4e-9],
            [1.0 + 6e-9, 0.0, 0.0],
            [0.0; 3],
        ];
        let colors = (0..5).map(|grey| [grey; 3]).collect();
        let faces = vec![[0, 1, 2], [2, 3, 4]];
        let mut mesh = Mesh::new(vertices, faces, Axes::RightUpBack)
            .unwrap()
            .with_colors(colors)
            .unwrap();
        weld(&mut mesh);
        assert_eq!(mesh.vertices, [[1.0, 0.0, 0.0], [0.0; 3], [1.0 + 6e-9, 0.0, 0.0]]);
        assert_eq!(mesh.faces, [[0, 1, 0], [0, 2, 1]]);
        assert_eq!(mesh.colors.unwrap(), [[0; 3], [1; 3], [3; 3]]);
    }
}
