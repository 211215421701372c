// Bytes as a file, for readers that take a path.

use std::path::PathBuf;

/// Writes `bytes` into a file of this process that ends in `extension`.
pub fn of(bytes: &[u8], extension: &str) -> PathBuf {
    let folder = match std::path::Path::new("/dev/shm") {
        memory if memory.is_dir() => memory.to_owned(),
        _ => std::env::temp_dir(),
    };
    let path = folder.join(format!("rilievo-fuzz-{}.{extension}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}
