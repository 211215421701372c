//! Matrix products on one thread, the inner step of every tile.

use gemm::Parallelism;

use super::buffer::Shared;

/// A matrix inside a slice: element `(i, j)` is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Where a product goes: element `(i, j)` is element `start + i * row + j` of the buffer.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) out: Shared,
    pub(super) start: usize,
    pub(super) row: usize,
}

impl Tile {
    /// Row `i` of the tile, `n` elements.
    ///
    /// # Safety
    /// The elements have been written, and nothing else uses them meanwhile.
    pub(super) unsafe fn row<'a>(self, i: usize, n: usize) -> &'a mut [f32] {
        // SAFETY: `at` checks the range; the rest is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.out.at(self.start + i * self.row, n), n) }
    }
}

/// Writes `scale * lhs * rhs` (`[m, k]` times `[k, n]`) into `tile`.
///
/// # Safety
/// Nothing else uses the elements of the tile meanwhile.
///
/// # Panics
/// If a matrix or the tile does not lie inside its data.
pub(super) unsafe fn multiply(
    (m, k, n): (usize, usize, usize),
    scale: f32,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    tile: Tile,
) {
    if m == 0 || n == 0 {
        return;
    }
    if k > 0 {
        assert!((m - 1) * lhs.row + (k - 1) * lhs.column < lhs.data.len());
        assert!((k - 1) * rhs.row + (n - 1) * rhs.column < rhs.data.len());
    }
    let out = tile.out.at(tile.start, (m - 1) * tile.row + n);
    // SAFETY: the furthest element of each matrix lies inside its data, as just checked, and the
    // caller promises that the tile is not used elsewhere.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            tile.row as isize,
            false,
            lhs.data.as_ptr(),
            lhs.column as isize,
            lhs.row as isize,
            rhs.data.as_ptr(),
            rhs.column as isize,
            rhs.row as isize,
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
