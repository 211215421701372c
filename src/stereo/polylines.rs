//! The polylines fills, bit for bit.
//!
//! A row of the picture becomes a polyline along the row of the eye. It starts
//! at `-width`, passes every pixel's shifted centre (`polylines_soft`) or runs
//! level for 0.45 pixels to either side of it (`polylines_sharp`), and ends at
//! `2 * width`. Cut at its points and at the pixel borders it gives pieces; a
//! pixel is the sum of its pieces' colours, weighted by their lengths. Where the
//! line folds back over itself the nearest segment is seen.
//!
//! Almost everywhere a row does not fold: what is seen there is the very
//! segment that made the piece, and a plain walk along the line does. Only
//! inside folds are points sorted and segments compared. Both evaluate the same
//! expressions in the same order, in doubles, so that the bytes are the same as
//! if every row had been sorted as a whole.

use std::cmp::Ordering;
use std::ops::Range;

use super::options::Shift;

/// Half the length of a pixel's plateau.
const HALF_WIDTH: f64 = 0.45;
/// By how much a piece is shorter than its cuts, at either end.
const SLACK: f64 = 1e-7;

/// A colour; channels the picture does not have are zero.
pub(super) type Colour = [f64; 4];

/// What a thread keeps from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    places: Vec<f64>,
    folds: Vec<Fold>,
    sweep: Sweep,
}

/// Draws one row of an eye; `nearness` and `colours` hold a value a pixel.
pub(super) fn draw_row<const SHARP: bool, const C: usize>(
    nearness: &[f64],
    colours: &[Colour],
    shift: Shift,
    scratch: &mut Scratch,
    out: &mut [[u8; C]],
) {
    let Scratch { places, folds, sweep } = scratch;
    places.resize(nearness.len(), 0.0);
    for (x, (place, nearness)) in places.iter_mut().zip(nearness).enumerate() {
        *place = x as f64 + 0.5 + nearness * shift.divergence + shift.separation;
    }
    let line = Line::<SHARP> { places, nearness, colours, divergence: shift.divergence };
    line.find_folds(folds);
    let mut pen = Pen::new(out);
    line.draw(folds, sweep, &mut pen);
    if !pen.sound {
        // A piece so short that rounding put its middle outside its segment.
        let mut pen = Pen::new(out);
        let whole = Fold { from: -f64::INFINITY, to: f64::INFINITY, first: 0, last: line.last_point() };
        sweep.draw(&line, whole, &mut pen);
    }
}

/// A stretch of the eye's row that the line covers more than once: from one
/// place to another, and the points that lie there.
#[derive(Clone, Copy, Debug)]
struct Fold {
    from: f64,
    to: f64,
    first: usize,
    last: usize,
}

/// One row as a polyline. Point 0 is the start; pixel `x` owns the points
/// `2 * x + 1` and `2 * x + 2` (sharp) or `x + 1` (soft); the last one is the
/// end. Segment `i` joins point `i` and point `i + 1`.
struct Line<'a, const SHARP: bool> {
    places: &'a [f64],
    nearness: &'a [f64],
    colours: &'a [Colour],
    divergence: f64,
}

impl<const SHARP: bool> Line<'_, SHARP> {
    const POINTS_PER_PIXEL: usize = if SHARP { 2 } else { 1 };

    fn width(&self) -> usize {
        self.places.len()
    }

    fn last_point(&self) -> usize {
        Self::POINTS_PER_PIXEL * self.width() + 1
    }

    /// The pixel that owns a point.
    #[inline(always)]
    fn column(&self, point: usize) -> usize {
        (point.saturating_sub(1) / Self::POINTS_PER_PIXEL).min(self.width() - 1)
    }

    /// Where a point lies.
    #[inline(always)]
    fn place(&self, point: usize) -> f64 {
        if point == 0 {
            return -(self.width() as f64);
        }
        if point == self.last_point() {
            return 2.0 * self.width() as f64;
        }
        let centre = self.places[self.column(point)];
        match (SHARP, point % 2) {
            (false, _) => centre,
            (true, 1) => centre - HALF_WIDTH,
            (true, _) => centre + HALF_WIDTH,
        }
    }

    /// How near a point is: the depth part of its shift, in pixels.
    #[inline(always)]
    fn closeness(&self, point: usize) -> f64 {
        if point == 0 || point == self.last_point() {
            return 0.0;
        }
        (self.nearness[self.column(point)] * self.divergence).abs()
    }

    /// The colour of segment `i` at a place.
    #[inline(always)]
    fn colour(&self, i: usize, at: f64) -> Colour {
        let (left, right) = (self.column(i), self.column(i + 1));
        if left == right {
            return self.colours[left];
        }
        mix(&self.colours[left], &self.colours[right], self.place(i), self.place(i + 1), at)
    }

    /// The one of some segments that is nearest at a place. In a tie the first
    /// one that got into the list is; so is the first if none is in front.
    fn nearest(&self, segments: &[usize], at: f64) -> Option<usize> {
        let &first = segments.first()?;
        if segments.len() == 1 {
            return Some(first);
        }
        let (mut nearest, mut closest) = (first, -SLACK);
        for &segment in segments {
            let (start, stop) = (self.place(segment), self.place(segment + 1));
            let k = (at - start) / (stop - start);
            let closeness = (1.0 - k) * self.closeness(segment) + k * self.closeness(segment + 1);
            if closest < closeness && 0.0 < k && k < 1.0 {
                (nearest, closest) = (segment, closeness);
            }
        }
        Some(nearest)
    }

    /// Finds the folds. The line runs from far left to far right, so a place is
    /// covered once exactly if no backward segment covers it.
    fn find_folds(&self, folds: &mut Vec<Fold>) {
        folds.clear();
        let mut look_at = |i: usize| {
            let mut fold = Fold { from: self.place(i + 1), to: self.place(i), first: i, last: i + 1 };
            if fold.from > fold.to {
                return;
            }
            while let Some(before) = folds.pop_if(|before| before.to >= fold.from) {
                fold.from = fold.from.min(before.from);
                fold.to = fold.to.max(before.to);
                fold.first = before.first;
            }
            folds.push(fold);
        };
        look_at(0);
        // Plateaus cannot run backward, only the joints between pixels can.
        // Looked at in blocks, so that the compiler compares several at once.
        const BLOCK: usize = 32;
        let half_width = if SHARP { HALF_WIDTH } else { 0.0 };
        let nexts = self.places.get(1..).unwrap_or_default();
        for (block, (lefts, rights)) in self.places.chunks(BLOCK).zip(nexts.chunks(BLOCK)).enumerate() {
            let backward = |(left, right): (&f64, &f64)| right - half_width <= left + half_width;
            if lefts.iter().zip(rights).fold(false, |any, pair| any | backward(pair)) {
                (block * BLOCK..block * BLOCK + rights.len()).for_each(|x| look_at(Self::POINTS_PER_PIXEL * (x + 1)));
            }
        }
        look_at(self.last_point() - 1);
        for fold in folds {
            while fold.first > 0 && self.place(fold.first - 1) >= fold.from {
                fold.first -= 1;
            }
            while fold.last < self.last_point() && self.place(fold.last + 1) <= fold.to {
                fold.last += 1;
            }
        }
    }

    /// Draws the row: walks between the folds, sweeps inside them.
    fn draw<const C: usize>(&self, folds: &[Fold], sweep: &mut Sweep, pen: &mut Pen<C>) {
        let (mut segment, mut from) = (0, self.place(0));
        // What lies left of the picture is not drawn, and a fold that reaches
        // into it brings everything left of it along.
        for &fold in folds.iter().filter(|fold| fold.to >= 0.0) {
            if fold.from < 0.0 {
                sweep.draw(self, Fold { first: 0, ..fold }, pen);
            } else {
                self.walk(segment..fold.first, from, fold.from, pen);
                sweep.draw(self, fold, pen);
            }
            (segment, from) = (fold.last, fold.to);
        }
        self.walk(segment..self.last_point(), from, f64::INFINITY, pen);
    }

    /// Draws segments that nothing else covers, from one place to another.
    fn walk<const C: usize>(&self, segments: Range<usize>, from: f64, to: f64, pen: &mut Pen<C>) {
        // A copy the compiler can keep in registers.
        let mut local = pen.take();
        let (mut i, end) = (segments.start, segments.end);
        while i < end && self.place(i + 1) < 0.0 {
            i += 1;
        }
        let one = |i: usize, pen: &mut Pen<C>| {
            let (start, stop) = (self.place(i), self.place(i + 1));
            pen.segment(start.max(from), stop.min(to), start, stop, |at| self.colour(i, at));
        };
        // The first segment may be cut, and the very first one has no pixel.
        for _ in 0..Self::POINTS_PER_PIXEL {
            if i < end && (i % Self::POINTS_PER_PIXEL == 0 || i == segments.start) {
                one(i, &mut local);
                i += 1;
            }
        }
        // Whole pixels, but for the last one: its segments may be cut.
        let first = self.column(i);
        let count = (end.saturating_sub(i + 1) / Self::POINTS_PER_PIXEL).min(self.width() - 1 - first);
        let places = &self.places[first..=first + count];
        let colours = &self.colours[first..=first + count];
        for (places, colours) in places.windows(2).zip(colours.windows(2)) {
            let (mut start, mut stop) = (places[0], places[1]);
            if SHARP {
                start += HALF_WIDTH;
                stop -= HALF_WIDTH;
                let left = places[0] - HALF_WIDTH;
                local.segment(left, start, left, start, |_| colours[0]);
            }
            local.segment(start, stop, start, stop, |at| mix(&colours[0], &colours[1], start, stop, at));
        }
        for i in i + count * Self::POINTS_PER_PIXEL..end {
            one(i, &mut local);
        }
        *pen = local;
    }
}

/// The colour between `left` at `start` and `right` at `stop`.
#[inline(always)]
fn mix(left: &Colour, right: &Colour, start: f64, stop: f64, at: f64) -> Colour {
    let k = (at - start) / (stop - start);
    std::array::from_fn(|c| left[c] * (1.0 - k) + right[c] * k)
}

/// Sums up pieces into the pixels of a row, left to right.
struct Pen<'a, const C: usize> {
    out: &'a mut [[u8; C]],
    column: usize,
    /// The left border of `column`.
    left: f64,
    sum: Colour,
    /// Whether the middle of every piece lay inside its segment.
    sound: bool,
}

impl<'a, const C: usize> Pen<'a, C> {
    fn new(out: &'a mut [[u8; C]]) -> Self {
        Self { out, column: 0, left: 0.0, sum: [0.5; 4], sound: true }
    }

    fn take(&mut self) -> Self {
        Self { out: std::mem::take(&mut self.out), ..*self }
    }

    fn is_done(&self) -> bool {
        self.column >= self.out.len()
    }

    /// Draws the part between two places of a segment that nothing else covers.
    #[inline(always)]
    fn segment(&mut self, from: f64, to: f64, start: f64, stop: f64, colour: impl Fn(f64) -> Colour) {
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
    fn pieces(&mut self, from: f64, to: f64, mut colour: impl FnMut(f64) -> Colour) {
        if self.is_done() {
            return;
        }
        while to >= self.left + 1.0 {
            self.piece(from.max(self.left), self.left + 1.0, &mut colour);
            if let Some(pixel) = self.out.get_mut(self.column) {
                *pixel = std::array::from_fn(|c| self.sum[c] as u8);
            }
            self.sum = [0.5; 4];
            self.column += 1;
            self.left += 1.0;
            if self.is_done() {
                return;
            }
        }
        self.piece(from.max(self.left), to, &mut colour);
    }

    #[inline(always)]
    fn piece(&mut self, from: f64, to: f64, colour: &mut impl FnMut(f64) -> Colour) {
        let (from, to) = (from + SLACK, to - SLACK);
        let weight = to - from;
        let colour = colour(from + 0.5 * weight);
        for (sum, colour) in self.sum.iter_mut().zip(colour) {
            *sum += colour * weight;
        }
    }
}

/// Draws folds: sorts their points and compares the segments at every piece.
#[derive(Default)]
struct Sweep {
    /// Places and numbers of the fold's points, sorted.
    order: Vec<(f64, usize)>,
    /// The segments that cover the current place.
    active: Vec<usize>,
}

impl Sweep {
    fn draw<const SHARP: bool, const C: usize>(&mut self, line: &Line<SHARP>, fold: Fold, pen: &mut Pen<C>) {
        let Self { order, active } = self;
        order.clear();
        order.extend((fold.first..=fold.last).map(|point| (line.place(point), point)));
        order.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1)));
        active.clear();
        active.extend(fold.first.checked_sub(1));
        let mut pending = order.iter().peekable();
        let mut seen = fold.first;
        for (&(from, _), &(to, _)) in order.iter().zip(order.iter().skip(1)) {
            if to < 0.0 {
                continue;
            }
            pen.pieces(from, to, |middle| {
                while let Some(&(_, segment)) = pending.next_if(|(place, _)| *place < middle) {
                    active.push(segment);
                }
                let mut i = 0;
                while let Some(&segment) = active.get(i) {
                    if line.place(segment + 1) < middle {
                        active.swap_remove(i);
                    } else {
                        i += 1;
                    }
                }
                seen = line.nearest(active, middle).unwrap_or(seen);
                line.colour(seen, middle)
            });
            if pen.is_done() {
                return;
            }
        }
    }
}
