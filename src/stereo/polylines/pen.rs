//! Area sampling: sums up pieces into pixels.

/// By how much a piece is shorter than its cuts, at either end.
pub(super) const SLACK: f64 = 1e-7;

/// What a pixel's sum starts from: truncation becomes rounding.
pub(super) const HALF: f64 = 0.5;

/// The length of the piece between two cuts, and its middle.
#[inline(always)]
pub(super) fn piece(from: f64, to: f64) -> (f64, f64) {
    let (from, to) = (from + SLACK, to - SLACK);
    let weight = to - from;
    (weight, from + 0.5 * weight)
}

/// How far a place lies along the way from `start` to `stop`, 0 to 1.
#[inline(always)]
pub(super) fn along(start: f64, stop: f64, at: f64) -> f64 {
    (at - start) / (stop - start)
}

/// The value between two values.
#[inline(always)]
pub(super) fn mix(left: f64, right: f64, k: f64) -> f64 {
    left * (1.0 - k) + right * k
}

/// A value a channel.
#[inline(always)]
pub(super) fn channels<const C: usize>(value: impl Fn(usize) -> f64) -> [f64; C] {
    let mut values = [0.0; C];
    for (c, slot) in values.iter_mut().enumerate() {
        *slot = value(c);
    }
    values
}

/// Writes a row from left to right.
pub(super) struct Pen<'a, const C: usize> {
    out: &'a mut [[u8; C]],
    column: usize,
    /// The left border of `column`.
    left: f64,
    sum: [f64; C],
    sound: bool,
}

impl<'a, const C: usize> Pen<'a, C> {
    pub fn new(out: &'a mut [[u8; C]]) -> Self {
        Self {
            out,
            column: 0,
            left: 0.0,
            sum: [HALF; C],
            sound: true,
        }
    }

    /// Whether the row is full.
    pub fn is_done(&self) -> bool {
        self.column >= self.out.len()
    }

    /// Whether the middle of every piece of [`segment`](Self::segment) lay
    /// inside its segment.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// The right border of the current pixel.
    pub fn border(&self) -> f64 {
        self.left + 1.0
    }

    /// Goes on behind the next `count` pixels and hands them out to be drawn
    /// elsewhere, together with where to note that a middle was out of place.
    #[inline(always)]
    pub fn skip(&mut self, count: usize) -> (&mut [[u8; C]], &mut bool) {
        let pixels = self
            .out
            .get_mut(self.column..self.column + count)
            .unwrap_or_default();
        self.column += count;
        self.left += count as f64;
        self.sum = [HALF; C];
        (pixels, &mut self.sound)
    }

    /// How many pixels are left, the current one included.
    pub fn remaining(&self) -> usize {
        self.out.len().saturating_sub(self.column)
    }

    /// Draws what lies between two places of a segment that nothing else covers.
    #[inline(always)]
    pub fn segment(&mut self, from: f64, to: f64, start: f64, stop: f64, colour: impl Fn(f64) -> [f64; C]) {
        let mut sound = true;
        self.pieces(from, to, |middle| {
            sound &= start < middle && middle <= stop;
            colour(middle)
        });
        self.sound &= sound;
    }

    /// Cuts what lies between two places at the pixel borders, and adds the
    /// pieces in the colours that are seen at their middles.
    #[inline(always)]
    pub fn pieces(&mut self, from: f64, to: f64, mut colour: impl FnMut(f64) -> [f64; C]) {
        while !self.is_done() {
            let border = self.border();
            let (weight, middle) = piece(from.max(self.left), to.min(border));
            let colour = colour(middle);
            for c in 0..C {
                self.sum[c] += colour[c] * weight;
            }
            if to < border {
                return;
            }
            if let Some(pixel) = self.out.get_mut(self.column) {
                for c in 0..C {
                    pixel[c] = self.sum[c] as u8;
                }
            }
            self.sum = [HALF; C];
            self.column += 1;
            self.left = border;
        }
    }
}
