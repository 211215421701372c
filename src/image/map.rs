//! Doing something to every pixel.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::simd;
use super::size::{Raster, array, checked_len};
use crate::Result;

/// Pixels a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// A plane of `of(value)` for every value.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if there are no pixels.
pub(crate) fn map<T, U, F>(values: ArrayView2<'_, T>, of: F) -> Result<Array2<U>>
where
    T: Copy + Send + Sync,
    U: Copy + Default + Send,
    F: Fn(T) -> U + Copy + Sync,
{
    let shape = values.raw_dim();
    let length = checked_len(shape.picture_size(), 1)?;
    let values = values.as_standard_layout();
    let values = values.as_slice().unwrap_or(&[]);
    let mut output = vec![U::default(); length];
    output
        .par_chunks_mut(CHUNK)
        .zip(values.par_chunks(CHUNK))
        .for_each(|(output, values)| simd::run(Map { output, values, of }));
    array(shape, output)
}

struct Map<'a, T, U, F> {
    output: &'a mut [U],
    values: &'a [T],
    of: F,
}

impl<T: Copy, U, F: Fn(T) -> U> simd::Kernel for Map<'_, T, U, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (output, &value) in self.output.iter_mut().zip(self.values) {
            *output = (self.of)(value);
        }
    }
}

/// All values taken together: `step` for each, `join` for the results of parts.
///
/// The parts are the same whatever the number of threads.
pub(crate) fn fold<T, S>(
    values: ArrayView2<'_, T>,
    start: S,
    step: impl Fn(S, T) -> S + Copy + Sync,
    join: impl Fn(S, S) -> S + Send + Sync,
) -> S
where
    T: Copy + Send + Sync,
    S: Copy + Send + Sync,
{
    let values = values.as_standard_layout();
    values
        .as_slice()
        .unwrap_or(&[])
        .par_chunks(CHUNK)
        .map(|values| simd::run(Fold { values, start, step }))
        .reduce(|| start, join)
}

struct Fold<'a, T, S, F> {
    values: &'a [T],
    start: S,
    step: F,
}

impl<T: Copy, S, F: Fn(S, T) -> S> simd::Kernel for Fold<'_, T, S, F> {
    type Output = S;

    #[inline(always)]
    fn run(self) -> S {
        self.values
            .iter()
            .fold(self.start, |state, &value| (self.step)(state, value))
    }
}
