#![no_main]

use libfuzzer_sys::fuzz_target;

mod checkpoint;

const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.";

/// A zip file of the three entries that matter, so that the pickle is what is fuzzed.
fn zipped(pickle: &[u8]) -> Vec<u8> {
    let entries: [(&[u8], &[u8]); 2] = [(b"x/data.pkl", pickle), (b"x/data/0", &[0; 64])];
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let start = out.len() as u32;
        let mut sizes = Vec::new();
        sizes.extend([0; 4]);
        sizes.extend((data.len() as u32).to_le_bytes());
        sizes.extend((data.len() as u32).to_le_bytes());
        sizes.extend((name.len() as u16).to_le_bytes());
        sizes.extend([0; 2]);
        out.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        out.extend(&sizes);
        out.extend(name);
        out.extend(data);
        directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
        directory.extend(&sizes);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, pickle)) => checkpoint::read(zipped(pickle)),
        Some((1, rest)) => checkpoint::read([MAGIC, rest].concat()),
        _ => checkpoint::read(data.to_vec()),
    }
});
