//! Numbers to decimal text: the bytes of `core::fmt`, several times faster.

use std::fmt;

/// Eight decimals.
const ONE: u64 = 100_000_000;

/// One line of text, put together here and appended to a buffer at once.
pub(super) struct Line {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Line {
    /// Fits three of the longest doubles (309 digits, sign, point, eight decimals)
    /// and three colours, or six numbers of corners.
    const ROOM: usize = 1024;

    pub(super) fn new() -> Self {
        Self {
            bytes: [0; Self::ROOM],
            length: 0,
        }
    }

    /// Appends up to eight bytes given in a word, the first one lowest.
    #[inline]
    fn word(&mut self, word: u64, length: usize) {
        self.bytes[self.length..self.length + 8].copy_from_slice(&word.to_le_bytes());
        self.length += length;
    }

    /// Appends these bytes.
    #[inline]
    pub(super) fn bytes<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(bytes);
        self.length += N;
    }

    /// Appends `value` with eight decimals, correctly rounded (halves to even),
    /// as `printf("%.8f")` writes it: `-0.00000000` keeps its sign. It must be finite.
    #[inline]
    pub(super) fn fixed(&mut self, value: f64) {
        if value.is_sign_negative() {
            self.bytes(b"-");
        }
        match scale(value) {
            Some(scaled) => {
                self.digits((scaled / ONE) as u32);
                self.bytes(b".");
                self.word(eight_digits((scaled % ONE) as u32), 8);
            }
            None => self.slowly(format_args!("{:.8}", value.abs())),
        }
    }

    /// Appends a whole number.
    #[inline]
    pub(super) fn whole(&mut self, value: u64) {
        if value < ONE {
            self.digits(value as u32);
        } else {
            self.slowly(format_args!("{value}"));
        }
    }

    /// Appends a number below 10^8 without leading zeros.
    #[inline]
    fn digits(&mut self, value: u32) {
        if value < 10 {
            self.bytes(&[b'0' + value as u8]);
            return;
        }
        let digits = eight_digits(value);
        // The lowest byte is the first digit: zeros there are leading zeros.
        let zeros = (digits & 0x0f0f_0f0f_0f0f_0f0f).trailing_zeros() / 8;
        self.word(digits >> (8 * zeros), 8 - zeros as usize);
    }

    /// Appends what `core::fmt` makes of it.
    #[cold]
    fn slowly(&mut self, text: fmt::Arguments) {
        for byte in text.to_string().into_bytes() {
            self.bytes(&[byte]);
        }
    }

    /// Moves the line to the end of `out`.
    #[inline]
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.bytes(b"\n");
        out.extend_from_slice(&self.bytes[..self.length]);
        self.length = 0;
    }
}

/// A number below 10^8 as eight ASCII digits, the first one in the lowest byte.
///
/// All digits are split off at once, in the lanes of one word: by 10^4 into two
/// lanes, by 100 into four, by 10 into eight. The divisions are multiplications
/// by rounded-up reciprocals, exact in the range of their lanes.
#[inline]
fn eight_digits(value: u32) -> u64 {
    let halves = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    // 10486 / 2^20 is 1/100 for numbers below 10^4.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (halves - 100 * hundreds) << 16;
    // 103 / 2^10 is 1/10 for numbers below 100.
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    (tens | (quarters - 10 * tens) << 8) | 0x3030_3030_3030_3030
}

/// `|value| * 10^8`, rounded to the nearest whole number, halves to even.
/// `None` from 2^26 on, where the whole part may have more than eight digits.
#[inline]
fn scale(value: f64) -> Option<u64> {
    const MANTISSA_BITS: u32 = 52;
    const BIAS: u32 = 1023;
    let bits = value.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as u32 & 0x7ff;
    if exponent >= BIAS + 26 {
        return None;
    }
    let fraction = bits & ((1 << MANTISSA_BITS) - 1);
    let mantissa = if exponent == 0 {
        fraction
    } else {
        fraction | 1 << MANTISSA_BITS
    };
    // |value| = mantissa / 2^shift, exactly; the product has 80 bits at most.
    let shift = BIAS + MANTISSA_BITS - exponent.max(1);
    if shift > 81 {
        return Some(0);
    }
    let product = u128::from(mantissa) * u128::from(ONE);
    let floor = (product >> shift) as u64;
    let rest = product & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    let up = rest > half || (rest == half && floor & 1 == 1);
    Some(floor + u64::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(append: impl Fn(&mut Line)) -> String {
        let (mut line, mut out) = (Line::new(), Vec::new());
        append(&mut line);
        line.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn check(value: f64) {
        assert_eq!(
            text(|line| line.fixed(value)),
            format!("{value:.8}\n"),
            "{value:e}"
        );
    }

    /// Steps of a full-period generator (Steele and Vigna's SplitMix64).
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn every_eight_digits() {
        for value in (0..10_000).chain((0..10_000).map(|high| high * 10_000 + (high * 7) % 10_000)) {
            let text = eight_digits(value).to_le_bytes();
            assert_eq!(std::str::from_utf8(&text).unwrap(), format!("{value:08}"));
        }
    }

    #[test]
    fn whole_numbers() {
        for value in [0, 1, 9, 10, 99_999_999, 100_000_000, 4_294_967_295, u64::MAX] {
            assert_eq!(text(|line| line.whole(value)), format!("{value}\n"));
        }
    }

    #[test]
    fn the_longest_line_fits() {
        let longest = text(|line| (0..3).for_each(|_| line.fixed(-f64::MAX)));
        assert_eq!(longest.len(), 3 * (1 + 309 + 9) + 1);
        assert!(longest.len() + 4 + 3 * 11 <= Line::ROOM);
    }

    #[test]
    fn fixed_point_equals_the_standard_library() {
        let edges = [
            0.0,
            1.0,
            0.5,
            1e-8,
            5e-9,
            1.5e-8,
            0.999_999_995,
            0.999_999_994_999_999_9,
            67_108_863.999_999_99,
        ];
        let powers = (-90..60).map(|power| 2f64.powi(power));
        // Exact halves: an odd multiple of 2^-9 has nine decimals, the last a 5.
        let ties = (0..2000).map(|odd| f64::from(2 * odd + 1) / 512.0);
        let far = [f64::MIN_POSITIVE, 5e-324, f64::MAX, 1e15, 67_108_864.0];
        for value in edges.into_iter().chain(powers).chain(ties).chain(far) {
            check(value);
            check(-value);
        }
        let mut state = 1;
        for _ in 0..200_000 {
            let unit = random(&mut state) as f64 / 2f64.powi(64);
            check((unit - 0.5) * 20.0);
            check(unit * 1e-7);
            check(f64::from_bits(random(&mut state) >> 2).min(f64::MAX));
        }
    }
}
