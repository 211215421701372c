//! Depth as the stereo room wants it: nearness from 0 to 1, raised to the
//! offset exponent.

use ndarray::{ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use super::options::raise;
use crate::simd::{self, Kernel};
use crate::{Error, Result};

/// A number a depth picture can be made of; larger is nearer.
pub trait DepthSample: Copy + PartialOrd + Send + Sync + sealed::Sealed + 'static {
    /// The number as a double.
    fn to_f64(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! depth_sample {
    ($($t:ty),*) => {$(
        impl sealed::Sealed for $t {}
        impl DepthSample for $t {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}
depth_sample!(u8, u16, f32, f64);

/// A depth picture together with the line that maps it to 0..1.
pub(super) struct Nearness<'a, D: DepthSample> {
    depth: CowArray<'a, D, Ix2>,
    low: f64,
    range: f64,
    exponent: f64,
}

impl<'a, D: DepthSample> Nearness<'a, D> {
    /// Finds the depth's own minimum and maximum.
    pub fn new(depth: ArrayView2<'a, D>, exponent: f64) -> Result<Self> {
        let depth = CowArray::from(depth);
        let depth = if depth.is_standard_layout() {
            depth
        } else {
            depth.as_standard_layout().into_owned().into()
        };
        let samples = depth.as_slice().unwrap_or_default();
        let extent = samples
            .par_chunks(1 << 16)
            .map(|chunk| {
                let mut finite = true;
                let (mut low, mut high) = (chunk[0], chunk[0]);
                for &sample in chunk {
                    finite &= sample.to_f64().is_finite();
                    low = if sample < low { sample } else { low };
                    high = if sample > high { sample } else { high };
                }
                (low.to_f64(), high.to_f64(), finite)
            })
            .reduce_with(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2 & b.2));
        let (low, high, finite) = extent.unwrap_or((0.0, 0.0, true));
        if !finite || !(high - low).is_finite() {
            return Err(Error::invalid(
                "the depth holds a value that is not a finite number; replace NaN and infinity first",
            ));
        }
        Ok(Self {
            depth,
            low,
            range: high - low,
            exponent,
        })
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        self.depth.dim()
    }

    /// Writes row `y` into `out`. Flat depth is 0 everywhere.
    pub fn row(&self, y: usize, out: &mut [f64]) {
        let width = out.len();
        let samples = self
            .depth
            .as_slice()
            .and_then(|all| all.get(y * width..(y + 1) * width));
        let Some(samples) = samples.filter(|_| self.range > 0.0) else {
            return out.fill(0.0);
        };
        simd::run(Normalise {
            samples,
            low: self.low,
            range: self.range,
            out,
        });
        if self.exponent != 1.0 {
            for value in out {
                *value = raise(*value, self.exponent);
            }
        }
    }
}

/// Maps a row of depth to 0..1.
struct Normalise<'a, D> {
    samples: &'a [D],
    low: f64,
    range: f64,
    out: &'a mut [f64],
}

impl<D: DepthSample> Kernel for Normalise<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (value, sample) in self.out.iter_mut().zip(self.samples) {
            *value = (sample.to_f64() - self.low) / self.range;
        }
    }
}
