//! Plain floating-point sums, in the type of the samples.

use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Mul};

use super::engine::Arithmetic;

/// Samples, weights and sums all of one floating-point type.
pub(super) struct Float<T>(PhantomData<T>);

impl<T> Float<T> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<T> Arithmetic for Float<T>
where
    T: Copy + Default + Send + Sync + Add<Output = T> + AddAssign + Mul<Output = T>,
{
    type Sample = T;
    type Weight = T;
    type Mid = T;
    type Sum = T;

    #[inline(always)]
    fn zero_across(&self) -> T {
        T::default()
    }
    #[inline(always)]
    fn add_across(&self, sum: T, weight: T, sample: T) -> T {
        sum + weight * sample
    }
    #[inline(always)]
    fn finish_across(&self, sum: T) -> T {
        sum
    }
    #[inline(always)]
    fn zero_down(&self) -> T {
        T::default()
    }
    #[inline(always)]
    fn add_down(&self, sum: T, weight: T, mid: T) -> T {
        sum + weight * mid
    }
    #[inline(always)]
    fn finish_down(&self, sum: T) -> T {
        sum
    }
}
