#![no_main]

use libfuzzer_sys::fuzz_target;

mod checkpoint;

fuzz_target!(|data: &[u8]| {
    // What an ONNX file begins with, so that nothing else is read.
    checkpoint::read([b"\x08\x08\x12\x00", data].concat());
});
