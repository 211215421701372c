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
        #[cfg(test)]
        if let Some(level) = FORCED.get() {
            return level;
        }
        static BEST: LazyLock<Level> =
            LazyLock::new(|| Level::available().pop().unwrap_or(Level(Kind::Portable)));
        *BEST
    }

    /// Runs `work` as on a processor on which this is the best instruction set.
    #[cfg(test)]
    pub(super) fn force<T>(self, work: impl FnOnce() -> T) -> T {
        let before = FORCED.replace(Some(self));
        let result = work();
        FORCED.set(before);
        result
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

#[cfg(test)]
thread_local! {
    /// What [`Level::detected`] answers to this thread instead of the truth.
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// What differs between instruction sets.
pub(super) trait Isa {
    /// A register of numbers.
    type V: Vector;

    /// `a * b + c`, rounded once where the hardware can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// A register of single-precision numbers.
pub(super) trait Vector: Copy {
    /// How many.
    const LANES: usize;
    /// Some of the lanes.
    type Mask: Copy;

    /// The same number in every lane.
    ///
    /// # Safety
    /// The processor has the instructions of this vector. So for all functions here.
    unsafe fn splat(value: f32) -> Self;
    /// # Safety
    /// `LANES` elements may be read.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `LANES` elements may be written.
    unsafe fn store(self, to: *mut f32);
    /// The first `count` lanes, zeros in the others.
    ///
    /// # Safety
    /// `count` elements may be read, at most `LANES`.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;
    /// Stores the first `count` lanes.
    ///
    /// # Safety
    /// `count` elements may be written, at most `LANES`.
    unsafe fn store_first(self, to: *mut f32, count: usize);
    /// The lanes from `start` up to `end`, which may lie outside the vector.
    unsafe fn lanes(start: isize, end: isize) -> Self::Mask;
    /// The lanes of `mask`, zeros in the others.
    ///
    /// # Safety
    /// The elements of those lanes may be read.
    unsafe fn load_lanes(from: *const f32, mask: Self::Mask) -> Self;
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self * b + c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// Every lane, or this number if it is larger. What is no number stays that.
    unsafe fn at_least(self, least: f32) -> Self;
    /// Every lane, or this number if it is smaller. What is no number stays that.
    unsafe fn at_most(self, largest: f32) -> Self;
    /// Asks for the cache line of an address, which may lie anywhere, before it is needed: into the
    /// second cache.
    unsafe fn prefetch(from: *const f32);
    /// The same into the first cache.
    unsafe fn prefetch_near(from: *const f32);
    /// Elements 0, 4, 8, ..., elements 1, 5, 9, ..., and so on.
    ///
    /// # Safety
    /// `4 * LANES` elements may be read.
    unsafe fn every_fourth(from: *const f32) -> [Self; 4];
}

/// What every processor of the target has.
pub(super) struct Baseline;

impl Isa for Baseline {
    type V = Lanes;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        // Where there is no instruction for it, a fused multiply-add is a slow library function.
        if cfg!(target_arch = "aarch64") {
            a.mul_add(b, c)
        } else {
            a * b + c
        }
    }
}

/// The portable vector: arrays this small become registers.
#[derive(Clone, Copy)]
pub(super) struct Lanes([f32; Self::LANES]);

impl Lanes {
    #[inline(always)]
    fn map(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (a, b) in lanes.iter_mut().zip(b.0) {
            *a = f(*a, b);
        }
        Self(lanes)
    }
}

impl Vector for Lanes {
    const LANES: usize = 4;
    type Mask = (usize, usize);

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; Self::LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of floats needs no more alignment than one.
        unsafe { Self(from.cast::<[f32; Self::LANES]>().read()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { to.cast::<[f32; Self::LANES]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; Self::LANES];
        for (i, lane) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's promise.
            *lane = unsafe { *from.add(i) };
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        for (i, lane) in self.0.into_iter().enumerate().take(count) {
            // SAFETY: the caller's promise.
            unsafe { to.add(i).write(lane) };
        }
    }

    #[inline(always)]
    unsafe fn lanes(start: isize, end: isize) -> (usize, usize) {
        let inside = |place: isize| place.clamp(0, Self::LANES as isize) as usize;
        (inside(start), inside(end))
    }

    #[inline(always)]
    unsafe fn load_lanes(from: *const f32, (start, end): (usize, usize)) -> Self {
        // SAFETY: the caller's promise. So for all below.
        unsafe {
            if (start, end) == (0, Self::LANES) {
                return Self::load(from);
            }
            let mut lanes = [0.0; Self::LANES];
            for (i, lane) in lanes.iter_mut().enumerate().take(end).skip(start) {
                *lane = *from.wrapping_add(i);
            }
            Self(lanes)
        }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.map(b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.map(b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.map(b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        let mut lanes = self.0;
        for ((a, b), c) in lanes.iter_mut().zip(b.0).zip(c.0) {
            *a = Baseline::mul_add(*a, b, c);
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn at_least(self, least: f32) -> Self {
        self.map(self, |a, _| if a < least { least } else { a })
    }

    #[inline(always)]
    unsafe fn at_most(self, largest: f32) -> Self {
        self.map(self, |a, _| if a > largest { largest } else { a })
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}

    #[inline(always)]
    unsafe fn prefetch_near(_: *const f32) {}

    #[inline(always)]
    unsafe fn every_fourth(from: *const f32) -> [Self; 4] {
        // SAFETY: the caller's promise.
        let from = unsafe { from.cast::<[[f32; 4]; Self::LANES]>().read() };
        let mut parts = [Self([0.0; Self::LANES]); 4];
        for (lane, from) in from.iter().enumerate() {
            for (part, value) in parts.iter_mut().zip(from) {
                part.0[lane] = *value;
            }
        }
        parts
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __mmask16, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps,
        _mm256_andnot_si256, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
        _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps,
        _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps,
        _mm512_mul_ps, _mm512_permutex2var_ps, _mm512_set1_ps, _mm512_setr_epi32, _mm512_shuffle_f32x4,
        _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::{Isa, Vector};

    /// 256-bit vectors with fused multiply-add.
    pub(in crate::nn) struct Avx2;

    /// 512-bit vectors.
    pub(in crate::nn) struct Avx512;

    impl Isa for Avx2 {
        type V = __m256;

        #[inline(always)]
        fn mul_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    impl Isa for Avx512 {
        type V = __m512;

        #[inline(always)]
        fn mul_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    macro_rules! vector {
        ($v:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $mask:ty, $lanes_of:ident, $load_lanes:ident, $store_lanes:ident, $add:ident, $sub:ident, $mul:ident, $fma:ident, $max:ident, $min:ident, $every_fourth:ident) => {
            impl Vector for $v {
                const LANES: usize = $lanes;
                type Mask = $mask;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the caller's promise. So for all below.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: as above.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: as above.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn load_first(from: *const f32, count: usize) -> Self {
                    // SAFETY: as above.
                    unsafe { $load_lanes(from, $lanes_of(0, count as isize)) }
                }

                #[inline(always)]
                unsafe fn store_first(self, to: *mut f32, count: usize) {
                    // SAFETY: as above.
                    unsafe { $store_lanes(to, $lanes_of(0, count as isize), self) }
                }

                #[inline(always)]
                unsafe fn lanes(start: isize, end: isize) -> $mask {
                    // SAFETY: as above.
                    unsafe { $lanes_of(start, end) }
                }

                #[inline(always)]
                unsafe fn load_lanes(from: *const f32, mask: $mask) -> Self {
                    // SAFETY: as above.
                    unsafe { $load_lanes(from, mask) }
                }

                #[inline(always)]
                unsafe fn add(self, b: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $add(self, b) }
                }

                #[inline(always)]
                unsafe fn sub(self, b: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $sub(self, b) }
                }

                #[inline(always)]
                unsafe fn mul(self, b: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $mul(self, b) }
                }

                #[inline(always)]
                unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $fma(self, b, c) }
                }

                #[inline(always)]
                unsafe fn at_least(self, least: f32) -> Self {
                    // SAFETY: as above. The second operand is the result where one is no number.
                    unsafe { $max($splat(least), self) }
                }

                #[inline(always)]
                unsafe fn at_most(self, largest: f32) -> Self {
                    // SAFETY: as above.
                    unsafe { $min($splat(largest), self) }
                }

                #[inline(always)]
                unsafe fn prefetch(from: *const f32) {
                    // SAFETY: as above; the instruction reads nothing and faults nowhere.
                    unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
                }

                #[inline(always)]
                unsafe fn prefetch_near(from: *const f32) {
                    // SAFETY: as above.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
                }

                #[inline(always)]
                unsafe fn every_fourth(from: *const f32) -> [Self; 4] {
                    // SAFETY: as above.
                    unsafe { $every_fourth(from) }
                }
            }
        };
    }

    vector!(
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        __m256i,
        lanes_avx2,
        load_avx2,
        store_avx2,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        every_fourth_avx2
    );
    vector!(
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        __mmask16,
        lanes_avx512,
        load_avx512,
        store_avx512,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        every_fourth_avx512
    );

    /// # Safety
    /// As [`Vector::lanes`], on a processor with AVX2.
    #[inline(always)]
    unsafe fn lanes_avx2(start: isize, end: isize) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let (start, end) = (start.clamp(0, 8) as i32, end.clamp(0, 8) as i32);
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let before = _mm256_cmpgt_epi32(_mm256_set1_epi32(start), lanes);
            _mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lanes))
        }
    }

    /// # Safety
    /// As [`Vector::lanes`].
    #[inline(always)]
    unsafe fn lanes_avx512(start: isize, end: isize) -> __mmask16 {
        let below = |place: isize| (1u32 << place.clamp(0, 16)) - 1;
        (below(end) & !below(start)) as __mmask16
    }

    /// # Safety
    /// As [`Vector::load_lanes`], on a processor with AVX2.
    #[inline(always)]
    unsafe fn load_avx2(from: *const f32, mask: __m256i) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_maskload_ps(from, mask) }
    }

    /// # Safety
    /// As [`Vector::load_lanes`], on a processor with AVX-512.
    #[inline(always)]
    unsafe fn load_avx512(from: *const f32, mask: __mmask16) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }

    /// # Safety
    /// The lanes of `mask` may be written, on a processor with AVX2.
    #[inline(always)]
    unsafe fn store_avx2(to: *mut f32, mask: __m256i, value: __m256) {
        // SAFETY: the caller's promise.
        unsafe { _mm256_maskstore_ps(to, mask, value) }
    }

    /// # Safety
    /// The lanes of `mask` may be written, on a processor with AVX-512.
    #[inline(always)]
    unsafe fn store_avx512(to: *mut f32, mask: __mmask16, value: __m512) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_mask_storeu_ps(to, mask, value) }
    }

    /// # Safety
    /// As [`Vector::every_fourth`], on a processor with AVX2.
    #[inline(always)]
    unsafe fn every_fourth_avx2(from: *const f32) -> [__m256; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let rows: [__m256; 4] = [0, 8, 16, 24].map(|at| _mm256_loadu_ps(from.add(at)));
            // Elements 4i and 4i + 1 of the first two rows and of the last two, in pairs by 128 bits ...
            let a = _mm256_unpacklo_ps(rows[0], rows[1]);
            let b = _mm256_unpackhi_ps(rows[0], rows[1]);
            let c = _mm256_unpacklo_ps(rows[2], rows[3]);
            let d = _mm256_unpackhi_ps(rows[2], rows[3]);
            // ... gathered to the order 0, 8, 16, 24, 4, 12, 20, 28, which one permutation sorts.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            [
                _mm256_shuffle_ps::<0b01_00_01_00>(a, c),
                _mm256_shuffle_ps::<0b11_10_11_10>(a, c),
                _mm256_shuffle_ps::<0b01_00_01_00>(b, d),
                _mm256_shuffle_ps::<0b11_10_11_10>(b, d),
            ]
            .map(|mixed| _mm256_permutevar8x32_ps(mixed, order))
        }
    }

    /// # Safety
    /// As [`Vector::every_fourth`], on a processor with AVX-512.
    #[inline(always)]
    unsafe fn every_fourth_avx512(from: *const f32) -> [__m512; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let [a, b, c, d] = [0, 16, 32, 48].map(|at| _mm512_loadu_ps(from.add(at)));
            // Eight elements of one part below, eight of the next part above.
            let low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
            let high = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
            let (ab, cd) = (
                _mm512_permutex2var_ps(a, low, b),
                _mm512_permutex2var_ps(c, low, d),
            );
            let (ef, gh) = (
                _mm512_permutex2var_ps(a, high, b),
                _mm512_permutex2var_ps(c, high, d),
            );
            [
                _mm512_shuffle_f32x4::<0b01_00_01_00>(ab, cd),
                _mm512_shuffle_f32x4::<0b11_10_11_10>(ab, cd),
                _mm512_shuffle_f32x4::<0b01_00_01_00>(ef, gh),
                _mm512_shuffle_f32x4::<0b11_10_11_10>(ef, gh),
            ]
        }
    }
}

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
                body::<$crate::nn::simd::Avx2>($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body::<$crate::nn::simd::Avx512>($($arg),*)
            }

            match level.0 {
                $crate::nn::simd::Kind::Portable => body::<$crate::nn::simd::Baseline>($($arg),*),
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

#[cfg(test)]
mod tests {
    use super::*;

    per_isa! {
        fn deal<I>(from: &[f32], to: &mut [Vec<f32>; 4]) {
            assert!(from.len() >= 4 * I::V::LANES);
            // SAFETY: as just checked, and every part gets room for a vector.
            unsafe {
                for (part, to) in I::V::every_fourth(from.as_ptr()).into_iter().zip(to) {
                    to.resize(I::V::LANES, 0.0);
                    part.store(to.as_mut_ptr());
                }
            }
        }
    }

    per_isa! {
        fn middle<I>(from: &[f32], start: usize, end: usize, to: &mut Vec<f32>) {
            assert!(start <= end && from.len() == end - start && to.len() >= I::V::LANES);
            // SAFETY: as just checked.
            unsafe {
                let mask = I::V::lanes(start as isize, end as isize);
                I::V::load_lanes(from.as_ptr().wrapping_sub(start), mask).store(to.as_mut_ptr());
            }
            to.truncate(I::V::LANES);
        }
    }

    #[test]
    fn lanes_in_the_middle_are_loaded() {
        for level in Level::available() {
            for (start, end) in (0..=4).flat_map(|end| (0..=end).map(move |start| (start, end))) {
                let from: Vec<f32> = (start..end).map(|i| 1.0 + i as f32).collect();
                let mut to = vec![-1.0; 16];
                middle(level, &from, start, end, &mut to);
                for (i, value) in to.iter().enumerate() {
                    let want = if (start..end).contains(&i) {
                        1.0 + i as f32
                    } else {
                        0.0
                    };
                    assert_eq!(*value, want, "{level:?}, {start} to {end}");
                }
            }
        }
    }

    per_isa! {
        fn first<I>(from: &[f32], count: usize, to: &mut Vec<f32>) {
            assert!(from.len() >= count && count <= I::V::LANES && to.len() >= I::V::LANES);
            // SAFETY: as just checked.
            unsafe {
                I::V::load_first(from.as_ptr(), count).store(to.as_mut_ptr());
                I::V::load_first(from.as_ptr(), count).store_first(to.as_mut_ptr().add(I::V::LANES), count);
            }
            to.truncate(2 * I::V::LANES);
        }
    }

    #[test]
    fn part_of_a_vector_is_loaded_and_stored() {
        for level in Level::available() {
            let mut count = 0;
            loop {
                let from: Vec<f32> = (1..=count as u8).map(f32::from).collect();
                let mut to = vec![-1.0; 32];
                first(level, &from, count, &mut to);
                let lanes = to.len() / 2;
                for (i, value) in to.iter().enumerate() {
                    let want = match (i < lanes, i % lanes < count) {
                        (_, true) => from[i % lanes],
                        (true, false) => 0.0,
                        (false, false) => -1.0,
                    };
                    assert_eq!(*value, want, "{level:?}, {count} of {lanes}, element {i}");
                }
                if count == lanes {
                    break;
                }
                count += 1;
            }
        }
    }

    #[test]
    fn every_fourth_element_is_dealt_to_its_part() {
        let from: Vec<f32> = (0..64u8).map(f32::from).collect();
        for level in Level::available() {
            let mut parts: [Vec<f32>; 4] = Default::default();
            deal(level, &from, &mut parts);
            for (part, values) in parts.iter().enumerate() {
                for (lane, value) in values.iter().enumerate() {
                    assert_eq!(*value, (4 * lane + part) as f32, "{level:?}");
                }
            }
        }
    }
}
