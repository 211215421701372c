//! The line that turns the numbers of one map into those of another.

use ndarray::ArrayView2;

/// `slope * value + intercept`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// How much one step becomes.
    pub slope: f64,
    /// What 0 becomes.
    pub intercept: f64,
}

impl Line {
    /// The line that brings `from` closest to `to`, by least squares. Flat
    /// values become the mean of `to`.
    pub fn fit(from: ArrayView2<'_, f32>, to: ArrayView2<'_, f32>) -> Self {
        let count = from.len().max(1) as f64;
        let mean = |map: ArrayView2<'_, f32>| map.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let (center, level) = (mean(from), mean(to));
        let (mut shared, mut spread) = (0.0, 0.0);
        for (&x, &y) in from.iter().zip(to) {
            let distance = f64::from(x) - center;
            shared += distance * (f64::from(y) - level);
            spread += distance * distance;
        }
        let slope = if spread > 0.0 { shared / spread } else { 0.0 };
        Self {
            slope,
            intercept: level - slope * center,
        }
    }

    /// The line at `value`.
    pub fn at(&self, value: f64) -> f64 {
        self.slope * value + self.intercept
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::Line;

    #[test]
    fn points_on_a_line_give_the_line() {
        let line = Line::fit(
            array![[0.0, 1.0], [2.0, 3.0]].view(),
            array![[1.0, 3.0], [5.0, 7.0]].view(),
        );
        assert_eq!((line.slope, line.intercept), (2.0, 1.0));
        assert_eq!(line.at(10.0), 21.0);
    }

    #[test]
    fn flat_values_become_the_mean() {
        let line = Line::fit(array![[3.0, 3.0]].view(), array![[1.0, 2.0]].view());
        assert_eq!(line.at(3.0), 1.5);
    }
}
