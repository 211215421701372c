//! Pictures a line at a time: a filter pulls the lines it needs from the one
//! below it, so that a chain of filters holds a few lines instead of whole
//! pictures.

use rayon::prelude::*;

use crate::simd;

/// Fewest lines a thread takes at a time.
const MIN_BAND: usize = 32;

/// Something that computes lines when asked, cheapest in ascending order.
pub(crate) trait Lines {
    /// What a line is made of.
    type Value: Copy + Default + Send;

    /// Number of lines.
    fn height(&self) -> usize;
    /// Number of values in a line.
    fn width(&self) -> usize;
    /// Computes line `y`. Implementations are `#[inline(always)]`, see [`simd`].
    fn line(&mut self, y: usize, output: &mut [Self::Value]);
}

/// The lines of an array in row-major order.
pub(crate) struct Stored<'a, T> {
    values: &'a [T],
    width: usize,
}

impl<'a, T> Stored<'a, T> {
    /// `width` is the number of values in a line, all channels counted.
    pub(crate) fn new(values: &'a [T], width: usize) -> Self {
        Self { values, width }
    }
}

impl<T: Copy + Default + Send> Lines for Stored<'_, T> {
    type Value = T;

    fn height(&self) -> usize {
        self.values.len() / self.width
    }
    fn width(&self) -> usize {
        self.width
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [T]) {
        output.copy_from_slice(&self.values[y * self.width..][..self.width]);
    }
}

/// Computes all lines, bands of them in parallel.
///
/// `make` is called once a band. `overlap` is how many lines of the lowest
/// source a line is made of: bands are made tall enough that computing those
/// twice where two bands meet does not matter.
pub(crate) fn collect<L: Lines>(output: &mut [L::Value], overlap: usize, make: impl Fn() -> L + Sync) {
    let width = make().width();
    let band = (4 * overlap).max(MIN_BAND);
    output
        .par_chunks_mut(width * band)
        .enumerate()
        .for_each(|(index, output)| {
            simd::run(Band {
                lines: make(),
                first: index * band,
                width,
                output,
            });
        });
}

struct Band<'a, L: Lines> {
    lines: L,
    first: usize,
    width: usize,
    output: &'a mut [L::Value],
}

impl<L: Lines> simd::Kernel for Band<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        for (row, output) in self.output.chunks_exact_mut(self.width).enumerate() {
            self.lines.line(self.first + row, output);
        }
    }
}

/// The last few lines that were asked for.
pub(crate) struct Ring<T> {
    lines: Vec<T>,
    held: Vec<usize>,
    width: usize,
}

impl<T: Copy + Default> Ring<T> {
    /// Room for `slots` neighbouring lines.
    pub(crate) fn new(slots: usize, width: usize) -> Self {
        Self {
            lines: vec![T::default(); slots * width],
            held: vec![usize::MAX; slots],
            width,
        }
    }

    /// The slot to compute line `y` into, if it is not held.
    #[inline(always)]
    pub(crate) fn missing(&mut self, y: usize) -> Option<&mut [T]> {
        let slot = y % self.held.len();
        if self.held[slot] == y {
            return None;
        }
        self.held[slot] = y;
        Some(&mut self.lines[slot * self.width..][..self.width])
    }

    /// Line `y`, which must be held.
    #[inline(always)]
    pub(crate) fn get(&self, y: usize) -> &[T] {
        &self.lines[y % self.held.len() * self.width..][..self.width]
    }
}

/// The place that stands for `place` on a line of `length` values whose
/// continuation is mirrored at the centres of its outermost values.
#[inline(always)]
pub(crate) fn reflect(place: isize, length: usize) -> usize {
    let period = 2 * (length.max(2) as isize - 1);
    let place = place.rem_euclid(period);
    place.min(period - place).min(length as isize - 1) as usize
}

/// The lowest and the highest line a window of `radius` around `y` touches.
#[inline(always)]
pub(crate) fn touched(y: usize, radius: usize, height: usize) -> std::ops::RangeInclusive<usize> {
    let (y, radius) = (y as isize, radius as isize);
    let places = (y - radius..=y + radius).map(|place| reflect(place, height));
    places.clone().min().unwrap_or(0)..=places.max().unwrap_or(0)
}

/// Copies `line` with `radius` mirrored pixels of `channels` values before and after it.
#[inline(always)]
pub(crate) fn pad<T: Copy>(line: &[T], radius: usize, channels: usize, padded: &mut [T]) {
    let pixels = line.len() / channels;
    padded[radius * channels..][..line.len()].copy_from_slice(line);
    for beyond in 0..radius {
        let before = reflect(beyond as isize - radius as isize, pixels);
        let after = reflect((pixels + beyond) as isize, pixels);
        for channel in 0..channels {
            padded[beyond * channels + channel] = line[before * channels + channel];
            padded[(radius + pixels + beyond) * channels + channel] = line[after * channels + channel];
        }
    }
}
