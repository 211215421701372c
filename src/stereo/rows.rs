//! The scanline fills: those that look at one row at a time.

use super::options::Shift;
use super::scatter::{self, Coverage};
use super::warp::{TEAR, WarpedRow};
use super::{Fill, polylines};
use crate::simd::{self, Kernel};

/// A row of an eye: its pixels, and which of them are holes if that is wanted.
pub(super) struct Seen<'a, const C: usize> {
    pub pixels: &'a mut [[u8; C]],
    pub holes: Option<&'a mut [bool]>,
}

/// Paints rows. Keeps its memory from row to row.
#[derive(Default)]
pub(super) struct RowPainter {
    nearness: Vec<f64>,
    /// The row's channels, split when a fill first asks for them.
    colours: [Vec<f64>; 4],
    is_split: bool,
    shifts: Vec<i32>,
    run_ends: Vec<usize>,
    coverage: Coverage,
    polylines: polylines::Scratch,
    warped: WarpedRow,
}

impl RowPainter {
    /// Takes up a new row; `nearness` fills in a value a pixel.
    pub fn load<const C: usize>(&mut self, row: &[[u8; C]], nearness: impl FnOnce(&mut [f64])) {
        self.nearness.resize(row.len(), 0.0);
        nearness(&mut self.nearness);
        self.is_split = false;
    }

    /// Paints the loaded row as an eye sees it.
    pub fn paint<const C: usize>(&mut self, row: &[[u8; C]], shift: Shift, fill: Fill, seen: Seen<C>) {
        match fill {
            Fill::None | Fill::Naive | Fill::NaiveInterpolating => self.scatter(row, shift, fill, seen),
            Fill::PolylinesSoft => self.polylines::<false, C>(row, shift, seen),
            Fill::PolylinesSharp | Fill::Inpaint => self.polylines::<true, C>(row, shift, seen),
        }
    }

    fn scatter<const C: usize>(&mut self, row: &[[u8; C]], shift: Shift, fill: Fill, seen: Seen<C>) {
        self.shifts.resize(row.len(), 0);
        scatter::whole_shifts(&self.nearness, shift, &mut self.shifts, &mut self.run_ends);
        let leftward = shift.divergence < 0.0;
        let runs = scatter::Runs {
            shifts: &self.shifts,
            ends: &self.run_ends,
        };
        scatter::scatter(runs, leftward, row, seen.pixels, &mut self.coverage);
        match fill {
            Fill::Naive => scatter::repeat_nearest(shift, seen.pixels, &self.coverage),
            Fill::NaiveInterpolating => scatter::interpolate(seen.pixels, &self.coverage),
            _ => {}
        }
        if let Some(holes) = seen.holes {
            for (from, to) in self.coverage.openings() {
                holes[from..to].fill(true);
            }
        }
    }

    fn polylines<const SHARP: bool, const C: usize>(&mut self, row: &[[u8; C]], shift: Shift, seen: Seen<C>) {
        if !self.is_split {
            self.colours
                .iter_mut()
                .for_each(|plane| plane.resize(row.len(), 0.0));
            simd::run(SplitChannels {
                row,
                planes: &mut self.colours,
            });
            self.is_split = true;
        }
        let colours = std::array::from_fn(|c| self.colours[c].as_slice());
        polylines::draw_row::<SHARP, C>(&self.nearness, colours, shift, &mut self.polylines, seen.pixels);
        if let Some(holes) = seen.holes {
            self.warped.warp(&self.nearness, shift, TEAR);
            for (hole, nearness) in holes.iter_mut().zip(&self.warped.nearness) {
                *hole = *nearness < 0.0;
            }
        }
    }
}

/// Takes a row apart into a plane a channel.
struct SplitChannels<'a, const C: usize> {
    row: &'a [[u8; C]],
    planes: &'a mut [Vec<f64>; 4],
}

impl<const C: usize> Kernel for SplitChannels<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (c, plane) in self.planes.iter_mut().enumerate().take(C) {
            for (value, pixel) in plane.iter_mut().zip(self.row) {
                *value = f64::from(pixel[c]);
            }
        }
    }
}
