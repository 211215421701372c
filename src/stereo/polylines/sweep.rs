//! A sweep line over folds: points are sorted and segments compared.

use super::line::{Fold, Line};
use super::pen::{Pen, SLACK, along, mix};

/// Draws folds. Keeps its memory from fold to fold.
#[derive(Default)]
pub(super) struct Sweep {
    points: Vec<Point>,
    merged: Vec<Point>,
    segments: Vec<Segment>,
    /// Numbers (in `segments`) of those that cover the current place.
    active: Vec<usize>,
}

/// A point of the line: where it lies and which one it is.
#[derive(Clone, Copy)]
struct Point {
    place: f64,
    number: usize,
}

/// The segment that starts at a point.
#[derive(Clone, Copy)]
struct Segment {
    number: usize,
    start: f64,
    stop: f64,
    start_closeness: f64,
    stop_closeness: f64,
}

impl Segment {
    #[inline(always)]
    fn new<const SHARP: bool, const C: usize>(line: &Line<SHARP, C>, number: usize) -> Self {
        Self {
            number,
            start: line.place(number),
            stop: line.place(number + 1),
            start_closeness: line.closeness(number),
            stop_closeness: line.closeness(number + 1),
        }
    }
}

impl Sweep {
    /// Draws one fold, beginning with the segment that leads into it.
    pub fn draw<const SHARP: bool, const C: usize>(
        &mut self,
        line: &Line<SHARP, C>,
        fold: Fold,
        pen: &mut Pen<C>,
    ) {
        self.points.clear();
        self.points.extend((fold.first..=fold.last).map(|number| Point {
            place: line.place(number),
            number,
        }));
        self.sort();
        let Self {
            points,
            segments,
            active,
            ..
        } = self;
        // Nothing starts at the line's last point, and nothing is drawn there.
        let starts = points
            .iter()
            .map(|point| point.number)
            .filter(|&number| number < line.last_point());
        segments.clear();
        segments.extend(
            fold.first
                .checked_sub(1)
                .into_iter()
                .chain(starts)
                .map(|number| Segment::new(line, number)),
        );
        active.clear();
        let mut pending = 0;
        let mut seen = fold.first;
        for (from, to) in points.iter().zip(points.iter().skip(1)) {
            if to.place < 0.0 {
                continue;
            }
            pen.pieces(from.place, to.place, |middle| {
                while segments
                    .get(pending)
                    .is_some_and(|segment| segment.start < middle)
                {
                    active.push(pending);
                    pending += 1;
                }
                let mut i = 0;
                while let Some(&segment) = active.get(i) {
                    if segments[segment].stop < middle {
                        active.swap_remove(i);
                    } else {
                        i += 1;
                    }
                }
                seen = nearest(segments, active, middle).unwrap_or(seen);
                line.colour(seen, middle)
            });
            if pen.is_done() {
                return;
            }
        }
    }

    /// Sorts the points by place, equal ones by number. A fold is a few rising
    /// runs one after the other: they are merged, neighbours first.
    fn sort(&mut self) {
        let Self { points, merged, .. } = self;
        loop {
            merged.clear();
            let mut runs = points.chunk_by(|a, b| a.place <= b.place);
            let mut alone = true;
            while let Some(mut left) = runs.next() {
                let mut right = runs.next().unwrap_or_default();
                alone &= right.is_empty();
                while let (Some((l, left_rest)), Some((r, right_rest))) =
                    (left.split_first(), right.split_first())
                {
                    if l.place <= r.place {
                        merged.push(*l);
                        left = left_rest;
                    } else {
                        merged.push(*r);
                        right = right_rest;
                    }
                }
                merged.extend_from_slice(left);
                merged.extend_from_slice(right);
            }
            if alone {
                return;
            }
            std::mem::swap(points, merged);
        }
    }
}

/// The active segment that is nearest at a place. In a tie it is the one that
/// came into the list first; and so it is if none is in front.
#[inline(always)]
fn nearest(segments: &[Segment], active: &[usize], at: f64) -> Option<usize> {
    let first = segments.get(*active.first()?)?.number;
    if active.len() == 1 {
        return Some(first);
    }
    let (mut nearest, mut closest) = (first, -SLACK);
    for segment in active.iter().filter_map(|&segment| segments.get(segment)) {
        let k = along(segment.start, segment.stop, at);
        let closeness = mix(segment.start_closeness, segment.stop_closeness, k);
        if closest < closeness && 0.0 < k && k < 1.0 {
            (nearest, closest) = (segment.number, closeness);
        }
    }
    Some(nearest)
}
