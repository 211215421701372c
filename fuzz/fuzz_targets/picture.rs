#![no_main]

use libfuzzer_sys::fuzz_target;
use rilievo::image::{Limits, read_picture, read_plane};

mod file;

fuzz_target!(|data: &[u8]| {
    let path = file::of(data, "png");
    let limits = Limits { max_pixels: 1 << 20 };
    let _ = read_picture(&path, limits);
    let _ = read_plane(&path, limits);
});
