//! Floor 0: SIMD with run-time dispatch. One source, one machine-code version
//! per instruction set.
//!
//! The library is compiled for the oldest processors it supports, so loops
//! that matter are compiled again for newer instruction sets and the version
//! is chosen when the program runs. There are two ways to write one:
//!
//! - [`Kernel`] and [`run`]: plain Rust, compiled again as it stands for the
//!   compiler to vectorise. All versions do the same roundings in the same
//!   order, so every machine gives the same bytes: products and sums are never
//!   fused unless the code says `mul_add`.
//! - [`per_isa!`]: generic over an instruction set [`Isa`], with its vectors
//!   and its fused multiply-add.
//!
//! A value of a type that is an [`Isa`] is a *token*: it is only made after
//! the processor was asked, so holding one proves that the instructions may be
//! executed. A [`Vector`] is only made with a token, and what is read from and
//! written to are slices; so all operations are safe functions.

mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::MaybeUninit;
use std::sync::LazyLock;

pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// An instruction set of this processor: one of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the target has.
    Portable(Portable),
    /// 256-bit vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Level {
    /// The best instruction set of this processor.
    pub(crate) fn detected() -> Self {
        #[cfg(test)]
        if let Some(level) = FORCED.get() {
            return level;
        }
        static BEST: LazyLock<Level> =
            LazyLock::new(|| Level::available().pop().unwrap_or(Level::Portable(Portable)));
        *BEST
    }

    /// Runs `work` as on a processor on which this is the best instruction set.
    #[cfg(test)]
    pub(crate) fn force<T>(self, work: impl FnOnce() -> T) -> T {
        let before = FORCED.replace(Some(self));
        let result = work();
        FORCED.set(before);
        result
    }

    /// Every instruction set of this processor, the best one last.
    pub(crate) fn available() -> Vec<Self> {
        let levels = [
            Some(Self::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Self::Avx512),
        ];
        levels.into_iter().flatten().collect()
    }

    /// Numbers in a vector.
    pub(crate) const fn lanes(self) -> usize {
        const fn lanes<I: Isa>(_: I) -> usize {
            I::V::LANES
        }
        match self {
            Self::Portable(isa) => lanes(isa),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => lanes(isa),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(isa) => lanes(isa),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// What [`Level::detected`] answers to this thread instead of the truth.
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// A token of an instruction set, and what differs between instruction sets.
pub(crate) trait Isa: Copy {
    /// A register of numbers.
    type V: Vector;
    /// Some of its lanes.
    type Lanes: Copy;
    /// How many vector registers there are.
    const REGISTERS: usize;

    /// `a * b + c`, rounded once where the hardware can.
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::V;

    /// The first elements of `from`.
    ///
    /// # Panics
    /// If there are fewer than lanes.
    fn load(self, from: &[f32]) -> Self::V;

    /// The first elements of `from`, as many as there are; zeros in the lanes beyond.
    fn load_partial(self, from: &[f32]) -> Self::V;

    /// The lanes that lie over a row of `len` elements where the first lane is at `start`, which may be
    /// outside.
    fn mask(self, start: isize, len: usize) -> Mask<Self::Lanes>;

    /// The elements of `row` under the lanes of `mask`, zeros in the others.
    ///
    /// # Panics
    /// If the mask was made for rows of another length.
    fn load_masked(self, row: &[f32], mask: &Mask<Self::Lanes>) -> Self::V;

    /// Elements 0, 4, 8, ..., elements 1, 5, 9, ..., and so on.
    ///
    /// # Panics
    /// If there are fewer than four times the lanes.
    fn deinterleave4(self, from: &[f32]) -> [Self::V; 4];

    /// Asks for the cache line of an address, which may lie anywhere, before it is needed: into the
    /// first-level cache.
    fn prefetch_l1(self, from: *const f32);

    /// The same into the second-level cache.
    fn prefetch_l2(self, from: *const f32);
}

/// A register of single-precision numbers, which only an [`Isa`] makes.
pub(crate) trait Vector: Copy {
    /// How many.
    const LANES: usize;

    /// Writes the first elements of `to`.
    ///
    /// # Panics
    /// If there are fewer than lanes.
    fn store(self, to: &mut [f32]);

    /// Writes the first elements of `to`, as many as there are.
    fn store_partial(self, to: &mut [MaybeUninit<f32>]);

    /// Lane by lane.
    fn add(self, b: Self) -> Self;

    /// Lane by lane.
    fn sub(self, b: Self) -> Self;

    /// Lane by lane.
    fn mul(self, b: Self) -> Self;

    /// `self * b + c`, as [`Isa::mul_add`].
    fn mul_add(self, b: Self, c: Self) -> Self;

    /// Every lane, or the limit that it is beyond. What is no number stays that.
    fn clamp(self, least: f32, largest: f32) -> Self;
}

/// The lanes of a vector that lie over a row: see [`Isa::mask`].
#[derive(Clone, Copy)]
pub(crate) struct Mask<L> {
    /// Those with elements `0..len` of the row under them.
    lanes: L,
    /// Which element is under the first lane.
    start: isize,
    /// Elements of the row.
    len: usize,
}

/// Defines `fn name(level, args...)`, whose body (generic over an [`Isa`], of
/// which the first argument is the token) is compiled once per instruction set.
/// Everything the body calls must be `#[inline(always)]`, or it keeps the
/// instructions of the oldest processor.
macro_rules! per_isa {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$isa:ident>($token:ident: $token_isa:ident $(, $arg:ident: $ty:ty)* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(level: $crate::simd::Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body<$isa: $crate::simd::Isa>($token: $isa, $($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2(isa: $crate::simd::Avx2, $($arg: $ty),*) $(-> $ret)? {
                body(isa, $($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
            #[allow(clippy::too_many_arguments)]
            fn avx512(isa: $crate::simd::Avx512, $($arg: $ty),*) $(-> $ret)? {
                body(isa, $($arg),*)
            }

            match level {
                $crate::simd::Level::Portable(isa) => body(isa, $($arg),*),
                // SAFETY: the token proves that the processor has these instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx2(isa) => unsafe { avx2(isa, $($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Level::Avx512(isa) => unsafe { avx512(isa, $($arg),*) },
            }
        }
    };
}
pub(crate) use per_isa;

/// A computation in plain Rust that is worth compiling for wider registers.
pub(crate) trait Kernel {
    /// What it gives back.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, or the wider version
    /// would only call the narrow one.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` in the widest version this machine has.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
    fn avx512<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }

    match Level::detected() {
        Level::Portable(_) => kernel.run(),
        // SAFETY: the token proves that the processor has these instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) => unsafe { avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(_) => unsafe { avx512(kernel) },
    }
}

/// For how many pairs from the first on `holds`, which is told their index as
/// well; looked at in blocks, so that the compiler compares several at once.
#[inline(always)]
pub(crate) fn leading<T: Copy>(a: &[T], b: &[T], holds: impl Fn(usize, T, T) -> bool) -> usize {
    const BLOCK: usize = 16;
    let mut at = 0;
    for (a, b) in a.as_chunks::<BLOCK>().0.iter().zip(b.as_chunks::<BLOCK>().0) {
        let fails = (0..BLOCK).fold(0, |fails, i| fails | u32::from(!holds(at + i, a[i], b[i])) << i);
        if fails != 0 {
            return at + fails.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    let count = a.len().min(b.len());
    while at < count && holds(at, a[at], b[at]) {
        at += 1;
    }
    at
}
