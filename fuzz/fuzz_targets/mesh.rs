#![no_main]

use libfuzzer_sys::fuzz_target;
use rilievo::surface::read_mesh;

mod file;

fuzz_target!(|data: &[u8]| {
    let Some((&format, data)) = data.split_first() else { return };
    let extension = if format % 2 == 0 { "obj" } else { "ply" };
    if let Ok(mesh) = read_mesh(&file::of(data, extension)) {
        let count = mesh.vertices().len();
        assert!(mesh.faces().iter().flatten().all(|&index| (index as usize) < count));
        assert!(mesh.colors().is_none_or(|colors| colors.len() == count));
    }
});
