//! The layered depth image (LDI): what is hidden behind the rims of near things.
//!
//! A picture does not show it, but a blurred rim lets it through and a moving
//! camera uncovers it. Where depth jumps, the far side is carried on under the
//! near side, so that a picture becomes two layers there.

use rayon::prelude::*;

use super::edges::sharpen;
use super::inpaint::inpaint;
use super::level::{Level, SEEN};
use crate::{Monitor, Result};

/// A picture's depth with jumps instead of ramps, and a second layer behind it.
pub(crate) struct LayeredDepth {
    /// Columns.
    pub width: usize,
    /// Nearness of what is seen, row after row.
    pub nearness: Vec<f32>,
    /// Nearness of what lies behind that; [`NOTHING`] almost everywhere.
    pub behind: Vec<f32>,
    /// The pixels that something lies behind, those at the jumps first.
    hidden: Vec<u32>,
}

/// Behind this pixel is nothing.
pub(crate) const NOTHING: f32 = -1.0;

/// The part of the way to the near side up to which things belong to the
/// background.
const BACKGROUND_SHARE: f32 = 0.3;

impl LayeredDepth {
    /// Finds what lies behind within `reach` pixels of the places where
    /// nearness jumps by more than `jump`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) when `monitor` says so.
    pub fn new(
        mut nearness: Vec<f32>,
        width: usize,
        jump: f32,
        reach: usize,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        sharpen(&mut nearness, width, jump);
        monitor.check()?;
        nearness = median(&nearness, width);
        monitor.check()?;
        let mut behind = vec![NOTHING; nearness.len()];
        let mut hidden = Vec::new();
        for (i, &n) in nearness.iter().enumerate() {
            let farthest = beside(i, width, nearness.len())
                .map(|i| nearness[i])
                .fold(n, f32::min);
            if n - farthest > jump {
                behind[i] = farthest;
                hidden.push(i as u32);
            }
        }
        let mut wave = 0;
        for _ in 1..reach {
            monitor.check()?;
            let end = hidden.len();
            for at in wave..end {
                let from = hidden[at] as usize;
                for i in beside(from, width, nearness.len()) {
                    if behind[i] == NOTHING && nearness[i] - behind[from] > jump {
                        behind[i] = behind[from];
                        hidden.push(i as u32);
                    }
                }
            }
            wave = end;
        }
        Ok(Self {
            width,
            nearness,
            behind,
            hidden,
        })
    }

    /// Whether nothing is hidden anywhere.
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty()
    }

    /// The colours of what lies behind, those of the background carried on
    /// smoothly; elsewhere those of the picture.
    pub fn smooth(&self, pixels: &[[u8; 3]]) -> Vec<[u8; 3]> {
        let mut colours = pixels.to_vec();
        let mut painted = vec![false; pixels.len()];
        for &i in &self.hidden {
            let i = i as usize;
            let limit = self.limit(i);
            let (mut sum, mut count) = ([0_u32; 3], 0);
            for other in around(i, self.width, pixels.len()) {
                let colour = if painted[other] {
                    colours[other]
                } else if self.nearness[other] <= limit {
                    pixels[other]
                } else {
                    continue;
                };
                count += 1;
                for (sum, value) in sum.iter_mut().zip(colour) {
                    *sum += u32::from(value);
                }
            }
            if count > 0 {
                colours[i] = sum.map(|sum| ((sum + count / 2) / count) as u8);
            }
            painted[i] = true;
        }
        colours
    }

    /// The colours of what lies behind, the texture of the background carried
    /// on; elsewhere those of the picture.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) when `monitor` says so.
    pub fn textured(&self, pixels: &[[u8; 3]], monitor: &Monitor<'_>) -> Result<Vec<[u8; 3]>> {
        let colours = self.smooth(pixels);
        let mut level = Level {
            width: self.width,
            height: pixels.len() / self.width,
            colours: colours.iter().map(|&[r, g, b]| [r, g, b, 0]).collect(),
            nearness: self.nearness.clone(),
            limits: vec![SEEN; pixels.len()],
        };
        for &i in &self.hidden {
            let i = i as usize;
            level.nearness[i] = self.behind[i];
            level.limits[i] = self.limit(i);
        }
        inpaint(&mut level, monitor)?;
        Ok(level.colours.iter().map(|&[r, g, b, _]| [r, g, b]).collect())
    }

    /// How near a pixel may be to be background of this one.
    fn limit(&self, i: usize) -> f32 {
        self.behind[i] + BACKGROUND_SHARE * (self.nearness[i] - self.behind[i])
    }
}

/// The median of three by three pixels: lines a pixel wide, which a soft edge
/// may leave behind when it becomes a jump, would let the background through.
fn median(plane: &[f32], width: usize) -> Vec<f32> {
    let height = plane.len() / width;
    let mut out = vec![0.0; plane.len()];
    out.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| &plane[y * width..][..width]);
        for (x, value) in out.iter_mut().enumerate() {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            let mut nine = [0.0; 9];
            for (i, value) in nine.iter_mut().enumerate() {
                *value = rows[i / 3][columns[i % 3]];
            }
            *value = *nine.select_nth_unstable_by(4, f32::total_cmp).1;
        }
    });
    out
}

/// The pixels left, right, above and below.
fn beside(i: usize, width: usize, length: usize) -> impl Iterator<Item = usize> {
    let x = i % width;
    [
        (x > 0).then(|| i - 1),
        (x + 1 < width).then_some(i + 1),
        i.checked_sub(width),
        Some(i + width).filter(|&i| i < length),
    ]
    .into_iter()
    .flatten()
}

/// The eight pixels around.
fn around(i: usize, width: usize, length: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (i % width, i / width);
    let rows = y.saturating_sub(1)..=(y + 1).min(length / width - 1);
    rows.flat_map(move |row| {
        (x.saturating_sub(1)..=(x + 1).min(width - 1)).map(move |column| row * width + column)
    })
    .filter(move |&other| other != i)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A near square on a far ground, with its colour.
    fn scene() -> (Vec<f32>, Vec<[u8; 3]>) {
        let near = |i: usize| (10..30).contains(&(i % 40)) && (10..30).contains(&(i / 40));
        (
            (0..1600).map(|i| if near(i) { 0.9 } else { 0.2 }).collect(),
            (0..1600)
                .map(|i| if near(i) { [255, 0, 0] } else { [0, 0, 200] })
                .collect(),
        )
    }

    #[test]
    fn the_ground_goes_on_under_the_rim() -> Result<()> {
        let (nearness, pixels) = scene();
        let layers = LayeredDepth::new(nearness, 40, 0.1, 4, &Monitor::silent())?;
        let middle = 20 * 40 + 20;
        assert_eq!(layers.behind[middle], NOTHING);
        assert_eq!(layers.behind[20 * 40 + 11], 0.2);
        assert_eq!(layers.behind[20 * 40 + 2], NOTHING);
        for colours in [
            layers.smooth(&pixels),
            layers.textured(&pixels, &Monitor::silent())?,
        ] {
            for (i, colour) in colours.iter().enumerate() {
                if layers.behind[i] == NOTHING {
                    assert_eq!(*colour, pixels[i]);
                } else {
                    assert_eq!(*colour, [0, 0, 200]);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn slopes_hide_nothing() -> Result<()> {
        let slope = (0..1600).map(|i| (i / 40) as f32 / 40.0).collect();
        assert!(LayeredDepth::new(slope, 40, 0.15, 4, &Monitor::silent())?.is_empty());
        Ok(())
    }
}
