//! The one separable resampling loop behind every convention: a line across,
//! then a weighted sum of lines, streamed so that only a window of resized
//! lines is held at a time.

use std::ops::AddAssign;

use ndarray::{Array, ArrayView};
use rayon::prelude::*;

use super::taps::Taps;
use crate::Result;
use crate::image::simd;
use crate::image::size::{Raster, Size, array, checked_len};

/// Fewest output rows a thread takes at a time.
const MIN_BAND: usize = 16;
/// Columns summed together in the vertical pass, so that the sums stay in registers and L1.
const STRIP: usize = 64;

/// How sums are formed and rounded: what sets the conventions apart besides their weights.
pub(super) trait Arithmetic: Sync {
    /// A pixel value.
    type Sample: Copy + Default + Send + Sync;
    /// A weight.
    type Weight: Copy + Default + AddAssign + Send + Sync;
    /// A value between the horizontal and the vertical pass.
    type Mid: Copy + Default + Send;
    /// A running sum.
    type Sum: Copy;

    fn zero_across(&self) -> Self::Sum;
    fn add_across(&self, sum: Self::Sum, weight: Self::Weight, sample: Self::Sample) -> Self::Sum;
    fn finish_across(&self, sum: Self::Sum) -> Self::Mid;

    fn zero_down(&self) -> Self::Sum;
    fn add_down(&self, sum: Self::Sum, weight: Self::Weight, mid: Self::Mid) -> Self::Sum;
    fn finish_down(&self, sum: Self::Sum) -> Self::Sample;
}

/// Resizes `input` with the windows that `taps(inputs, outputs)` gives for a line.
///
/// Every output row is computed the same way whichever band it falls into, so
/// the result does not depend on the number of threads.
pub(super) fn separable<A: Arithmetic, D: Raster>(
    arithmetic: &A,
    input: ArrayView<'_, A::Sample, D>,
    size: Size,
    taps: impl Fn(usize, usize) -> Taps<A::Weight>,
) -> Result<Array<A::Sample, D>> {
    let shape = input.raw_dim();
    let (source_size, channels) = (shape.picture_size(), shape.channels());
    checked_len(source_size, channels)?;
    let length = checked_len(size, channels)?;
    let columns = &taps(source_size.width, size.width).folded();
    let rows = &taps(source_size.height, size.height);

    let source_line = source_size.width * channels;
    let line = size.width * channels;
    let input = input.as_standard_layout();
    let source = input.as_slice().unwrap_or(&[]);
    let mut output = vec![A::Sample::default(); length];

    // A band starts by resizing a whole window of lines anew, so it must be several windows tall.
    let band = (4 * rows.longest() * size.height / source_size.height).max(MIN_BAND);
    output
        .par_chunks_mut(line * band)
        .enumerate()
        .for_each(|(index, lines)| {
            simd::run(Band {
                arithmetic,
                source,
                source_line,
                channels,
                columns,
                rows,
                first: index * band,
                output: lines,
            });
        });
    array(shape.resized(size), output)
}

/// Some neighbouring output rows.
struct Band<'a, A: Arithmetic> {
    arithmetic: &'a A,
    source: &'a [A::Sample],
    source_line: usize,
    channels: usize,
    columns: &'a Taps<A::Weight>,
    rows: &'a Taps<A::Weight>,
    first: usize,
    output: &'a mut [A::Sample],
}

impl<A: Arithmetic> simd::Kernel for Band<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let line = self.columns.outputs() * self.channels;
        // A ring of resized lines: a window is at most `longest` neighbouring
        // source lines, which therefore never share a slot.
        let slots = self.rows.longest();
        let mut ring = vec![A::Mid::default(); slots * line];
        let mut held = vec![usize::MAX; slots];
        for (row, output) in self.output.chunks_exact_mut(line).enumerate() {
            let window = || self.rows.window(self.first + row);
            for (y, _) in window() {
                let slot = y % slots;
                if held[slot] != y {
                    held[slot] = y;
                    let source = &self.source[y * self.source_line..][..self.source_line];
                    let resized = &mut ring[slot * line..][..line];
                    match self.channels {
                        1 => across::<A, 1>(self.arithmetic, source, self.columns, resized),
                        2 => across::<A, 2>(self.arithmetic, source, self.columns, resized),
                        3 => across::<A, 3>(self.arithmetic, source, self.columns, resized),
                        4 => across::<A, 4>(self.arithmetic, source, self.columns, resized),
                        channels => across_any(self.arithmetic, source, channels, self.columns, resized),
                    }
                }
            }
            down(self.arithmetic, &ring, window, output);
        }
    }
}

/// Resizes one line of `C`-channel pixels.
#[inline(always)]
fn across<A: Arithmetic, const C: usize>(
    arithmetic: &A,
    source: &[A::Sample],
    columns: &Taps<A::Weight>,
    resized: &mut [A::Mid],
) {
    let (pixels, _) = source.as_chunks::<C>();
    let (outputs, _) = resized.as_chunks_mut::<C>();
    for ((start, weights), output) in columns.windows().zip(outputs) {
        let mut sums = [arithmetic.zero_across(); C];
        for (&weight, pixel) in weights.iter().zip(&pixels[start..]) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum = arithmetic.add_across(*sum, weight, sample);
            }
        }
        for (output, &sum) in output.iter_mut().zip(&sums) {
            *output = arithmetic.finish_across(sum);
        }
    }
}

/// Resizes one line of pixels with however many channels.
#[inline(always)]
fn across_any<A: Arithmetic>(
    arithmetic: &A,
    source: &[A::Sample],
    channels: usize,
    columns: &Taps<A::Weight>,
    resized: &mut [A::Mid],
) {
    for ((start, weights), output) in columns.windows().zip(resized.chunks_exact_mut(channels)) {
        for (channel, output) in output.iter_mut().enumerate() {
            let samples = source[start * channels + channel..].iter().step_by(channels);
            let sum = weights
                .iter()
                .zip(samples)
                .fold(arithmetic.zero_across(), |sum, (&weight, &sample)| {
                    arithmetic.add_across(sum, weight, sample)
                });
            *output = arithmetic.finish_across(sum);
        }
    }
}

/// The weighted sum of the lines of a window.
#[inline(always)]
fn down<A: Arithmetic, I: Iterator<Item = (usize, A::Weight)>>(
    arithmetic: &A,
    ring: &[A::Mid],
    window: impl Fn() -> I,
    output: &mut [A::Sample],
) {
    let line = output.len();
    let slots = ring.len() / line;
    for (strip, output) in output.chunks_mut(STRIP).enumerate() {
        let mut sums = [arithmetic.zero_down(); STRIP];
        for (y, weight) in window() {
            let mids = &ring[(y % slots) * line + strip * STRIP..][..output.len()];
            for (sum, &mid) in sums.iter_mut().zip(mids) {
                *sum = arithmetic.add_down(*sum, weight, mid);
            }
        }
        for (output, &sum) in output.iter_mut().zip(&sums) {
            *output = arithmetic.finish_down(sum);
        }
    }
}
