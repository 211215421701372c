//! Loops for wider registers than every processor has.

/// Compiles a function twice, once for AVX2, and picks at run time. Wider
/// registers change no bit: there is no fused multiply-add in either.
///
/// `fn name[generics][arguments](parameters) -> Out { .. }`, the generics once as
/// they are declared and once as they are passed on.
macro_rules! widened {
    ($(#[$doc:meta])* fn $name:ident [$($generic:tt)*] [$($given:tt)*] ($($arg:ident: $ty:ty),* $(,)?) -> $out:ty $body:block) => {
        $(#[$doc])*
        pub(super) fn $name<$($generic)*>($($arg: $ty),*) -> $out {
            #[inline(always)]
            fn body<$($generic)*>($($arg: $ty),*) -> $out $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<$($generic)*>($($arg: $ty),*) -> $out {
                    body::<$($given)*>($($arg),*)
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2.
                    return unsafe { avx2::<$($given)*>($($arg),*) };
                }
            }
            body::<$($given)*>($($arg),*)
        }
    };
}

pub(super) use widened;
