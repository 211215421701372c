#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rilievo::image::{Limits, Source, read_orientation, read_picture, read_plane};

// As much as a megapixel can take; `-rss_limit_mb` bounds memory.
const LIMIT: Duration = Duration::from_secs(5);

fuzz_target!(|data: &[u8]| {
    let source = || Source::from_bytes("input", data).unwrap();
    let limits = Limits { max_pixels: 1 << 20 };
    let start = Instant::now();
    let _ = read_picture(&source(), limits);
    let _ = read_plane(&source(), limits);
    let _ = read_orientation(&source());
    assert!(start.elapsed() < LIMIT, "{:?} for {} bytes", start.elapsed(), data.len());
});
