//! A small seeded random generator (PCG32, O'Neill 2014): the same seed gives the same pictures everywhere.

use glam::Vec3;

/// PCG32 with the distributions that the scenes need.
#[derive(Clone)]
pub struct Rng {
    state: u64,
    stream: u64,
}

impl Rng {
    /// A generator for `seed`; generators of different `stream`s are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self {
            state: 0,
            stream: (stream << 1) | 1,
        };
        rng.next();
        rng.state = rng.state.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.next();
        rng.next();
        rng
    }

    /// A generator that goes on independently of this one.
    pub fn fork(&mut self) -> Self {
        let seed = (u64::from(self.next()) << 32) | u64::from(self.next());
        Self::new(seed, u64::from(self.next()))
    }

    fn next(&mut self) -> u32 {
        let old = self.state;
        self.state = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(self.stream);
        let xorshifted = (((old >> 18) ^ old) >> 27) as u32;
        xorshifted.rotate_right((old >> 59) as u32)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in the logarithm, in `low..high` (both positive).
    pub fn log_range(&mut self, low: f32, high: f32) -> f32 {
        (low.ln() + (high / low).ln() * self.unit()).exp()
    }

    /// A whole number in `low..high` (`high` excluded); `low` when the range is empty.
    pub fn int(&mut self, low: usize, high: usize) -> usize {
        if high <= low {
            low
        } else {
            low + ((u64::from(self.next()) * (high - low) as u64) >> 32) as usize
        }
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One element of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.int(0, items.len())]
    }

    /// -1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Gaussian.
    pub fn normal(&mut self, mean: f32, deviation: f32) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        mean + deviation * radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// Uniform on the unit sphere.
    pub fn direction(&mut self) -> Vec3 {
        let y = self.range(-1.0, 1.0);
        let angle = self.range(0.0, std::f32::consts::TAU);
        let r = (1.0 - y * y).max(0.0).sqrt();
        Vec3::new(r * angle.cos(), y, r * angle.sin())
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn same_seed_same_numbers_and_streams_differ() {
        let draw = |seed, stream| -> Vec<u32> {
            let mut rng = Rng::new(seed, stream);
            (0..4).map(|_| rng.next()).collect()
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn uniform_numbers_stay_in_range() {
        let mut rng = Rng::new(1, 1);
        let mean = (0..10_000)
            .map(|_| rng.range(2.0, 4.0))
            .inspect(|x| assert!((2.0..4.0).contains(x)))
            .sum::<f32>();
        assert!((mean / 10_000.0 - 3.0).abs() < 0.03);
        assert!((0..1000).all(|_| rng.int(3, 6) < 6));
    }
}
