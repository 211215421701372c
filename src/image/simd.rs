//! One source, several instruction sets: a kernel written once in plain Rust
//! is compiled again for AVX2 and AVX-512 and chosen at run time.
//!
//! All versions do the same roundings in the same order, so every machine
//! gives the same bytes: products and sums are never fused unless the code says
//! `mul_add`, and that rounds once even where it takes a library call.

/// A computation worth compiling for wider registers.
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
    if std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("fma")
    {
        // SAFETY: the machine was just asked and has these parts of AVX-512.
        return unsafe { run_avx512(kernel) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the machine was just asked and has both.
        return unsafe { run_avx2(kernel) };
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512vl,avx512dq,avx512bw,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
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
