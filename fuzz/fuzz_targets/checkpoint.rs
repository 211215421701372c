// Reads a checkpoint and all its tensors, as a network that asks for everything would.

use candle_core::{DType, Device};
use rilievo::Error;
use rilievo::weights::Checkpoint;

pub fn read(bytes: Vec<u8>) {
    let length = bytes.len();
    let checkpoint = match Checkpoint::from_bytes(bytes) {
        Ok(checkpoint) => checkpoint,
        Err(Error::Unreadable { reason, .. }) => {
            assert!(!reason.is_empty());
            return;
        }
        Err(other) => panic!("{other:?}"),
    };
    for name in checkpoint.names() {
        if let Ok(tensor) = checkpoint.tensor(name, &Device::Cpu, DType::F32) {
            // No tensor has more numbers than the file has bytes.
            assert!(tensor.elem_count() <= length, "{name}");
            assert_eq!(Some(tensor.dims()), checkpoint.shape(name));
        }
    }
}
