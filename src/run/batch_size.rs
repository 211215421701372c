//! How many pictures to compute at once.

use candle_core::Device;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What a GPU is tried with; where that is too many it is halved until it fits.
const MOST_ON_GPU: usize = 8;
/// Threads that one picture keeps busy: more pictures than that would gain nothing.
const THREADS_A_PICTURE: usize = 4;

/// How many pictures to compute at once on a device, when each takes `bytes`.
///
/// On a CPU as many as fit into half of the memory that is free, if there are
/// threads enough to be quicker for it.
pub(super) fn fitting(device: &Device, bytes: u64) -> usize {
    if !device.is_cpu() {
        return MOST_ON_GPU;
    }
    let useful = rayon::current_num_threads() / THREADS_A_PICTURE;
    if useful < 2 {
        return 1;
    }
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let free = System::new_with_specifics(memory).available_memory();
    within(free, bytes, useful)
}

fn within(free: u64, bytes: u64, useful: usize) -> usize {
    let room = free / 2 / bytes.max(1);
    usize::try_from(room).unwrap_or(useful).clamp(1, useful)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_fit_into_half_of_what_is_free_but_no_more_than_are_useful() {
        assert_eq!(within(8_000, 1_000, 16), 4);
        assert_eq!(within(8_000, 1_000, 3), 3);
        assert_eq!(within(100, 1_000, 16), 1);
        assert_eq!(within(0, 0, 2), 1);
        assert_eq!(fitting(&Device::Cpu, u64::MAX), 1);
    }
}
