//! Result buffers that are written before they are read, without being zeroed first.

use std::cell::Cell;
use std::mem::MaybeUninit;

/// Makes a vector of `len` elements by letting `fill` write all of them.
///
/// # Safety
/// `fill` must write every element of the slice it is given.
pub(super) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut data = Vec::with_capacity(len);
    fill(&mut data.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least `len`, and the caller promises that `fill` wrote everything.
    unsafe { data.set_len(len) };
    data
}

/// Lends `len` elements of this thread's scratch memory, which hold anything,
/// and keeps the memory for the next task.
pub(super) fn scratch<T>(len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static MEMORY: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    }
    // Taken out meanwhile, so that a task that is started inside another gets memory of its own.
    let mut memory = MEMORY.take();
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    let result = work(&mut memory[..len]);
    MEMORY.set(memory);
    result
}

/// Writes `values` into `out`, which has as many elements.
///
/// # Panics
/// If it has not.
pub(super) fn copied<'a>(out: &'a mut [MaybeUninit<f32>], values: &[f32]) -> &'a mut [f32] {
    assert_eq!(out.len(), values.len());
    for (out, value) in out.iter_mut().zip(values) {
        out.write(*value);
    }
    // SAFETY: every element was just written, and `MaybeUninit<f32>` is laid out as `f32`.
    unsafe { &mut *(out as *mut [MaybeUninit<f32>] as *mut [f32]) }
}

/// A buffer that parallel tiles write into, each its own elements.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: a `Shared` only hands out pointers; that tiles touch disjoint elements is promised by
// whoever dereferences them.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares `buffer`, which must outlive every use of the pointers.
    pub(super) fn new(buffer: &mut [MaybeUninit<f32>]) -> Self {
        Self {
            start: buffer.as_mut_ptr().cast(),
            len: buffer.len(),
        }
    }

    /// The address of element `index`, from which `count` elements may be used.
    ///
    /// # Panics
    /// If they do not lie inside the buffer.
    pub(super) fn at(self, index: usize, count: usize) -> *mut f32 {
        assert!(index <= self.len && count <= self.len - index);
        // SAFETY: `index` is inside the allocation, as just checked.
        unsafe { self.start.add(index) }
    }

    /// The `count` elements from `index`, to be written.
    ///
    /// # Safety
    /// Nothing else uses them meanwhile.
    pub(super) unsafe fn uninit<'a>(self, index: usize, count: usize) -> &'a mut [MaybeUninit<f32>] {
        // SAFETY: `at` checks the range; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(index, count).cast(), count) }
    }

    /// The `count` elements from `index`.
    ///
    /// # Safety
    /// They have been written, and nothing else uses them meanwhile.
    pub(super) unsafe fn slice<'a>(self, index: usize, count: usize) -> &'a mut [f32] {
        // SAFETY: `at` checks the range; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(index, count), count) }
    }
}
