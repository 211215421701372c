//! One-dimensional kernels.

use crate::{Error, Result};

/// Largest kernel of the derivative filters: past it the weights leave the whole numbers of an f64.
const MAX_SOBEL: usize = 31;

/// The sampled Gaussian `exp(-x^2 / (2 sigma^2))` over `size` places, sum 1.
///
/// # Errors
/// [`Error::Invalid`] unless `size` is odd and `sigma` positive.
pub(crate) fn gaussian(size: usize, sigma: f64) -> Result<Vec<f64>> {
    check_odd("Gaussian", size)?;
    if !(sigma > 0.0 && sigma.is_finite()) {
        return Err(Error::invalid(format!(
            "the Gaussian's sigma is {sigma}; it must be positive"
        )));
    }
    let center = (size / 2) as f64;
    let values: Vec<f64> = (0..size)
        .map(|i| (-(i as f64 - center).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let total: f64 = values.iter().sum();
    Ok(values.iter().map(|value| value / total).collect())
}

/// The two kernels of a Sobel filter of `size`: the derivative, and the
/// binomial that smooths across it. Size 1 is the plain difference of the
/// neighbours without smoothing.
///
/// # Errors
/// [`Error::Invalid`] unless `size` is odd and at most 31.
pub(crate) fn sobel(size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    check_odd("Sobel", size)?;
    if size > MAX_SOBEL {
        return Err(Error::invalid(format!(
            "the Sobel kernel is {size} wide; the largest is {MAX_SOBEL}"
        )));
    }
    if size == 1 {
        return Ok((vec![-1.0, 0.0, 1.0], vec![1.0]));
    }
    let derive = times(&binomial(size - 1), -1.0);
    Ok((derive.into_iter().map(|value| -value).collect(), binomial(size)))
}

/// A row of Pascal's triangle, `size` numbers, at least one.
pub(crate) fn binomial(size: usize) -> Vec<f64> {
    (1..size).fold(vec![1.0], |row, _| times(&row, 1.0))
}

/// The polynomial `row` times (1 + `second` x).
fn times(row: &[f64], second: f64) -> Vec<f64> {
    (0..=row.len())
        .map(|i| {
            let own = row.get(i).copied().unwrap_or(0.0);
            let before = if i == 0 { 0.0 } else { row[i - 1] };
            own + second * before
        })
        .collect()
}

fn check_odd(name: &str, size: usize) -> Result<()> {
    if size % 2 == 1 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the {name} kernel is {size} wide; it must be an odd number from 1 up"
    )))
}
