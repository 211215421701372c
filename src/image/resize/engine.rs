//! The one separable resampling loop behind every convention: a line across,
//! then a weighted sum of lines, streamed so that only a window of resized
//! lines is held at a time.

use std::ops::{AddAssign, Range};

use ndarray::{Array, ArrayView};
use rayon::prelude::*;

use super::taps::{Taps, Windows};
use crate::Result;
use crate::image::size::{Raster, Size, array, checked_len};
use crate::simd;

/// Fewest output rows a thread takes at a time.
const MIN_BAND: usize = 16;
/// Columns summed together in the vertical pass, so that the sums stay in registers.
const STRIP: usize = 32;

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
    separable_rows(arithmetic, input, size, 0..size.height, taps)
}

/// The same, but only some `rows` of the output.
pub(super) fn separable_rows<A: Arithmetic, D: Raster>(
    arithmetic: &A,
    input: ArrayView<'_, A::Sample, D>,
    size: Size,
    wanted: Range<usize>,
    taps: impl Fn(usize, usize) -> Taps<A::Weight>,
) -> Result<Array<A::Sample, D>> {
    let shape = input.raw_dim();
    let part = Size {
        height: wanted.len(),
        ..size
    };
    let (source_size, channels) = (shape.picture_size(), shape.channels());
    checked_len(source_size, channels)?;
    checked_len(size, channels)?;
    let length = checked_len(part, channels)?;
    let columns = &taps(source_size.width, size.width).folded();
    let rows = &taps(source_size.height, size.height);

    let source_line = source_size.width * channels;
    let line = size.width * channels;
    let input = input.as_standard_layout();
    let source = input.as_slice().unwrap_or(&[]);
    let mut output = vec![A::Sample::default(); length];

    let job = Job {
        arithmetic,
        source,
        source_line,
        channels,
        columns,
        rows,
    };

    // A band starts by resizing a whole window of lines anew, so it must be several windows tall.
    let band = (4 * rows.longest() * size.height / source_size.height).max(MIN_BAND);
    output
        .par_chunks_mut(line * band)
        .enumerate()
        .for_each(|(index, output)| {
            simd::run(Band {
                job: &job,
                first: wanted.start + index * band,
                output,
            });
        });
    array(shape.resized(part), output)
}

/// What all bands share.
struct Job<'a, A: Arithmetic> {
    arithmetic: &'a A,
    source: &'a [A::Sample],
    source_line: usize,
    channels: usize,
    columns: &'a Windows<A::Weight>,
    rows: &'a Taps<A::Weight>,
}

/// Some neighbouring output rows.
struct Band<'a, A: Arithmetic> {
    job: &'a Job<'a, A>,
    first: usize,
    output: &'a mut [A::Sample],
}

impl<A: Arithmetic> simd::Kernel for Band<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { job, first, output } = self;
        let line = job.columns.outputs() * job.channels;
        // A ring of resized lines: a window is at most `longest` neighbouring
        // source lines, which therefore never share a slot.
        let slots = job.rows.longest();
        let mut ring = vec![A::Mid::default(); slots * line];
        let mut held = vec![usize::MAX; slots];
        let mut window = Vec::with_capacity(slots);
        for (row, output) in output.chunks_exact_mut(line).enumerate() {
            window.clear();
            for (y, weight) in job.rows.window(first + row) {
                let slot = y % slots;
                window.push((slot * line, weight));
                if held[slot] != y {
                    held[slot] = y;
                    let source = &job.source[y * job.source_line..][..job.source_line];
                    job.across(source, &mut ring[slot * line..][..line]);
                }
            }
            down(job.arithmetic, &ring, &window, output);
        }
    }
}

impl<A: Arithmetic> Job<'_, A> {
    /// Resizes one line.
    #[inline(always)]
    fn across(&self, source: &[A::Sample], resized: &mut [A::Mid]) {
        match (self.channels, self.columns.length()) {
            (1, 2) => self.across_of::<1, 2>(source, resized),
            (1, 4) => self.across_of::<1, 4>(source, resized),
            (1, _) => self.across_any::<1>(source, resized),
            (3, 2) => self.across_of::<3, 2>(source, resized),
            (3, 4) => self.across_of::<3, 4>(source, resized),
            (3, _) => self.across_any::<3>(source, resized),
            (4, _) => self.across_any::<4>(source, resized),
            (channels, _) => self.across_channels(source, channels, resized),
        }
    }

    /// `C` channels and windows of `L` samples.
    #[inline(always)]
    fn across_of<const C: usize, const L: usize>(&self, source: &[A::Sample], resized: &mut [A::Mid]) {
        let pixels = source.as_chunks::<C>().0;
        let outputs = resized.as_chunks_mut::<C>().0;
        for ((start, weights), output) in self.columns.iter_of::<L>().zip(outputs) {
            if let Some(window) = pixels[start..].first_chunk::<L>() {
                *output = self.pixel(weights, window);
            }
        }
    }

    /// `C` channels.
    #[inline(always)]
    fn across_any<const C: usize>(&self, source: &[A::Sample], resized: &mut [A::Mid]) {
        let pixels = source.as_chunks::<C>().0;
        let outputs = resized.as_chunks_mut::<C>().0;
        for ((start, weights), output) in self.columns.iter().zip(outputs) {
            *output = self.pixel(weights, &pixels[start..]);
        }
    }

    #[inline(always)]
    fn pixel<const C: usize>(&self, weights: &[A::Weight], window: &[[A::Sample; C]]) -> [A::Mid; C] {
        let mut sums = [self.arithmetic.zero_across(); C];
        for (&weight, pixel) in weights.iter().zip(window) {
            for (sum, &sample) in sums.iter_mut().zip(pixel) {
                *sum = self.arithmetic.add_across(*sum, weight, sample);
            }
        }
        sums.map(|sum| self.arithmetic.finish_across(sum))
    }

    /// However many channels.
    #[inline(always)]
    fn across_channels(&self, source: &[A::Sample], channels: usize, resized: &mut [A::Mid]) {
        for ((start, weights), output) in self.columns.iter().zip(resized.chunks_exact_mut(channels)) {
            for (channel, output) in output.iter_mut().enumerate() {
                let samples = source[start * channels + channel..].iter().step_by(channels);
                let sum = weights
                    .iter()
                    .zip(samples)
                    .fold(self.arithmetic.zero_across(), |sum, (&weight, &sample)| {
                        self.arithmetic.add_across(sum, weight, sample)
                    });
                *output = self.arithmetic.finish_across(sum);
            }
        }
    }
}

/// The weighted sum of resized lines, given by where in the ring each begins.
#[inline(always)]
fn down<A: Arithmetic>(
    arithmetic: &A,
    ring: &[A::Mid],
    window: &[(usize, A::Weight)],
    output: &mut [A::Sample],
) {
    let length = output.len();
    let (strips, rest) = output.as_chunks_mut::<STRIP>();
    for (index, strip) in strips.iter_mut().enumerate() {
        down_strip(arithmetic, ring, window, index * STRIP, strip);
    }
    let start = length - rest.len();
    for (index, value) in rest.iter_mut().enumerate() {
        down_strip(
            arithmetic,
            ring,
            window,
            start + index,
            std::array::from_mut(value),
        );
    }
}

/// `N` neighbouring values from `start`.
#[inline(always)]
fn down_strip<A: Arithmetic, const N: usize>(
    arithmetic: &A,
    ring: &[A::Mid],
    window: &[(usize, A::Weight)],
    start: usize,
    output: &mut [A::Sample; N],
) {
    let mut sums = [arithmetic.zero_down(); N];
    for &(line, weight) in window {
        if let Some(mids) = ring[line + start..].first_chunk::<N>() {
            for (sum, &mid) in sums.iter_mut().zip(mids) {
                *sum = arithmetic.add_down(*sum, weight, mid);
            }
        }
    }
    *output = sums.map(|sum| arithmetic.finish_down(sum));
}
