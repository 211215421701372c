//! Percentiles as numpy has them: linear interpolation between the two
//! nearest ranks.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::number::Number;

/// Pixels a thread counts at a time.
const CHUNK: usize = 1 << 18;

/// The percentiles `percents` (0..100, ascending) of all values, as
/// `numpy.percentile` gives them to the last bit; none of an empty plane.
///
/// The values must be finite.
pub fn percentiles<T: Number, const N: usize>(
    values: ArrayView2<'_, T>,
    percents: [f64; N],
) -> Option<[f64; N]> {
    let mut values: Vec<T> = values.iter().copied().collect();
    let places = percents.map(|percent| Place::new(percent, values.len()));
    let mut ranks: Vec<usize> = places
        .iter()
        .flat_map(|place| [place.below, place.above])
        .collect();
    ranks.sort_unstable();
    ranks.dedup();

    // Each selection leaves everything larger to the right of it, where the next one goes on.
    let mut found = Vec::with_capacity(ranks.len());
    let mut start = 0;
    for &rank in &ranks {
        let rest = values.get_mut(start..).filter(|rest| rank - start < rest.len())?;
        let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
        found.push(*rest.select_nth_unstable_by(rank - start, order).1);
        start = rank + 1;
    }
    let at = |rank: usize| {
        ranks
            .iter()
            .position(|&known| known == rank)
            .map(|index| found[index])
    };
    let mut results = [0.0; N];
    for (result, place) in results.iter_mut().zip(places) {
        let (below, above) = (at(place.below)?, at(place.above)?);
        // The difference is rounded to the type of the values, as numpy does.
        *result = place.between(below.into(), above.into(), (above - below).into());
    }
    Some(results)
}

/// The same of 16-bit values, by counting them.
pub fn percentiles_u16<const N: usize>(values: ArrayView2<'_, u16>, percents: [f64; N]) -> Option<[f64; N]> {
    let values = values.as_standard_layout();
    let values = values.as_slice()?;
    if values.is_empty() {
        return None;
    }
    let counts = values
        .par_chunks(CHUNK)
        .map(count)
        .reduce_with(|mut counts, more| {
            for (count, more) in counts.iter_mut().zip(more) {
                *count += more;
            }
            counts
        })?;
    let mut upto = counts;
    upto.iter_mut().fold(0, |total, count| {
        *count += total;
        *count
    });
    let at = |rank: usize| upto.partition_point(|&count| count <= rank) as f64;
    Some(percents.map(|percent| {
        let place = Place::new(percent, values.len());
        let (below, above) = (at(place.below), at(place.above));
        place.between(below, above, above - below)
    }))
}

/// How often each value occurs.
fn count(values: &[u16]) -> Vec<usize> {
    let mut counts = vec![0; 1 << 16];
    for &value in values {
        counts[usize::from(value)] += 1;
    }
    counts
}

/// A place among sorted values.
#[derive(Clone, Copy)]
struct Place {
    below: usize,
    above: usize,
    /// How far from the one below to the one above.
    fraction: f64,
}

impl Place {
    fn new(percent: f64, values: usize) -> Self {
        let last = values.saturating_sub(1);
        let place = (last as f64 * (percent / 100.0)).clamp(0.0, last as f64);
        let below = place.floor() as usize;
        Self {
            below,
            above: (below + 1).min(last),
            fraction: place - place.floor(),
        }
    }

    /// Between two values that are `step` apart; from the nearer end, which decides the last bit.
    fn between(self, below: f64, above: f64, step: f64) -> f64 {
        if self.fraction < 0.5 {
            below + step * self.fraction
        } else {
            above - step * (1.0 - self.fraction)
        }
    }
}
