//! Derivatives of planes, a line at a time.

use super::convolve::{Kernel, Real, fused};
use super::lines::{Lines, Ring, pad, reflect, touched};

/// Something that computes the derivatives of a plane, line by line.
pub(crate) trait Gradient {
    /// What they are made of.
    type Value: Real + Send;

    /// Number of lines.
    fn height(&self) -> usize;
    /// Number of values in a line.
    fn width(&self) -> usize;
    /// The derivatives across and down in line `y`. `#[inline(always)]`, see [`crate::simd`].
    fn line(&mut self, y: usize, across: &mut [Self::Value], down: &mut [Self::Value]);
}

/// By the kernels of [`kernel::sobel`](super::kernel::sobel), borders reflected.
pub(crate) struct Sobel<L: Lines> {
    source: L,
    derive: Kernel<L::Value>,
    smooth: Kernel<L::Value>,
    derived: Ring<L::Value>,
    smoothed: Ring<L::Value>,
    raw: Vec<L::Value>,
    padded: Vec<L::Value>,
}

impl<L: Lines<Value: Real>> Sobel<L> {
    pub(crate) fn new(source: L, derive: &[f64], smooth: &[f64]) -> Self {
        let (width, slots) = (source.width(), derive.len());
        Self {
            derive: Kernel::odd(derive),
            smooth: Kernel::even(smooth),
            derived: Ring::new(slots, width),
            smoothed: Ring::new(slots, width),
            raw: vec![L::Value::default(); width],
            padded: vec![L::Value::default(); width + slots - 1],
            source,
        }
    }
}

impl<L: Lines<Value: Real>> Gradient for Sobel<L> {
    type Value = L::Value;

    fn height(&self) -> usize {
        self.source.height()
    }
    fn width(&self) -> usize {
        self.source.width()
    }

    #[inline(always)]
    fn line(&mut self, y: usize, across: &mut [L::Value], down: &mut [L::Value]) {
        let (height, width) = (self.height(), self.width());
        let radius = self.derive.radius();
        for needed in touched(y, radius, height) {
            if let (Some(derived), Some(smoothed)) =
                (self.derived.missing(needed), self.smoothed.missing(needed))
            {
                self.source.line(needed, &mut self.raw);
                pad(&self.raw, radius, 1, &mut self.padded);
                let padded = &self.padded;
                let shifted = |distance: isize| &padded[(radius as isize + distance) as usize..][..width];
                let fused = fused(width, 0, 1);
                self.derive.apply_in_order(derived, fused, shifted);
                self.smooth.apply_in_order(smoothed, fused, shifted);
            }
        }
        let row = |distance: isize| reflect(y as isize + distance, height);
        let (derived, smoothed) = (&self.derived, &self.smoothed);
        self.smooth.apply(across, |distance| derived.get(row(distance)));
        self.derive.apply(down, |distance| smoothed.get(row(distance)));
    }
}

/// The same as [`Sobel`] of a size above 3 in half the work: one plane is smoothed
/// instead of two, and its differences are taken at the end. That loses a few
/// digits, which doubles have to spare.
///
/// The derivative is `(1 + x)^(n - 2) (x - 1)` across times `(1 + y)^(n - 1)` down,
/// the other one alike: both are differences of `(1 + x)^(n - 2) (1 + y)^(n - 2)`,
/// a plane whose values lie in the middles between four places.
pub(crate) struct LargeSobel<L: Lines<Value = f64>> {
    source: L,
    radius: usize,
    smooth: Kernel<f64>,
    across: Ring<f64>,
    raw: Vec<f64>,
    padded: Vec<f64>,
    /// The smoothed plane half a line above and below the line `next - 1`.
    above: Vec<f64>,
    below: Vec<f64>,
    /// The line for which `below` will be the one above.
    next: usize,
}

impl<L: Lines<Value = f64>> LargeSobel<L> {
    /// `smooth` is a binomial of one place less than the Sobel kernel's size.
    pub(crate) fn new(source: L, smooth: &[f64]) -> Self {
        let (width, radius) = (source.width(), smooth.len() / 2);
        Self {
            radius,
            smooth: Kernel::between(smooth),
            across: Ring::new(2 * radius + 1, width + 1),
            raw: vec![0.0; width],
            padded: vec![0.0; width + 2 * radius],
            above: vec![0.0; width + 1],
            below: vec![0.0; width + 1],
            next: usize::MAX,
            source,
        }
    }
}

impl<L: Lines<Value = f64>> Gradient for LargeSobel<L> {
    type Value = f64;

    fn height(&self) -> usize {
        self.source.height()
    }
    fn width(&self) -> usize {
        self.source.width()
    }

    #[inline(always)]
    fn line(&mut self, y: usize, across: &mut [f64], down: &mut [f64]) {
        let (height, width, radius) = (self.height(), self.width(), self.radius);
        for needed in touched(y, radius, height) {
            if let Some(slot) = self.across.missing(needed) {
                self.source.line(needed, &mut self.raw);
                pad(&self.raw, radius, 1, &mut self.padded);
                let padded = &self.padded;
                self.smooth.apply(slot, |distance| {
                    let start = radius as isize + distance - isize::from(distance > 0);
                    // Half a place before the first one is where the line begins.
                    &padded[start as usize..][..width + 1]
                });
            }
        }
        // Half a line below `line`.
        let below = |line: isize, output: &mut [f64], Self { smooth, across, .. }: &Self| {
            smooth.apply(output, |distance| {
                let line = line + distance + isize::from(distance < 0);
                across.get(reflect(line, height))
            });
        };
        let mut above_line = std::mem::take(&mut self.above);
        let mut below_line = std::mem::take(&mut self.below);
        if self.next == y {
            std::mem::swap(&mut above_line, &mut below_line);
        } else {
            below(y as isize - 1, &mut above_line, self);
        }
        below(y as isize, &mut below_line, self);
        for x in 0..width {
            let (a, b) = (above_line[x], above_line[x + 1]);
            let (c, d) = (below_line[x], below_line[x + 1]);
            across[x] = (b - a) + (d - c);
            down[x] = (c + d) - (a + b);
        }
        (self.above, self.below, self.next) = (above_line, below_line, y + 1);
    }
}

/// Half the difference of the neighbours, at the border the difference to the
/// only one, as `numpy.gradient` has it; 0 where there is no neighbour at all.
pub(crate) struct Central<L: Lines> {
    source: L,
    ring: Ring<L::Value>,
}

impl<L: Lines<Value: Real>> Central<L> {
    pub(crate) fn new(source: L) -> Self {
        Self {
            ring: Ring::new(3, source.width()),
            source,
        }
    }
}

impl<L: Lines<Value: Real>> Gradient for Central<L> {
    type Value = L::Value;

    fn height(&self) -> usize {
        self.source.height()
    }
    fn width(&self) -> usize {
        self.source.width()
    }

    #[inline(always)]
    fn line(&mut self, y: usize, across: &mut [L::Value], down: &mut [L::Value]) {
        let (height, width) = (self.height(), self.width());
        let (above, below) = (y.saturating_sub(1), (y + 1).min(height - 1));
        for needed in above..=below {
            if let Some(slot) = self.ring.missing(needed) {
                self.source.line(needed, slot);
            }
        }
        let share = |places: usize| L::Value::nearest(if places == 2 { 0.5 } else { 1.0 });
        let line = self.ring.get(y);
        for (value, pair) in across.iter_mut().skip(1).zip(line.windows(3)) {
            *value = (pair[2] - pair[0]) * share(2);
        }
        let second = 1.min(width - 1);
        across[0] = line[second] - line[0];
        across[width - 1] = line[width - 1] - line[width - 1 - second];

        let factor = share(below - above);
        let lines = self.ring.get(below).iter().zip(self.ring.get(above));
        for (value, (&below, &above)) in down.iter_mut().zip(lines) {
            *value = (below - above) * factor;
        }
    }
}
