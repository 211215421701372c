//! Result buffers that are written before they are read, without being zeroed first.

use std::cell::Cell;
use std::marker::PhantomData;
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

/// A buffer that parallel tasks write into, each its own elements.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    buffer: PhantomData<&'a mut [MaybeUninit<f32>]>,
}

// SAFETY: whoever takes elements promises that nothing else uses them.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Shares `buffer`.
    pub(super) fn new(buffer: &'a mut [MaybeUninit<f32>]) -> Self {
        Self {
            start: buffer.as_mut_ptr().cast(),
            len: buffer.len(),
            buffer: PhantomData,
        }
    }

    /// The address of element `index`, from which `count` elements lie inside the buffer.
    fn at(self, index: usize, count: usize) -> *mut f32 {
        assert!(index <= self.len && count <= self.len - index);
        self.start.wrapping_add(index)
    }

    /// The `count` elements from `index`, to be written.
    ///
    /// # Safety
    /// Nothing else uses them meanwhile.
    pub(super) unsafe fn uninit(self, index: usize, count: usize) -> &'a mut [MaybeUninit<f32>] {
        // SAFETY: `at` checks the range; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(index, count).cast(), count) }
    }

    /// The `rows` x `columns` elements whose first is at `index`, with leading dimension `ld`, to be written.
    ///
    /// # Safety
    /// Nothing else uses them meanwhile.
    pub(super) unsafe fn tile(self, index: usize, (rows, columns): (usize, usize), ld: usize) -> Tile<'a> {
        Tile {
            start: self.at(index, Tile::reach((rows, columns), ld)),
            rows,
            columns,
            ld,
            written: false,
            buffer: PhantomData,
        }
    }

    /// Writes `values` to every `step`-th element from `index` on.
    ///
    /// # Safety
    /// Nothing else uses those elements meanwhile.
    pub(super) unsafe fn write(self, index: usize, step: usize, values: &[f32]) {
        let start = self.at(index, Tile::reach((values.len(), 1), step));
        // SAFETY: `at` checks the range; the rest is the caller's promise.
        unsafe {
            if step == 1 {
                start.copy_from_nonoverlapping(values.as_ptr(), values.len());
            } else {
                for (i, value) in values.iter().enumerate() {
                    start.add(i * step).write(*value);
                }
            }
        }
    }
}

/// Rows and columns of a matrix that are one task's own, while others may use what lies between the rows.
pub(super) struct Tile<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    /// The leading dimension: elements from one row to the next.
    ld: usize,
    /// Whether all elements have been written.
    written: bool,
    buffer: PhantomData<&'a mut [MaybeUninit<f32>]>,
}

impl<'a> Tile<'a> {
    /// The first `rows` x `columns` elements of a matrix with leading dimension `ld`.
    ///
    /// # Panics
    /// If they reach beyond `data`.
    pub(super) fn new(data: &'a mut [f32], (rows, columns): (usize, usize), ld: usize) -> Self {
        assert!(Self::reach((rows, columns), ld) <= data.len());
        Self {
            start: data.as_mut_ptr(),
            rows,
            columns,
            ld,
            written: true,
            buffer: PhantomData,
        }
    }

    /// Elements from the first one to the last, both included.
    pub(super) fn reach((rows, columns): (usize, usize), ld: usize) -> usize {
        if columns == 0 {
            return 0;
        }
        rows.checked_sub(1)
            .map_or(0, |last| last.saturating_mul(ld).saturating_add(columns))
    }

    /// Rows and columns.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Whether all elements have been written.
    pub(super) fn is_written(&self) -> bool {
        self.written
    }

    /// Says that all elements have been written.
    ///
    /// # Safety
    /// They have.
    pub(super) unsafe fn set_written(&mut self) {
        self.written = true;
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row, or the tile has not been written.
    pub(super) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(self.written && row < self.rows);
        // SAFETY: as just checked, the row lies in the tile and was written; the tile is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.ld), self.columns) }
    }

    /// `count` elements of a row from a column on, to be written. Unchecked: for inner loops.
    ///
    /// # Safety
    /// They lie in the tile.
    #[inline(always)]
    pub(super) unsafe fn part(&mut self, row: usize, column: usize, count: usize) -> &mut [MaybeUninit<f32>] {
        debug_assert!(row < self.rows && column + count <= self.columns);
        // SAFETY: the caller's promise; the tile is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.ld + column).cast(), count) }
    }

    /// The same to be read.
    ///
    /// # Safety
    /// They lie in the tile and have been written.
    #[inline(always)]
    pub(super) unsafe fn written_part(&self, row: usize, column: usize, count: usize) -> &[f32] {
        debug_assert!(row < self.rows && column + count <= self.columns);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(row * self.ld + column), count) }
    }
}
