//! The instruction sets of x86-64 beyond what every such processor has.

use std::arch::x86_64::{
    __m256, __m256i, __m512, __mmask16, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm256_add_ps,
    _mm256_andnot_si256, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_maskload_ps,
    _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_permutevar8x32_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps,
    _mm512_permutex2var_ps, _mm512_set1_ps, _mm512_setr_epi32, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_sub_ps,
};
use std::mem::MaybeUninit;

use super::{Isa, Mask, Vector};

/// The token of AVX2: 256-bit vectors with fused multiply-add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The token, if the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// The token of AVX-512: 512-bit vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The token, if the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        let all = Avx2::detect().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        all.then_some(Self(()))
    }
}

/// Makes `$isa` an [`Isa`] whose vector is `$vector`.
///
/// An intrinsic needs a processor that has it: the token proves that, and so does a vector, which only a token
/// makes. What an intrinsic reads or writes is checked right before it.
macro_rules! isa {
    ($isa:ident, $vector:ident($register:ident), $lanes_type:ty, lanes: $lanes:literal, registers: $registers:literal,
     $splat:ident, $load:ident, $store:ident, $lanes_of:ident, $load_lanes:ident, $store_lanes:ident,
     $max:ident, $min:ident, $deinterleave4:ident, {$($op:ident($($arg:ident),*): $intrinsic:ident)*}) => {
        /// A register of this instruction set.
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(crate) struct $vector($register);

        impl Isa for $isa {
            type V = $vector;
            type Lanes = $lanes_type;
            const REGISTERS: usize = $registers;

            #[inline(always)]
            fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
                a.mul_add(b, c)
            }

            #[inline(always)]
            fn splat(self, value: f32) -> $vector {
                // SAFETY: the token proves that the processor has the instruction. So for all below.
                $vector(unsafe { $splat(value) })
            }

            #[inline(always)]
            fn load(self, from: &[f32]) -> $vector {
                assert!(from.len() >= $lanes);
                // SAFETY: as just checked.
                $vector(unsafe { $load(from.as_ptr()) })
            }

            #[inline(always)]
            fn load_partial(self, from: &[f32]) -> $vector {
                if from.len() >= $lanes {
                    return self.load(from);
                }
                // SAFETY: only lanes with an element are read.
                $vector(unsafe { $load_lanes(from.as_ptr(), $lanes_of(0, from.len() as isize)) })
            }

            #[inline(always)]
            fn mask(self, start: isize, len: usize) -> Mask<$lanes_type> {
                // SAFETY: nothing is read.
                let lanes = unsafe { $lanes_of(-start, len as isize - start) };
                Mask { lanes, start, len }
            }

            #[inline(always)]
            fn load_masked(self, row: &[f32], mask: &Mask<$lanes_type>) -> $vector {
                assert!(row.len() == mask.len);
                // SAFETY: only lanes are read that lie over a row of this length.
                $vector(unsafe { $load_lanes(row.as_ptr().wrapping_offset(mask.start), mask.lanes) })
            }

            #[inline(always)]
            fn deinterleave4(self, from: &[f32]) -> [$vector; 4] {
                let row = |row: usize| self.load(&from[row * $lanes..]).0;
                // SAFETY: nothing is read.
                let [a, b, c, d] = unsafe { $deinterleave4([row(0), row(1), row(2), row(3)]) };
                [$vector(a), $vector(b), $vector(c), $vector(d)]
            }

            #[inline(always)]
            fn prefetch_l1(self, from: *const f32) {
                // SAFETY: the instruction reads nothing and faults nowhere.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
            }

            #[inline(always)]
            fn prefetch_l2(self, from: *const f32) {
                // SAFETY: as above.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) }
            }
        }

        impl Vector for $vector {
            const LANES: usize = $lanes;

            #[inline(always)]
            fn store(self, to: &mut [f32]) {
                assert!(to.len() >= $lanes);
                // SAFETY: as just checked; a token made this vector. So for all below.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }

            #[inline(always)]
            fn store_partial(self, to: &mut [MaybeUninit<f32>]) {
                let (count, to) = (to.len(), to.as_mut_ptr().cast());
                // SAFETY: only lanes with an element are written.
                unsafe {
                    match count >= $lanes {
                        true => $store(to, self.0),
                        false => $store_lanes(to, $lanes_of(0, count as isize), self.0),
                    }
                }
            }

            $(#[inline(always)]
            fn $op(self, $($arg: Self),*) -> Self {
                // SAFETY: nothing is read.
                Self(unsafe { $intrinsic(self.0, $($arg.0),*) })
            })*

            #[inline(always)]
            fn clamp(self, least: f32, largest: f32) -> Self {
                // SAFETY: nothing is read. The second operand is the result where one is no number.
                Self(unsafe { $min($splat(largest), $max($splat(least), self.0)) })
            }
        }
    };
}

isa!(
    Avx2, F32x8(__m256), __m256i, lanes: 8, registers: 16,
    _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, lanes_avx2, _mm256_maskload_ps, _mm256_maskstore_ps,
    _mm256_max_ps, _mm256_min_ps, deinterleave4_avx2,
    { add(b): _mm256_add_ps sub(b): _mm256_sub_ps mul(b): _mm256_mul_ps mul_add(b, c): _mm256_fmadd_ps }
);
isa!(
    Avx512, F32x16(__m512), __mmask16, lanes: 16, registers: 32,
    _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, lanes_avx512, load_lanes_avx512, _mm512_mask_storeu_ps,
    _mm512_max_ps, _mm512_min_ps, deinterleave4_avx512,
    { add(b): _mm512_add_ps sub(b): _mm512_sub_ps mul(b): _mm512_mul_ps mul_add(b, c): _mm512_fmadd_ps }
);

/// The lanes from `start` up to `end`, which may lie outside the vector.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes_avx2(start: isize, end: isize) -> __m256i {
    let (start, end) = (start.clamp(0, 8) as i32, end.clamp(0, 8) as i32);
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let before = _mm256_cmpgt_epi32(_mm256_set1_epi32(start), lanes);
    _mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lanes))
}

/// As [`lanes_avx2`].
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes_avx512(start: isize, end: isize) -> __mmask16 {
    let below = |lane: isize| (1u32 << lane.clamp(0, 16)) - 1;
    (below(end) & !below(start)) as __mmask16
}

/// # Safety
/// The elements of those lanes may be read.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_lanes_avx512(from: *const f32, lanes: __mmask16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_maskz_loadu_ps(lanes, from) }
}

/// Elements 0, 4, 8, ... of all `rows`, elements 1, 5, 9, ..., and so on.
#[inline]
#[target_feature(enable = "avx2")]
fn deinterleave4_avx2(rows: [__m256; 4]) -> [__m256; 4] {
    // Elements 4i and 4i + 1 of the first two rows and of the last two, in pairs by 128 bits ...
    let a = _mm256_unpacklo_ps(rows[0], rows[1]);
    let b = _mm256_unpackhi_ps(rows[0], rows[1]);
    let c = _mm256_unpacklo_ps(rows[2], rows[3]);
    let d = _mm256_unpackhi_ps(rows[2], rows[3]);
    // ... gathered to the order 0, 8, 16, 24, 4, 12, 20, 28, which one permutation sorts.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    [
        _mm256_permutevar8x32_ps(_mm256_shuffle_ps::<0b01_00_01_00>(a, c), order),
        _mm256_permutevar8x32_ps(_mm256_shuffle_ps::<0b11_10_11_10>(a, c), order),
        _mm256_permutevar8x32_ps(_mm256_shuffle_ps::<0b01_00_01_00>(b, d), order),
        _mm256_permutevar8x32_ps(_mm256_shuffle_ps::<0b11_10_11_10>(b, d), order),
    ]
}

/// As [`deinterleave4_avx2`].
#[inline]
#[target_feature(enable = "avx512f")]
fn deinterleave4_avx512([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
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
