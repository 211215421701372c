//! GEMM: matrix products C = A B on one thread, the inner loop of every
//! convolution, linear layer and attention.
//!
//! The micro-kernel keeps a tile of C, a few rows by one panel, in registers
//! for the whole depth. How many rows and columns fit is a matter of the
//! instruction set. A is read as it lies, with a leading dimension; B in packed
//! or implicit panels of columns: see [`Panels`]. An [`Epilogue`] is applied to a
//! tile of C while it is still in the first-level cache.

use super::buffer::Tile;
use crate::simd::{Isa, Level, Vector, per_isa};

/// Columns of a panel.
pub(super) const fn panel_width(level: Level) -> usize {
    level.lanes() * VECTORS
}

/// Vectors of a panel's row.
const VECTORS: usize = 2;
/// Rows of a panel that are asked for ahead of their use.
const AHEAD: usize = 16;
/// Numbers in a cache line.
const LINE: usize = 16;

/// The leading dimension for rows of `depth` elements of A: an odd number of cache lines. Were it a power of
/// two, as depths often are, the rows that are computed together would all fall on the same few lines of the
/// caches.
pub(super) fn leading_dimension(depth: usize) -> usize {
    (depth.div_ceil(LINE) | 1) * LINE
}

/// A matrix as it lies: element `(i, j)` is `data[i * ld + j]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) data: &'a [f32],
    /// The leading dimension: elements from one row to the next.
    pub(super) ld: usize,
}

impl Matrix<'_> {
    /// Whether `rows` x `columns` elements lie inside the data.
    fn reaches(&self, rows: usize, columns: usize) -> bool {
        Tile::reach((rows, columns), self.ld) <= self.data.len()
    }
}

/// B in panels of [`panel_width`] columns: row `k` of panel `p` is the [`panel_width`] elements of `data`
/// from `p * panel` plus the place `rows` says. Columns beyond the matrix may hold anything. A last panel of
/// at most [`lanes`](Level::lanes) columns need not have more than so many elements in a row.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub(super) data: &'a [f32],
    /// Elements from one panel to the next.
    pub(super) panel: usize,
    pub(super) rows: Rows<'a>,
}

/// Where the rows of a panel begin.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    /// Row `k` at `k` times this leading dimension.
    Every(usize),
    /// Row `k` at element `k` of this table (an indirection buffer).
    At(&'a [usize]),
}

impl Rows<'_> {
    #[inline(always)]
    fn place(&self, k: usize) -> usize {
        match self {
            Self::Every(ld) => k * ld,
            Self::At(table) => table[k],
        }
    }

    /// The place of the row that lies furthest behind, of `depth`.
    fn furthest(&self, depth: usize) -> usize {
        match self {
            Self::Every(ld) => (depth - 1).saturating_mul(*ld),
            Self::At(table) => table[..depth].iter().copied().max().unwrap_or(0),
        }
    }
}

/// What is done to C before it is left.
#[derive(Clone, Copy)]
pub(super) struct Epilogue<'a> {
    /// Added to every element of a row: one for every row.
    pub(super) bias: &'a [f32],
    /// Added to C.
    pub(super) residual: Option<Matrix<'a>>,
    /// The least and the largest result.
    pub(super) clamp: (f32, f32),
}

/// Writes A (`[m, depth]`) times B (`[depth, n]`) to C (`[m, n]`), or adds it to what is there if `accumulate`.
///
/// # Panics
/// If a matrix reaches beyond its data, or C is accumulated before it was written.
pub(super) fn gemm(
    level: Level,
    depth: usize,
    a: Matrix<'_>,
    b: Panels<'_>,
    c: &mut Tile<'_>,
    accumulate: bool,
) {
    assert!(!accumulate || c.is_written());
    Product::new(level, depth, a, b, None, c.size()).compute(level, c, accumulate);
}

/// [`gemm`] and an [`Epilogue`].
///
/// # Panics
/// If a matrix or the bias reaches beyond its data.
pub(super) fn gemm_with_epilogue(
    level: Level,
    depth: usize,
    a: Matrix<'_>,
    b: Panels<'_>,
    c: &mut Tile<'_>,
    epilogue: Option<Epilogue<'_>>,
) {
    Product::new(level, depth, a, b, epilogue, c.size()).compute(level, c, false);
}

/// The operands of a product. Once made, all its rows and columns lie inside their data.
#[derive(Clone, Copy)]
struct Product<'a> {
    m: usize,
    depth: usize,
    n: usize,
    a: Matrix<'a>,
    b: Panels<'a>,
    epilogue: Option<Epilogue<'a>>,
}

impl<'a> Product<'a> {
    fn new(
        level: Level,
        depth: usize,
        a: Matrix<'a>,
        b: Panels<'a>,
        epilogue: Option<Epilogue<'a>>,
        (m, n): (usize, usize),
    ) -> Self {
        if m > 0 && n > 0 {
            if depth > 0 {
                let width = panel_width(level);
                let before = n.div_ceil(width) - 1;
                let used = if n - before * width > level.lanes() {
                    width
                } else {
                    level.lanes()
                };
                let furthest = b.rows.furthest(depth);
                let end = |panel: usize| panel.saturating_mul(b.panel).saturating_add(furthest);
                assert!(end(before).saturating_add(used) <= b.data.len());
                assert!(before == 0 || end(before - 1).saturating_add(width) <= b.data.len());
                assert!(a.reaches(m, depth));
            }
            if let Some(epilogue) = epilogue {
                assert!(epilogue.bias.len() >= m);
                assert!(epilogue.residual.is_none_or(|residual| residual.reaches(m, n)));
            }
        }
        Self {
            m,
            depth,
            n,
            a,
            b,
            epilogue,
        }
    }

    /// On the instruction set the product was made for; `c` was written if `accumulate`.
    fn compute(&self, level: Level, c: &mut Tile<'_>, accumulate: bool) {
        if self.m > 0 {
            panels(level, self, c, accumulate);
        }
        // SAFETY: the panels write all columns of all rows.
        unsafe { c.set_written() };
    }
}

per_isa! {
    fn panels<I>(isa: I, product: &Product<'_>, c: &mut Tile<'_>, accumulate: bool) {
        let width = I::V::LANES * VECTORS;
        for (panel, column) in (0..product.n).step_by(width).enumerate() {
            let panel = Panel {
                // Without depth there is nothing to point at.
                b: product.b.data.get(panel * product.b.panel..).unwrap_or_default(),
                column,
                columns: width.min(product.n - column),
            };
            match (I::REGISTERS >= 32, panel.columns > I::V::LANES) {
                (true, true) => rows_of::<I, 12, VECTORS>(isa, product, panel, c, accumulate),
                (true, false) => rows_of::<I, 12, 1>(isa, product, panel, c, accumulate),
                (false, true) => rows_of::<I, 6, VECTORS>(isa, product, panel, c, accumulate),
                (false, false) => rows_of::<I, 6, 1>(isa, product, panel, c, accumulate),
            }
        }
    }
}

/// A panel of B, and the columns of C that it gives.
#[derive(Clone, Copy)]
struct Panel<'a> {
    b: &'a [f32],
    column: usize,
    columns: usize,
}

/// All rows of C in one panel of at most `N` vectors.
#[inline(always)]
fn rows_of<I: Isa, const ROWS: usize, const N: usize>(
    isa: I,
    product: &Product<'_>,
    panel: Panel<'_>,
    c: &mut Tile<'_>,
    accumulate: bool,
) {
    let Product { m, depth, n, b, .. } = *product;
    let width = I::V::LANES * VECTORS;
    // The next panel may come from far away: every block of rows asks for a part of it.
    let share = depth.div_ceil(m.div_ceil(ROWS));
    let has_next = panel.column + width < n;
    let mut row = 0;
    while row < m {
        if has_next {
            let next = panel.b.as_ptr().wrapping_add(b.panel);
            let asked = row / ROWS * share;
            for k in asked..(asked + share).min(depth) {
                let from = next.wrapping_add(b.rows.place(k));
                for v in (0..width).step_by(LINE) {
                    isa.prefetch_l2(from.wrapping_add(v));
                }
            }
        }
        row += match m - row {
            rest if rest >= ROWS => micro_kernel::<I, ROWS, N>(isa, product, row, panel, c, accumulate),
            8.. => micro_kernel::<I, 8, N>(isa, product, row, panel, c, accumulate),
            4..8 => micro_kernel::<I, 4, N>(isa, product, row, panel, c, accumulate),
            2..4 => micro_kernel::<I, 2, N>(isa, product, row, panel, c, accumulate),
            _ => micro_kernel::<I, 1, N>(isa, product, row, panel, c, accumulate),
        };
    }
}

/// The micro-kernel: `R` rows of C in one panel, kept in registers; returns `R`.
#[inline(always)]
fn micro_kernel<I: Isa, const R: usize, const N: usize>(
    isa: I,
    product: &Product<'_>,
    row: usize,
    panel: Panel<'_>,
    c: &mut Tile<'_>,
    accumulate: bool,
) -> usize {
    let lanes = I::V::LANES;
    let Product {
        depth,
        a: Matrix { data: a, ld },
        b,
        epilogue,
        ..
    } = *product;
    let a = a.get(row * ld..).unwrap_or_default();
    // Of the last vector only these columns are C's.
    let last = panel.columns - (N - 1) * lanes;
    let columns = |v: usize| if v + 1 == N { last } else { lanes };
    let column = |v: usize| panel.column + v * lanes;
    // SAFETY: the caller goes through C's rows and columns, and the matrices of a `Product` have as many
    // inside their data, `depth` deep; C was written if it is accumulated, and is once it is stored.
    unsafe {
        let mut sums = [[isa.splat(0.0); N]; R];
        if accumulate {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.load_partial(c.written_part(row + r, column(v), columns(v)));
                }
            }
        }
        match b.rows {
            Rows::Every(step) => {
                for k in 0..depth {
                    let b = panel.b.get_unchecked(k * step..);
                    for v in (0..N * lanes).step_by(LINE) {
                        isa.prefetch_l1(b.as_ptr().wrapping_add(AHEAD * step + v));
                    }
                    sums = rank_1_update(isa, sums, (a.get_unchecked(k..), ld), b);
                }
            }
            Rows::At(table) => {
                for (k, &at) in table[..depth].iter().enumerate() {
                    let b = panel.b.get_unchecked(at..);
                    sums = rank_1_update(isa, sums, (a.get_unchecked(k..), ld), b);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store_partial(c.part(row + r, column(v), columns(v)));
            }
        }
        // Afterwards, in memory: done to the registers, it would make the compiler keep them there all along.
        if let Some(Epilogue {
            bias,
            residual,
            clamp: (least, largest),
        }) = epilogue
        {
            for r in 0..R {
                for v in 0..N {
                    let sum = isa.load_partial(c.written_part(row + r, column(v), columns(v)));
                    let mut sum = sum.add(isa.splat(*bias.get_unchecked(row + r)));
                    if let Some(Matrix { data, ld }) = residual {
                        let first = (row + r) * ld + column(v);
                        sum = sum.add(isa.load_partial(data.get_unchecked(first..first + columns(v))));
                    }
                    sum.clamp(least, largest)
                        .store_partial(c.part(row + r, column(v), columns(v)));
                }
            }
        }
    }
    R
}

/// One step in depth: a column of A, its elements `ld` apart, times the first `N` vectors of a row of B.
///
/// # Safety
/// Both have as many elements.
#[inline(always)]
unsafe fn rank_1_update<I: Isa, const R: usize, const N: usize>(
    isa: I,
    mut sums: [[I::V; N]; R],
    (a, ld): (&[f32], usize),
    b: &[f32],
) -> [[I::V; N]; R] {
    // SAFETY: the caller's promise.
    let b = unsafe { b.get_unchecked(..N * I::V::LANES) };
    let b: [I::V; N] = std::array::from_fn(|v| isa.load(&b[v * I::V::LANES..]));
    for (r, sums) in sums.iter_mut().enumerate() {
        // SAFETY: as above.
        let a = isa.splat(unsafe { *a.get_unchecked(r * ld) });
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = a.mul_add(b, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::buffer::Shared;

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
            let width = panel_width(level);
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
                let panels = n.div_ceil(width);
                // Rows of a panel in another order than they are used in.
                let mut packed = vec![f32::NAN; panels * depth * width];
                let table: Vec<usize> = (0..depth).map(|k| (depth - 1 - k) * width).collect();
                for (panel, k, j) in (0..panels)
                    .flat_map(|s| (0..depth).flat_map(move |k| (0..width).map(move |j| (s, k, j))))
                    .filter(|(s, _, j)| s * width + j < n)
                {
                    packed[panel * depth * width + table[k] + j] = b[k * n + panel * width + j];
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
                    let left = Matrix {
                        data: &a,
                        ld: depth + 3,
                    };
                    let right = Panels {
                        data,
                        panel: depth * width,
                        rows,
                    };
                    gemm(
                        level,
                        depth,
                        left,
                        right,
                        &mut Tile::new(&mut out, (m, n), n + 5),
                        add,
                    );
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
        let short = panel_width(level) + level.lanes() - 1;
        let (a, b, mut out) = ([0f32; 4], vec![0f32; short], [0f32; 4]);
        let b = Panels {
            data: &b,
            panel: 0,
            rows: Rows::Every(panel_width(level)),
        };
        let a = Matrix { data: &a, ld: 2 };
        gemm(level, 2, a, b, &mut Tile::new(&mut out, (2, 2), 2), false);
    }

    #[test]
    #[should_panic(expected = "is_written")]
    fn what_was_not_written_is_not_accumulated() {
        let data = [0f32; 64];
        let (a, rows) = (Matrix { data: &data, ld: 1 }, Rows::Every(0));
        let b = Panels {
            data: &data,
            panel: 0,
            rows,
        };
        let mut out = [std::mem::MaybeUninit::uninit(); 4];
        // SAFETY: nothing else uses the elements.
        let mut c = unsafe { Shared::new(&mut out).tile(0, (2, 2), 2) };
        gemm(Level::detected(), 1, a, b, &mut c, true);
    }
}
