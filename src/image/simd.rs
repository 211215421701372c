//! One source, several instruction sets: a kernel written once in plain Rust
//! is compiled a second time for AVX2 and chosen at run time.
//!
//! Both versions do the same roundings in the same order, so every machine
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
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the machine was just asked and has both.
        return unsafe { run_avx2(kernel) };
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
