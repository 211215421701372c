#![no_main]

use libfuzzer_sys::fuzz_target;

mod checkpoint;

// The length of the header is put in front: guessing it would take for ever.
fuzz_target!(|data: &[u8]| {
    let header = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let mut bytes = (header as u64).to_le_bytes().to_vec();
    bytes.extend(data);
    checkpoint::read(bytes);
    checkpoint::read(data.to_vec());
});
