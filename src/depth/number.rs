//! The number types of depth maps.

use std::ops::{Div, Neg, Sub};

/// What a depth map can be made of: `f32` and `f64`.
pub trait Number:
    Copy
    + Default
    + Into<f64>
    + PartialOrd
    + Send
    + Sync
    + Sub<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The nearest number of this type.
    fn nearest(value: f64) -> Self;

    /// Whether it is neither infinite nor undefined.
    fn is_finite(self) -> bool;

    /// 0..1 as 16 bits, by the reference's rule: times 65536 plus 0.0001,
    /// clamped, cut off. So k / 65536 is k exactly, and 1 is 65535.
    fn to_u16(self) -> u16;
}

macro_rules! number {
    ($float:ty) => {
        impl Number for $float {
            #[inline(always)]
            fn nearest(value: f64) -> Self {
                value as $float
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }

            #[inline(always)]
            fn to_u16(self) -> u16 {
                let scaled = self * 65536.0 + 0.0001;
                // What is no number fails both comparisons and becomes 0.
                let scaled = if scaled > 0.0 { scaled } else { 0.0 };
                let scaled = if scaled < 65535.9 { scaled } else { 65535.9 };
                // SAFETY: from 0 to 65535.9, as was just seen to. An `as` would check it again, and
                // keep the loop around this from being done in vectors.
                unsafe { scaled.to_int_unchecked::<i32>() as u16 }
            }
        }
    };
}

number!(f32);
number!(f64);
