//! Shards: pairs of `.npy` files that numpy maps into memory.
//!
//! `NAME.rgb.npy` holds (count, height, width, 3) bytes, `NAME.inv.npy` (count, height, width) half floats:
//! inverse z-depth in 1/m, 0 for sky. The second file appears last and marks the shard as complete.

use crate::view::Pair;
use anyhow::{Context, Result};
use half::f16;
use std::fs;
use std::path::{Path, PathBuf};

/// Largest stored value: half floats end at 65504, and nothing is seen nearer than a millimetre.
const NEAREST: f32 = 1000.0;

pub fn marker(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.inv.npy"))
}

pub fn write(folder: &Path, name: &str, pairs: &[Pair], (width, height): (usize, usize)) -> Result<()> {
    let colours: Vec<u8> = pairs
        .iter()
        .flat_map(|p| p.picture.as_raw().iter().copied())
        .collect();
    let depths: Vec<u8> = pairs
        .iter()
        .flat_map(|p| {
            p.inverse_depth
                .iter()
                .flat_map(|v| f16::from_f32(v.min(NEAREST)).to_le_bytes())
        })
        .collect();
    let shape = format!("({}, {height}, {width}", pairs.len());
    put(
        &folder.join(format!("{name}.rgb.npy")),
        "|u1",
        &format!("{shape}, 3)"),
        &colours,
    )?;
    put(&marker(folder, name), "<f2", &format!("{shape})"), &depths)
}

/// Writes a NumPy array file (format 1.0) under a temporary name, then gives it its own.
fn put(path: &Path, kind: &str, shape: &str, data: &[u8]) -> Result<()> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    let unfinished = path.with_extension("part");
    fs::write(&unfinished, bytes).with_context(|| format!("{} cannot be written", unfinished.display()))?;
    fs::rename(&unfinished, path).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_files_have_an_aligned_header_and_all_data() {
        let path = std::env::temp_dir().join(format!("pocket-render-{}.npy", std::process::id()));
        put(&path, "|u1", "(2, 3)", &[1, 2, 3, 4, 5, 6]).expect("the temporary folder is writable");
        let bytes = fs::read(&path).expect("it was just written");
        fs::remove_file(&path).expect("it was just read");
        let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
        assert_eq!((10 + header) % 64, 0);
        assert_eq!(&bytes[10 + header..], &[1, 2, 3, 4, 5, 6]);
    }
}
