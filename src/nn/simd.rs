//! One body, one machine-code version per instruction set.
//!
//! The library is compiled for the oldest processors it supports, so loops
//! that matter are compiled again for newer instruction sets and the version
//! is chosen when the program runs.

use std::sync::LazyLock;

/// An instruction set this processor is known to have.
///
/// Only [`Level::detected`] and [`Level::available`] make one, so holding a
/// level proves that its instructions may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level(pub(super) Kind);

/// The instruction sets with versions of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What every processor of the target has.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best instruction set of this processor.
    pub(super) fn detected() -> Self {
        static BEST: LazyLock<Level> =
            LazyLock::new(|| Level::available().pop().unwrap_or(Level(Kind::Portable)));
        *BEST
    }

    /// Every instruction set of this processor, the best one last.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self(Kind::Avx2));
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                {
                    levels.push(Self(Kind::Avx512));
                }
            }
        }
        levels
    }
}

/// The arithmetic that differs between instruction sets.
pub(super) trait Isa: Copy {
    /// `a * b + c`, rounded once where the hardware can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// No fused multiply-add: asking for one would call a slow library function.
#[derive(Clone, Copy)]
pub(super) struct Separate;

impl Isa for Separate {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// Fused multiply-add in one instruction.
#[derive(Clone, Copy)]
pub(super) struct Fused;

impl Isa for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// The arithmetic of [`Kind::Portable`].
#[cfg(target_arch = "aarch64")]
pub(super) type Portable = Fused;
/// The arithmetic of [`Kind::Portable`].
#[cfg(not(target_arch = "aarch64"))]
pub(super) type Portable = Separate;

/// Defines `fn name(level, args...)`, whose body (generic over an [`Isa`]) is
/// compiled once per instruction set. Everything the body calls must be
/// `#[inline(always)]`, or it keeps the instructions of the oldest processor.
macro_rules! per_isa {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$isa:ident>($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(level: $crate::nn::simd::Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<$isa: $crate::nn::simd::Isa>($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body::<$crate::nn::simd::Fused>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body::<$crate::nn::simd::Fused>($($arg),*)
            }

            match level.0 {
                $crate::nn::simd::Kind::Portable => body::<$crate::nn::simd::Portable>($($arg),*),
                // SAFETY: a `Level` is only made for instructions the processor has.
                #[cfg(target_arch = "x86_64")]
                $crate::nn::simd::Kind::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::nn::simd::Kind::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(super) use per_isa;
