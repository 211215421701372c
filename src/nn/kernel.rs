//! Matrix products on one thread: the inner loop of every convolution,
//! linear layer and attention.
//!
//! A block of rows of the left matrix meets a strip of columns of the right
//! one; the products stay in registers for the whole depth. How many rows and
//! columns fit is a matter of the instruction set. The left matrix is read as
//! it lies, the right one in strips: see [`Strips`].

use super::simd::{Kind, Lanes, Level, Vector};

/// Columns of a strip.
pub(super) const fn strip_width(level: Level) -> usize {
    lanes(level) * VECTORS
}

/// Columns that are computed together at least: a last strip with no more is done in half the time.
pub(super) const fn lanes(level: Level) -> usize {
    match level.0 {
        Kind::Portable => Lanes::LANES,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => 8,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => 16,
    }
}

/// Vectors of a strip's row.
const VECTORS: usize = 2;
/// Rows of a strip that are asked for ahead of their use.
const AHEAD: usize = 16;
/// Numbers in a cache line.
const LINE: usize = 16;

/// From one row of `depth` elements of a left matrix to the next: an odd number of cache lines. Were it a
/// power of two, as depths often are, the rows that are computed together would all fall on the same few
/// lines of the caches.
pub(super) fn apart(depth: usize) -> usize {
    (depth.div_ceil(LINE) | 1) * LINE
}

/// The left matrix: element `(i, k)` is `data[i * row + k]`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
}

/// The right matrix, in strips of [`strip_width`] columns: row `k` of strip
/// `s` is the [`strip_width`] elements of `data` from `s * strip` plus the
/// place `rows` says. Columns beyond the matrix may hold anything. A last strip
/// of at most [`lanes`] columns need not have more than [`lanes`] elements in a row.
#[derive(Clone, Copy)]
pub(super) struct Strips<'a> {
    pub(super) data: &'a [f32],
    pub(super) strip: usize,
    pub(super) rows: Rows<'a>,
}

/// Where the rows of a strip begin.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    /// Row `k` at `k` times this.
    Every(usize),
    /// Row `k` at element `k` of this table.
    At(&'a [usize]),
}

impl Rows<'_> {
    #[inline(always)]
    fn place(&self, k: usize) -> usize {
        match self {
            Self::Every(step) => k * step,
            Self::At(table) => table[k],
        }
    }

    /// The place of the row that lies furthest behind, of `depth`.
    fn furthest(&self, depth: usize) -> usize {
        match self {
            Self::Every(step) => (depth - 1) * step,
            Self::At(table) => table[..depth].iter().copied().max().unwrap_or(0),
        }
    }
}

/// Where a product goes: element `(i, j)` is `row` times `i` plus `j` from `start`.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) start: *mut f32,
    pub(super) row: usize,
}

/// What is done to a product before it is written.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a> {
    /// Added to every element of a row: one for every row.
    pub(super) bias: &'a [f32],
    /// Added to element `(i, j)`: element `i * row + j`.
    pub(super) residual: Option<Left<'a>>,
    /// The least and the largest result.
    pub(super) clamp: (f32, f32),
}

/// A strip, and the one that is needed after it.
#[derive(Clone, Copy)]
struct Strip<'a> {
    start: *const f32,
    rows: Rows<'a>,
    next: Option<*const f32>,
}

/// Where the parts of a [`Finish`] for one block lie.
#[derive(Clone, Copy)]
struct Last {
    bias: *const f32,
    residual: Option<(*const f32, usize)>,
    clamp: (f32, f32),
}

/// Writes the product of `left` (`[m, depth]`) and `right` (`[depth, n]`) to
/// `target`, or adds it to what is there.
///
/// # Safety
/// Rows `0..m` and columns `0..n` of `target` may be written, and nothing else
/// uses them meanwhile; if `add`, they hold numbers.
///
/// # Panics
/// If a matrix reaches beyond its data.
pub(super) unsafe fn multiply(
    level: Level,
    size: (usize, usize, usize),
    left: Left<'_>,
    right: Strips<'_>,
    target: Target,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe { multiply_and_finish(level, size, left, right, target, add, None) }
}

/// [`multiply`], and [`Finish`] while the results are still in registers.
///
/// # Safety
/// As [`multiply`].
///
/// # Panics
/// If a matrix reaches beyond its data.
pub(super) unsafe fn multiply_and_finish(
    level: Level,
    (m, depth, n): (usize, usize, usize),
    left: Left<'_>,
    right: Strips<'_>,
    target: Target,
    add: bool,
    finish: Option<Finish<'_>>,
) {
    if m == 0 || n == 0 {
        return;
    }
    if depth > 0 {
        let width = strip_width(level);
        let before = n.div_ceil(width) - 1;
        let used = if n - before * width > lanes(level) {
            width
        } else {
            lanes(level)
        };
        assert!(before * right.strip + right.rows.furthest(depth) + used <= right.data.len());
        assert!(
            before == 0
                || (before - 1) * right.strip + right.rows.furthest(depth) + width <= right.data.len()
        );
        assert!((m - 1) * left.row + depth <= left.data.len());
    }
    let last = finish.map(
        |Finish {
             bias,
             residual,
             clamp,
         }| {
            assert!(bias.len() >= m);
            assert!(residual.is_none_or(|residual| (m - 1) * residual.row + n <= residual.data.len()));
            Last {
                bias: bias.as_ptr(),
                residual: residual.map(|residual| (residual.data.as_ptr(), residual.row)),
                clamp,
            }
        },
    );
    let size = (m, depth, n);
    // SAFETY: the rows of both matrices lie inside their data, as just checked; the target is the
    // caller's promise; and a `Level` is only made for instructions the processor has.
    unsafe {
        match level.0 {
            Kind::Portable => portable(size, left, right, target, add, last),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => x86::avx2(size, left, right, target, add, last),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => x86::avx512(size, left, right, target, add, last),
        }
    }
}

/// # Safety
/// As [`multiply`], with the matrices inside their data and `V` known to the processor.
#[inline(always)]
unsafe fn strips<V: Vector, const ROWS: usize>(
    (m, depth, n): (usize, usize, usize),
    left: Left<'_>,
    right: Strips<'_>,
    target: Target,
    add: bool,
    last: Option<Last>,
) {
    let width = V::LANES * VECTORS;
    for (strip, first) in (0..n).step_by(width).enumerate() {
        let columns = width.min(n - first);
        // SAFETY: the caller's promises, for part of the columns.
        unsafe {
            let start = right.data.as_ptr().add(strip * right.strip);
            let b = Strip {
                start,
                rows: right.rows,
                next: (first + width < n).then(|| start.wrapping_add(right.strip)),
            };
            let to = Target {
                start: target.start.add(first),
                row: target.row,
            };
            let last = last.map(|last| Last {
                residual: last.residual.map(|(start, row)| (start.add(first), row)),
                ..last
            });
            if columns > V::LANES {
                strip_of::<V, ROWS, VECTORS>((m, depth, columns), left, b, to, add, last);
            } else {
                strip_of::<V, ROWS, 1>((m, depth, columns), left, b, to, add, last);
            }
        }
    }
}

/// All rows of one strip of at most `N` vectors.
///
/// # Safety
/// As [`strips`].
#[inline(always)]
unsafe fn strip_of<V: Vector, const ROWS: usize, const N: usize>(
    (m, depth, columns): (usize, usize, usize),
    left: Left<'_>,
    b: Strip<'_>,
    target: Target,
    add: bool,
    last: Option<Last>,
) {
    // The next strip may come from far away: every block of rows asks for a part of it.
    let share = depth.div_ceil(m.div_ceil(ROWS));
    let mut row = 0;
    while row < m {
        // SAFETY: the caller's promises, for part of the rows.
        unsafe {
            let a = left.data.as_ptr().add(row * left.row);
            let to = Target {
                start: target.start.add(row * target.row),
                row: target.row,
            };
            let size = (depth, columns);
            if let Some(next) = b.next {
                let asked = row / ROWS * share;
                for k in asked..(asked + share).min(depth) {
                    let from = next.wrapping_add(b.rows.place(k));
                    for v in (0..V::LANES * VECTORS).step_by(LINE) {
                        V::prefetch(from.wrapping_add(v));
                    }
                }
            }
            let last = last.map(|last| Last {
                bias: last.bias.add(row),
                residual: last.residual.map(|(start, step)| (start.add(row * step), step)),
                ..last
            });
            row += match m - row {
                rest if rest >= ROWS => block::<V, ROWS, N>(size, a, left.row, b, to, add, last),
                8.. => block::<V, 8, N>(size, a, left.row, b, to, add, last),
                4..8 => block::<V, 4, N>(size, a, left.row, b, to, add, last),
                2..4 => block::<V, 2, N>(size, a, left.row, b, to, add, last),
                _ => block::<V, 1, N>(size, a, left.row, b, to, add, last),
            };
        }
    }
}

/// `R` rows of one strip, kept in registers; returns `R`.
///
/// # Safety
/// As [`strips`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn block<V: Vector, const R: usize, const N: usize>(
    (depth, columns): (usize, usize),
    a: *const f32,
    a_row: usize,
    b: Strip<'_>,
    target: Target,
    add: bool,
    finish: Option<Last>,
) -> usize {
    // Of the last vector only these columns are the target's.
    let last = columns - (N - 1) * V::LANES;
    // SAFETY: the caller's promises.
    unsafe {
        let at = |r: usize, v: usize| target.start.add(r * target.row + v * V::LANES);
        let mut sums = [[V::splat(0.0); N]; R];
        if add {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = match v + 1 == N && last < V::LANES {
                        true => V::load_first(at(r, v), last),
                        false => V::load(at(r, v)),
                    };
                }
            }
        }
        match b.rows {
            Rows::Every(step) => {
                for k in 0..depth {
                    let row = b.start.add(k * step);
                    for v in (0..N * V::LANES).step_by(LINE) {
                        V::prefetch_near(row.wrapping_add(AHEAD * step + v));
                    }
                    sums = accumulate::<V, R, N>(sums, a.add(k), a_row, row);
                }
            }
            Rows::At(table) => {
                for (k, &at) in table[..depth].iter().enumerate() {
                    sums = accumulate::<V, R, N>(sums, a.add(k), a_row, b.start.add(at));
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                match v + 1 == N && last < V::LANES {
                    true => sum.store_first(at(r, v), last),
                    false => sum.store(at(r, v)),
                }
            }
        }
        // Afterwards, in memory: done to the registers, it would make the compiler keep them there all along.
        if let Some(finish) = finish {
            for r in 0..R {
                for v in 0..N {
                    let columns = if v + 1 == N { last } else { V::LANES };
                    finish_vector::<V>(finish, r, v * V::LANES, at(r, v), columns);
                }
            }
        }
    }
    R
}

/// Finishes `columns` elements of row `r` of a block, from column `first` on, which lie at `to`.
///
/// # Safety
/// As [`strips`].
#[inline(always)]
unsafe fn finish_vector<V: Vector>(finish: Last, r: usize, first: usize, to: *mut f32, columns: usize) {
    let Last {
        bias,
        residual,
        clamp: (least, largest),
    } = finish;
    // SAFETY: the caller's promises.
    unsafe {
        let part = |from: *const f32| match columns == V::LANES {
            true => V::load(from),
            false => V::load_first(from, columns),
        };
        let mut sum = part(to).add(V::splat(*bias.add(r)));
        if let Some((start, row)) = residual {
            sum = sum.add(part(start.add(r * row + first)));
        }
        let sum = sum.at_least(least).at_most(largest);
        match columns == V::LANES {
            true => sum.store(to),
            false => sum.store_first(to, columns),
        }
    }
}

/// One step in depth.
///
/// # Safety
/// As [`strips`].
#[inline(always)]
unsafe fn accumulate<V: Vector, const R: usize, const N: usize>(
    mut sums: [[V; N]; R],
    a: *const f32,
    a_row: usize,
    b: *const f32,
) -> [[V; N]; R] {
    // SAFETY: the caller's promises.
    unsafe {
        let b: [V; N] = std::array::from_fn(|v| V::load(b.add(v * V::LANES)));
        for (r, sums) in sums.iter_mut().enumerate() {
            let a = V::splat(*a.add(r * a_row));
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add(b, *sum);
            }
        }
    }
    sums
}

/// # Safety
/// As [`multiply`], with the matrices inside their data.
unsafe fn portable(
    size: (usize, usize, usize),
    left: Left<'_>,
    right: Strips<'_>,
    target: Target,
    add: bool,
    last: Option<Last>,
) {
    // SAFETY: the caller's promises; every processor has this vector.
    unsafe { strips::<Lanes, 6>(size, left, right, target, add, last) }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256, __m512};

    use super::{Last, Left, Strips, Target, strips};

    /// # Safety
    /// As [`super::multiply`], with the matrices inside their data, on a processor with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(
        size: (usize, usize, usize),
        left: Left<'_>,
        right: Strips<'_>,
        target: Target,
        add: bool,
        last: Option<Last>,
    ) {
        // SAFETY: the caller's promises.
        unsafe { strips::<__m256, 6>(size, left, right, target, add, last) }
    }

    /// # Safety
    /// As [`super::multiply`], with the matrices inside their data, on a processor with AVX-512.
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
    pub(super) unsafe fn avx512(
        size: (usize, usize, usize),
        left: Left<'_>,
        right: Strips<'_>,
        target: Target,
        add: bool,
        last: Option<Last>,
    ) {
        // SAFETY: the caller's promises.
        unsafe { strips::<__m512, 12>(size, left, right, target, add, last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u32, count: usize) -> Vec<f32> {
        (0..count as u32)
            .map(|i| {
                ((i.wrapping_add(seed)).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn products_agree_with_plain_loops_on_every_instruction_set() {
        for level in Level::available() {
            let width = strip_width(level);
            for (m, depth, n) in [
                (1, 1, 1),
                (3, 5, 7),
                (12, 17, 32),
                (13, 4, 33),
                (31, 9, 64),
                (7, 0, 3),
                (23, 40, 95),
            ] {
                let a = numbers(1, m * (depth + 3));
                let b = numbers(2, depth * n);
                let before = numbers(3, m * (n + 5));
                let strips = n.div_ceil(width);
                // Rows of a strip in another order than they are used in.
                let mut packed = vec![f32::NAN; strips * depth * width];
                let table: Vec<usize> = (0..depth).map(|k| (depth - 1 - k) * width).collect();
                for (strip, k, j) in (0..strips)
                    .flat_map(|s| (0..depth).flat_map(move |k| (0..width).map(move |j| (s, k, j))))
                    .filter(|(s, _, j)| s * width + j < n)
                {
                    packed[strip * depth * width + table[k] + j] = b[k * n + strip * width + j];
                }
                let reversed: Vec<f32> = packed
                    .chunks(depth.max(1) * width)
                    .flat_map(|s| s.chunks(width).rev().flatten().copied().collect::<Vec<_>>())
                    .collect();
                for (rows, data, add) in [
                    (Rows::At(&table), &packed, false),
                    (Rows::At(&table), &packed, true),
                    (Rows::Every(width), &reversed, false),
                    (Rows::Every(width), &reversed, true),
                ] {
                    let mut out = before.clone();
                    let left = Left {
                        data: &a,
                        row: depth + 3,
                    };
                    let right = Strips {
                        data,
                        strip: depth * width,
                        rows,
                    };
                    let target = Target {
                        start: out.as_mut_ptr(),
                        row: n + 5,
                    };
                    // SAFETY: `out` is this function's own and has `m` rows of `n + 5`.
                    unsafe { multiply(level, (m, depth, n), left, right, target, add) };
                    for (i, j) in (0..m).flat_map(|i| (0..n + 5).map(move |j| (i, j))) {
                        let old = before[i * (n + 5) + j];
                        let want = if j >= n {
                            f64::from(old)
                        } else {
                            let sum: f64 = (0..depth)
                                .map(|k| f64::from(a[i * (depth + 3) + k]) * f64::from(b[k * n + j]))
                                .sum();
                            sum + if add { f64::from(old) } else { 0.0 }
                        };
                        let got = f64::from(out[i * (n + 5) + j]);
                        assert!(
                            (got - want).abs() < 1e-5,
                            "{level:?} {m} {depth} {n} ({i}, {j}): {got}, not {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn a_matrix_shorter_than_it_should_be_is_refused() {
        let level = Level::detected();
        let short = strip_width(level) + lanes(level) - 1;
        let (a, b, mut out) = ([0f32; 4], vec![0f32; short], [0f32; 4]);
        let right = Strips {
            data: &b,
            strip: 0,
            rows: Rows::Every(strip_width(level)),
        };
        let target = Target {
            start: out.as_mut_ptr(),
            row: 2,
        };
        // SAFETY: `out` is this function's own and has 2 rows of 2.
        unsafe { multiply(level, (2, 2, 2), Left { data: &a, row: 2 }, right, target, false) };
    }
}
