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

/// The length of the longest prefix of `0..count` for which `holds`, looked at
/// in blocks so that the compiler compares several at once.
#[inline(always)]
pub(crate) fn leading(count: usize, holds: impl Fn(usize) -> bool) -> usize {
    const BLOCK: usize = 16;
    let mut at = 0;
    while at + BLOCK <= count && (at..at + BLOCK).fold(true, |all, x| all & holds(x)) {
        at += BLOCK;
    }
    let rest = at..count.min(at + BLOCK);
    at + rest.clone().position(|x| !holds(x)).unwrap_or(rest.len())
}
