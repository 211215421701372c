//! Doing something to every pixel.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::size::{Raster, array, checked_len};
use crate::Result;
use crate::simd;

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
/// `start` changes nothing where it is joined. The parts are the same whatever
/// the number of threads. Single numbers are folded in vectors; so folding for
/// several numbers is faster in several calls.
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
        .map(|values| {
            simd::run(Fold {
                values,
                start,
                step,
                join: &join,
            })
        })
        .reduce(|| start, &join)
}

/// Parts of a chunk that are folded side by side, as no value has to wait for the one before it then.
const LANES: usize = 16;

struct Fold<'a, T, S, F, J> {
    values: &'a [T],
    start: S,
    step: F,
    join: J,
}

impl<T: Copy, S: Copy, F: Fn(S, T) -> S, J: Fn(S, S) -> S> simd::Kernel for Fold<'_, T, S, F, J> {
    type Output = S;

    #[inline(always)]
    fn run(self) -> S {
        let (whole, rest) = self.values.as_chunks::<LANES>();
        let mut lanes = [self.start; LANES];
        for values in whole {
            for (lane, &value) in lanes.iter_mut().zip(values) {
                *lane = (self.step)(*lane, value);
            }
        }
        let last = rest
            .iter()
            .fold(self.start, |state, &value| (self.step)(state, value));
        lanes
            .into_iter()
            .fold(last, |state, lane| (self.join)(state, lane))
    }
}
