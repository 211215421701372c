//! One scanline as a polyline.

use std::ops::Range;

use super::HALF_WIDTH;
use super::pen::{Pen, along, channels, mix};
use super::runs::{self, OnJoints, OnPlateaus, half_width};
use super::sweep::Sweep;
use crate::simd;

/// Shorter runs are not worth their beginning and end.
const SHORTEST_RUN: usize = 8;

/// A stretch of the eye's row that the line covers more than once: from one
/// place to another, and the points that lie there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    pub from: f64,
    pub to: f64,
    pub first: usize,
    pub last: usize,
}

/// One row as a polyline. Point 0 is the start; pixel `x` owns the points
/// `2 * x + 1` and `2 * x + 2` (sharp) or `x + 1` (soft); the last one is the
/// end. Segment `i` joins point `i` and point `i + 1`.
pub(super) struct Line<'a, const SHARP: bool, const C: usize> {
    /// Where the pixels' centres come to lie.
    pub places: &'a [f64],
    pub nearness: &'a [f64],
    /// A plane a channel.
    pub colours: [&'a [f64]; C],
    pub divergence: f64,
}

impl<const SHARP: bool, const C: usize> Line<'_, SHARP, C> {
    const POINTS_PER_PIXEL: usize = if SHARP { 2 } else { 1 };

    fn width(&self) -> usize {
        self.places.len()
    }

    pub fn last_point(&self) -> usize {
        Self::POINTS_PER_PIXEL * self.width() + 1
    }

    /// The pixel that owns a point.
    #[inline(always)]
    fn column(&self, point: usize) -> usize {
        (point.saturating_sub(1) / Self::POINTS_PER_PIXEL).min(self.width() - 1)
    }

    /// Where a point lies.
    #[inline(always)]
    pub fn place(&self, point: usize) -> f64 {
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
    pub fn closeness(&self, point: usize) -> f64 {
        if point == 0 || point == self.last_point() {
            return 0.0;
        }
        (self.nearness[self.column(point)] * self.divergence).abs()
    }

    /// The colour of segment `i` at a place.
    #[inline(always)]
    pub fn colour(&self, i: usize, at: f64) -> [f64; C] {
        let (left, right) = (self.column(i), self.column(i + 1));
        if left == right {
            return channels(|c| self.colours[c][left]);
        }
        let k = along(self.place(i), self.place(i + 1), at);
        channels(|c| mix(self.colours[c][left], self.colours[c][right], k))
    }

    /// Finds the folds. The line runs from far left to far right, so a place is
    /// covered once exactly if no backward segment covers it.
    pub fn find_folds(&self, folds: &mut Vec<Fold>) {
        folds.clear();
        let mut look_at = |i: usize| {
            let mut fold = Fold {
                from: self.place(i + 1),
                to: self.place(i),
                first: i,
                last: i + 1,
            };
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
        let mut x = runs::forward_joints::<SHARP>(self.places);
        while x + 1 < self.width() {
            look_at(Self::POINTS_PER_PIXEL * (x + 1));
            x += 1;
            x += runs::forward_joints::<SHARP>(&self.places[x..]);
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
    pub fn draw(&self, folds: &[Fold], sweep: &mut Sweep, pen: &mut Pen<C>) {
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
    #[inline(always)]
    fn walk(&self, segments: Range<usize>, from: f64, to: f64, pen: &mut Pen<C>) {
        let (mut i, end) = (segments.start, segments.end);
        while i < end && self.place(i + 1) < 0.0 {
            i += 1;
        }
        let one = |i: usize, pen: &mut Pen<C>| {
            let (start, stop) = (self.place(i), self.place(i + 1));
            pen.segment(start.max(from), stop.min(to), start, stop, |at| {
                self.colour(i, at)
            });
        };
        // The first segment may be cut, and the very first one has no pixel.
        for _ in 0..Self::POINTS_PER_PIXEL {
            if i < end && (i % Self::POINTS_PER_PIXEL == 0 || i == segments.start) {
                one(i, pen);
                i += 1;
            }
        }
        // Whole pixels, but for the last one: its segments may be cut.
        let first = self.column(i);
        let count = (end.saturating_sub(i + 1) / Self::POINTS_PER_PIXEL).min(self.width() - 1 - first);
        self.walk_pixels(first, first + count, pen);
        for i in i + count * Self::POINTS_PER_PIXEL..end {
            one(i, pen);
        }
    }

    /// Draws the pixels `first..last`: their plateaus, and the joints to the
    /// pixels after them.
    #[inline(always)]
    fn walk_pixels(&self, first: usize, last: usize, pen: &mut Pen<C>) {
        let part =
            |from: usize, to: usize| -> [&[f64]; C] { std::array::from_fn(|c| &self.colours[c][from..to]) };
        let mut x = first;
        while x < last && !pen.is_done() {
            let border = pen.border();
            let end = last.min(x + pen.remaining());
            let plateaus = if SHARP {
                runs::borders_on_plateaus(&self.places[x..end], border)
            } else {
                0
            };
            let joints = runs::borders_on_joints::<SHARP>(&self.places[x..=end], border);
            if plateaus > SHORTEST_RUN {
                let next = x + plateaus;
                self.plateau(x, border, pen);
                let (out, sound) = pen.skip(plateaus - 1);
                *sound &= simd::run(OnPlateaus {
                    places: &self.places[x..next],
                    colours: part(x, next),
                    border,
                    out,
                });
                self.plateau(next - 1, f64::INFINITY, pen);
                self.joint(next - 1, f64::INFINITY, pen);
                x = next;
            } else if joints > SHORTEST_RUN {
                let next = x + joints;
                self.plateau(x, f64::INFINITY, pen);
                self.joint(x, border, pen);
                let (out, sound) = pen.skip(joints - 1);
                *sound &= simd::run(OnJoints::<SHARP, C> {
                    places: &self.places[x..=next],
                    colours: part(x, next + 1),
                    border,
                    out,
                });
                self.joint(next - 1, f64::INFINITY, pen);
                x = next;
            } else {
                for x in x..(x + plateaus.max(joints).max(1)) {
                    self.plateau(x, f64::INFINITY, pen);
                    self.joint(x, f64::INFINITY, pen);
                }
                x += plateaus.max(joints).max(1);
            }
        }
    }

    /// Draws the plateau of pixel `x` (if there are any) up to a place.
    #[inline(always)]
    fn plateau(&self, x: usize, to: f64, pen: &mut Pen<C>) {
        if SHARP {
            let (start, stop) = (self.places[x] - HALF_WIDTH, self.places[x] + HALF_WIDTH);
            pen.segment(start, stop.min(to), start, stop, |_| {
                channels(|c| self.colours[c][x])
            });
        }
    }

    /// Draws the joint between pixel `x` and the next one up to a place.
    #[inline(always)]
    fn joint(&self, x: usize, to: f64, pen: &mut Pen<C>) {
        let half_width = half_width::<SHARP>();
        let (start, stop) = (self.places[x] + half_width, self.places[x + 1] - half_width);
        pen.segment(start, stop.min(to), start, stop, |at| {
            let k = along(start, stop, at);
            channels(|c| mix(self.colours[c][x], self.colours[c][x + 1], k))
        });
    }
}
