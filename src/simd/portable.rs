//! What every processor of the target has.

use std::mem::MaybeUninit;

use super::{Isa, Mask, Vector};

/// The token of the instructions that every processor of the target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portable;

impl Isa for Portable {
    type V = F32x4;
    /// From the first up to the last.
    type Lanes = (usize, usize);
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        // Where there is no instruction for it, a fused multiply-add is a slow library function.
        if cfg!(target_arch = "aarch64") {
            a.mul_add(b, c)
        } else {
            a * b + c
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> F32x4 {
        F32x4([value; F32x4::LANES])
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> F32x4 {
        F32x4(std::array::from_fn(|lane| from[..F32x4::LANES][lane]))
    }

    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> F32x4 {
        match from.first_chunk() {
            Some(lanes) => F32x4(*lanes),
            None => F32x4(std::array::from_fn(|lane| from.get(lane).copied().unwrap_or(0.0))),
        }
    }

    #[inline(always)]
    fn mask(self, start: isize, len: usize) -> Mask<(usize, usize)> {
        let inside = |lane: isize| lane.clamp(0, F32x4::LANES as isize) as usize;
        Mask {
            lanes: (inside(-start), inside(len as isize - start)),
            start,
            len,
        }
    }

    #[inline(always)]
    fn load_masked(self, row: &[f32], mask: &Mask<(usize, usize)>) -> F32x4 {
        assert!(row.len() == mask.len);
        if mask.lanes == (0, F32x4::LANES) {
            return self.load(&row[mask.start as usize..]);
        }
        let mut lanes = [0.0; F32x4::LANES];
        for (i, lane) in lanes.iter_mut().enumerate().take(mask.lanes.1).skip(mask.lanes.0) {
            *lane = row[(mask.start + i as isize) as usize];
        }
        F32x4(lanes)
    }

    #[inline(always)]
    fn deinterleave4(self, from: &[f32]) -> [F32x4; 4] {
        let mut parts = [self.splat(0.0); 4];
        let quads = from[..4 * F32x4::LANES].as_chunks::<4>().0;
        for (lane, quad) in quads.iter().enumerate() {
            for (part, value) in parts.iter_mut().zip(quad) {
                part.0[lane] = *value;
            }
        }
        parts
    }

    #[inline(always)]
    fn prefetch_l1(self, _: *const f32) {}

    #[inline(always)]
    fn prefetch_l2(self, _: *const f32) {}
}

/// The portable vector: arrays this small become registers.
#[derive(Clone, Copy)]
pub(crate) struct F32x4([f32; Self::LANES]);

impl F32x4 {
    #[inline(always)]
    fn map(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (a, b) in lanes.iter_mut().zip(b.0) {
            *a = f(*a, b);
        }
        Self(lanes)
    }
}

impl Vector for F32x4 {
    const LANES: usize = 4;

    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to[..Self::LANES].copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn store_partial(self, to: &mut [MaybeUninit<f32>]) {
        match to.first_chunk_mut() {
            Some(to) => *to = self.0.map(MaybeUninit::new),
            None => {
                for (to, lane) in to.iter_mut().zip(self.0) {
                    to.write(lane);
                }
            }
        }
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.map(b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.map(b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.map(b, |a, b| a * b)
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        let mut lanes = self.0;
        for ((a, b), c) in lanes.iter_mut().zip(b.0).zip(c.0) {
            *a = Portable.mul_add(*a, b, c);
        }
        Self(lanes)
    }

    #[inline(always)]
    fn clamp(self, least: f32, largest: f32) -> Self {
        self.map(self, |a, _| {
            let a = if a < least { least } else { a };
            if a > largest { largest } else { a }
        })
    }
}
