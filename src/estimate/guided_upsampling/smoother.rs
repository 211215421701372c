//! The fast global smoother: weighted least squares, one line at a time.

use ndarray::{Array2, Array3, Zip};
use rayon::prelude::*;

/// Sweeps over rows and columns; Min et al. find three enough.
const SWEEPS: i32 = 3;

/// A value times its trust, and the trust: both are smoothed alike, and their
/// quotient is the trusted mean.
type Weighted = [f32; 2];

/// Spreads `plane` over the surfaces of `guide`: approximately the plane `u`
/// for which the sum of `trust (u - plane)^2` over all pixels and of
/// `spread w (u - u')^2` over all pairs of neighbours is smallest, where `w`
/// is `exp(-distance of their colours / color_scale)`.
///
/// Each value of the result is a mean of values of `plane`.
pub(super) fn smooth(
    plane: &Array2<f32>,
    trust: &Array2<f32>,
    guide: &Array3<f32>,
    spread: f32,
    color_scale: f32,
) -> Array2<f32> {
    let (rows, columns) = plane.dim();
    let link = |a: [usize; 2], b: [usize; 2]| {
        let squares =
            (0..3).map(|channel| (guide[[a[0], a[1], channel]] - guide[[b[0], b[1], channel]]).powi(2));
        (-squares.sum::<f32>().sqrt() / color_scale).exp()
    };
    let across = Array2::from_shape_fn((rows, columns), |(y, x)| match x + 1 < columns {
        true => link([y, x], [y, x + 1]),
        false => 0.0,
    });
    let down = Array2::from_shape_fn((columns, rows), |(x, y)| match y + 1 < rows {
        true => link([y, x], [y + 1, x]),
        false => 0.0,
    });

    let mut upright = Zip::from(plane)
        .and(trust)
        .map_collect(|&value, &trust| [trust * value, trust]);
    let mut turned = Array2::from_elem((columns, rows), [0.0; 2]);
    for sweep in 0..SWEEPS {
        let share = 1.5 * 4f32.powi(SWEEPS - 1 - sweep) / (4f32.powi(SWEEPS) - 1.0);
        solve_rows(&mut upright, &across, share * spread);
        turned.assign(&upright.t());
        solve_rows(&mut turned, &down, share * spread);
        upright.assign(&turned.t());
    }
    upright.map(|[sum, trust]| sum / trust)
}

fn solve_rows(lines: &mut Array2<Weighted>, links: &Array2<f32>, spread: f32) {
    let columns = lines.ncols();
    if let (Some(lines), Some(links)) = (lines.as_slice_mut(), links.as_slice()) {
        lines
            .par_chunks_exact_mut(columns)
            .zip(links.par_chunks_exact(columns))
            .for_each_init(
                || vec![0.0; columns],
                |scratch, (line, links)| solve(line, links, spread, scratch),
            );
    }
}

/// Solves `(1 + spread L) u = line` in place, `L` the Laplacian of a chain in
/// which `links[i]` connects `i` and `i + 1`: Thomas' algorithm. No term is
/// negative, so neither rounding nor cancellation can leave the input's range.
fn solve(line: &mut [Weighted], links: &[f32], spread: f32, carry: &mut [f32]) {
    let mut before = ([0.0; 2], 0.0, 0.0);
    for ((value, &link), carry) in line.iter_mut().zip(links).zip(carry.iter_mut()) {
        let (previous, left, previous_carry) = before;
        let right = spread * link;
        let scale = 1.0 / (1.0 + right + left * (1.0 - previous_carry));
        for (value, previous) in value.iter_mut().zip(previous) {
            *value = (*value + left * previous) * scale;
        }
        *carry = right * scale;
        before = (*value, right, *carry);
    }
    let mut after = [0.0; 2];
    for (value, carry) in line.iter_mut().zip(carry.iter()).rev() {
        for (value, after) in value.iter_mut().zip(after) {
            *value += carry * after;
        }
        after = *value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplies by `1 + spread L`, in double precision.
    fn apply(values: &[f64], links: &[f32], spread: f64) -> Vec<f64> {
        let flow = |i: usize, j: usize, link: f32| spread * f64::from(link) * (values[i] - values[j]);
        (0..values.len())
            .map(|i| {
                let left = if i > 0 { flow(i, i - 1, links[i - 1]) } else { 0.0 };
                let right = if i + 1 < values.len() {
                    flow(i, i + 1, links[i])
                } else {
                    0.0
                };
                values[i] + left + right
            })
            .collect()
    }

    #[test]
    fn a_line_solves_its_equations() {
        for length in [1, 2, 3, 50] {
            let line: Vec<Weighted> = (0..length)
                .map(|i| [(i as f32 * 1.7).sin() + 1.5, 1.0 / (i + 1) as f32])
                .collect();
            let mut links: Vec<f32> = (0..length).map(|i| ((i * i) as f32 * 0.9).sin().abs()).collect();
            links[length - 1] = 0.0;
            let mut solved = line.clone();
            solve(&mut solved, &links, 300.0, &mut vec![0.0; length]);
            for part in 0..2 {
                let values: Vec<f64> = solved.iter().map(|pair| f64::from(pair[part])).collect();
                for (got, given) in apply(&values, &links, 300.0).iter().zip(&line) {
                    assert!(
                        (got - f64::from(given[part])).abs() < 2e-3,
                        "{length}: {got} {}",
                        given[part]
                    );
                }
            }
        }
    }

    #[test]
    fn values_spread_up_to_an_edge_and_not_beyond() {
        // Dark on the left, bright on the right; the plane steps two columns further left.
        let guide = Array3::from_shape_fn((8, 12, 3), |(_, x, _)| if x < 6 { 0.1 } else { 0.9 });
        let plane = Array2::from_shape_fn((8, 12), |(_, x)| if x < 4 { 0.0 } else { 1.0 });
        let mut trust = Array2::from_elem((8, 12), 1.0);
        trust.slice_mut(ndarray::s![.., 4..6]).fill(1e-3);
        let smooth = smooth(&plane, &trust, &guide, 500.0, 0.02);
        for ((_, x), value) in smooth.indexed_iter() {
            let expected = if x < 6 { 0.0 } else { 1.0 };
            assert!((value - expected).abs() < 0.02, "{x}: {value}");
        }
    }
}
