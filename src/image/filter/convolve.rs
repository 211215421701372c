//! Weighted sums of lines: the one inner loop of all separable filters.

use std::ops::{Add, Mul, Sub};

use super::lines::{Lines, Ring, pad, reflect, touched};

/// Values summed together, so that the sums stay in registers.
const STRIP: usize = 32;

/// The numbers filters compute with: `f32` and `f64`.
pub trait Real:
    Copy + Default + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// The nearest number of this type.
    fn nearest(value: f64) -> Self;
    /// `self * b + c`, rounded once in double precision.
    ///
    /// In single precision, where nothing here claims to meet a convention to
    /// the last bit, it is rounded twice: a machine without the instruction
    /// would be slow.
    fn mul_add(self, b: Self, c: Self) -> Self;
}

impl Real for f32 {
    fn nearest(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }
}

impl Real for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, c)
    }
}

/// A kernel whose two sides are equal, or equal but for the sign.
#[derive(Clone)]
pub(crate) struct Kernel<T> {
    /// The weight of the centre; none if it is 0, or if the centre lies between two places.
    center: Option<T>,
    /// The weights right of the centre, from the inside out.
    sides: Vec<T>,
    odd: bool,
}

impl<T: Real> Kernel<T> {
    /// A kernel symmetric about its centre, such as a Gaussian.
    pub(crate) fn even(weights: &[f64]) -> Self {
        Self::new(weights, false)
    }

    /// A kernel antisymmetric about its centre, such as a derivative.
    pub(crate) fn odd(weights: &[f64]) -> Self {
        Self::new(weights, true)
    }

    /// A kernel of an even number of weights, symmetric about the middle between two places.
    pub(crate) fn between(weights: &[f64]) -> Self {
        Self {
            center: None,
            sides: Self::rounded(&weights[weights.len() / 2..]),
            odd: false,
        }
    }

    fn new(weights: &[f64], odd: bool) -> Self {
        let right = &weights[weights.len() / 2..];
        Self {
            center: right.first().filter(|_| !odd).map(|&weight| T::nearest(weight)),
            sides: Self::rounded(right.get(1..).unwrap_or_default()),
            odd,
        }
    }

    fn rounded(weights: &[f64]) -> Vec<T> {
        weights.iter().map(|&weight| T::nearest(weight)).collect()
    }

    /// How far it reaches to each side.
    pub(crate) fn radius(&self) -> usize {
        self.sides.len()
    }

    /// The weighted sum of lines, where `line(j)` is the one at distance `j` from the centre;
    /// of a kernel [`between`](Self::between) places the `j`-th one to the right or left of it.
    #[inline(always)]
    pub(crate) fn apply<'a>(&self, output: &mut [T], line: impl Fn(isize) -> &'a [T])
    where
        T: 'a,
    {
        if self.odd {
            self.apply_with(output, line, |right, left| right - left);
        } else {
            self.apply_with(output, line, |right, left| right + left);
        }
    }

    #[inline(always)]
    fn apply_with<'a>(&self, output: &mut [T], line: impl Fn(isize) -> &'a [T], pair: impl Fn(T, T) -> T)
    where
        T: 'a,
    {
        let length = output.len();
        let (strips, rest) = output.as_chunks_mut::<STRIP>();
        for (index, strip) in strips.iter_mut().enumerate() {
            self.strip(strip, index * STRIP, &line, &pair);
        }
        let start = length - rest.len();
        for (index, value) in rest.iter_mut().enumerate() {
            self.strip(std::array::from_mut(value), start + index, &line, &pair);
        }
    }

    /// The weighted sum of places in a line, as OpenCV's filters along a row
    /// have it: from left to right, fused for the first `fused` values and
    /// rounded twice for the others. `line(j)` are the places at distance `j`.
    ///
    /// The symmetry is not used, so where the line is mirrored the sum of an
    /// odd kernel is not 0 but rounding noise; large Sobel kernels make that
    /// visible.
    #[inline(always)]
    pub(crate) fn apply_in_order<'a>(&self, output: &mut [T], fused: usize, line: impl Fn(isize) -> &'a [T])
    where
        T: 'a,
    {
        let whole = fused / STRIP * STRIP;
        let (strips, rest) = output.split_at_mut(whole);
        for (index, strip) in strips.as_chunks_mut::<STRIP>().0.iter_mut().enumerate() {
            self.strip_in_order(strip, index * STRIP, &line, T::mul_add);
        }
        for (index, value) in rest.iter_mut().enumerate() {
            let (value, start) = (std::array::from_mut(value), whole + index);
            if start < fused {
                self.strip_in_order(value, start, &line, T::mul_add);
            } else {
                self.strip_in_order(value, start, &line, |weight, value, sum| weight * value + sum);
            }
        }
    }

    /// `N` neighbouring values from `start`.
    #[inline(always)]
    fn strip_in_order<'a, const N: usize>(
        &self,
        output: &mut [T; N],
        start: usize,
        line: &impl Fn(isize) -> &'a [T],
        mul_add: impl Fn(T, T, T) -> T,
    ) where
        T: 'a,
    {
        let radius = self.radius() as isize;
        let mut sums = [T::default(); N];
        let mut begun = false;
        for distance in (-radius..=radius).filter(|&distance| distance != 0 || self.center.is_some()) {
            let weight = self.weight(distance);
            if let Some(values) = line(distance)[start..].first_chunk::<N>() {
                for (sum, &value) in sums.iter_mut().zip(values) {
                    *sum = if begun {
                        mul_add(weight, value, *sum)
                    } else {
                        weight * value
                    };
                }
            }
            begun = true;
        }
        *output = sums;
    }

    /// The weight at this distance from the centre.
    #[inline(always)]
    fn weight(&self, distance: isize) -> T {
        match distance {
            0 => self.center.unwrap_or_default(),
            1.. => self.sides[distance as usize - 1],
            _ if self.odd => T::default() - self.sides[(-distance) as usize - 1],
            _ => self.sides[(-distance) as usize - 1],
        }
    }

    /// `N` neighbouring values from `start`.
    #[inline(always)]
    fn strip<'a, const N: usize>(
        &self,
        output: &mut [T; N],
        start: usize,
        line: &impl Fn(isize) -> &'a [T],
        pair: &impl Fn(T, T) -> T,
    ) where
        T: 'a,
    {
        let at = |distance| line(distance)[start..].first_chunk::<N>();
        let mut sums = [T::default(); N];
        if let Some(weight) = self.center
            && let Some(center) = at(0)
        {
            for (sum, &value) in sums.iter_mut().zip(center) {
                *sum = weight * value;
            }
        }
        for (distance, &weight) in (1..).zip(&self.sides) {
            if let (Some(right), Some(left)) = (at(distance), at(-distance)) {
                for i in 0..N {
                    sums[i] = sums[i] + weight * pair(right[i], left[i]);
                }
            }
        }
        *output = sums;
    }
}

/// How many values of a line, which is piece `piece` of `pieces` that OpenCV would have interleaved
/// in a row of `width`, it computes in fours, and so with fused sums.
#[inline(always)]
pub(crate) fn fused(width: usize, piece: usize, pieces: usize) -> usize {
    (width / 4 * 4).saturating_sub(piece).div_ceil(pieces)
}

/// Another source of lines, convolved with one kernel across and one down.
pub(crate) struct Separable<L: Lines> {
    source: L,
    pieces: usize,
    channels: usize,
    across: Kernel<L::Value>,
    down: Kernel<L::Value>,
    ring: Ring<L::Value>,
    raw: Vec<L::Value>,
    padded: Vec<L::Value>,
}

impl<L: Lines<Value: Real>> Separable<L> {
    /// Of lines in which `channels` neighbouring values make a pixel.
    pub(crate) fn new(source: L, channels: usize, across: Kernel<L::Value>, down: Kernel<L::Value>) -> Self {
        Self::with_layout(source, 1, channels, across, down)
    }

    /// Of lines that are `planes` lines of single values one after the other.
    pub(crate) fn of_planes(
        source: L,
        planes: usize,
        across: Kernel<L::Value>,
        down: Kernel<L::Value>,
    ) -> Self {
        Self::with_layout(source, planes, 1, across, down)
    }

    fn with_layout(
        source: L,
        pieces: usize,
        channels: usize,
        across: Kernel<L::Value>,
        down: Kernel<L::Value>,
    ) -> Self {
        let width = source.width();
        Self {
            ring: Ring::new(2 * down.radius() + 1, width),
            raw: vec![L::Value::default(); width],
            padded: vec![L::Value::default(); width / pieces + 2 * across.radius() * channels],
            source,
            pieces,
            channels,
            across,
            down,
        }
    }
}

impl<L: Lines<Value: Real>> Lines for Separable<L> {
    type Value = L::Value;

    fn height(&self) -> usize {
        self.source.height()
    }
    fn width(&self) -> usize {
        self.source.width()
    }

    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [L::Value]) {
        let (height, width) = (self.height(), self.width());
        let radius = self.across.radius();
        for needed in touched(y, self.down.radius(), height) {
            if let Some(slot) = self.ring.missing(needed) {
                self.source.line(needed, &mut self.raw);
                let (all, width) = (width, width / self.pieces);
                let lines = self.raw.chunks_exact(width).zip(slot.chunks_exact_mut(width));
                for (piece, (raw, slot)) in lines.enumerate() {
                    pad(raw, radius, self.channels, &mut self.padded);
                    let (padded, channels) = (&self.padded, self.channels as isize);
                    let fused = fused(all, piece, self.pieces);
                    self.across.apply_in_order(slot, fused, |distance| {
                        let start = (radius as isize + distance) * channels;
                        &padded[start as usize..][..width]
                    });
                }
            }
        }
        let ring = &self.ring;
        self.down.apply(output, |distance| {
            ring.get(reflect(y as isize + distance, height))
        });
    }
}
