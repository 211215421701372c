//! A level of the image pyramid: a picture with holes, at full size or smaller.

use rayon::prelude::*;

/// A picture, and what is known of its holes.
pub(crate) struct Level {
    pub width: usize,
    pub height: usize,
    pub colours: Vec<[u8; 4]>,
    /// Nearness of what is seen, 0 to 1; in a hole, that of its background.
    pub nearness: Vec<f32>,
    /// The nearest a pixel may be to be taken for a hole's background;
    /// [`SEEN`] outside of holes.
    pub limits: Vec<f32>,
}

/// The limit of a pixel that is not in a hole.
pub(crate) const SEEN: f32 = -1.0;

/// How far from a hole's background toward its foreground the background ends.
const BACKGROUND_SHARE: f32 = 0.3;
/// How deep the background is where no foreground is beside it.
const BACKGROUND_DEPTH: f32 = 0.05;

impl Level {
    pub fn is_hole(&self, i: usize) -> bool {
        self.limits[i] >= 0.0
    }

    /// Finds out what the background of every hole is. On entry the nearness
    /// of a hole's pixels is negative.
    pub fn find_backgrounds(&mut self) {
        let width = self.width;
        self.nearness
            .par_chunks_mut(width)
            .zip(self.limits.par_chunks_mut(width))
            .zip(self.colours.par_chunks_mut(width))
            .for_each(|((nearness, limits), colours)| {
                let mut x = 0;
                while let Some(offset) = nearness[x..].iter().position(|&n| n < 0.0) {
                    let from = x + offset;
                    let length = nearness[from..].iter().position(|&n| n >= 0.0);
                    let to = length.map_or(width, |length| from + length);
                    let left = from.checked_sub(1);
                    let right = Some(to).filter(|&to| to < width);
                    let (far, near) = match (left, right) {
                        (Some(l), Some(r)) if nearness[l] <= nearness[r] => (Some(l), Some(r)),
                        (Some(l), Some(r)) => (Some(r), Some(l)),
                        (l, r) => (l.or(r), None),
                    };
                    let background = far.map_or(0.0, |x| nearness[x]);
                    let depth = near.map_or(BACKGROUND_DEPTH, |x| {
                        (nearness[x] - background) * BACKGROUND_SHARE
                    });
                    let colour = far.map_or([0; 4], |x| colours[x]);
                    nearness[from..to].fill(background);
                    limits[from..to].fill(background + depth.max(0.01));
                    colours[from..to].fill(colour);
                    x = to;
                }
            });
    }

    /// The same at half the size.
    pub fn halve(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut level = Self {
            width,
            height,
            colours: vec![[0; 4]; width * height],
            nearness: vec![0.0; width * height],
            limits: vec![SEEN; width * height],
        };
        let rows = level
            .colours
            .par_chunks_mut(width)
            .zip(level.nearness.par_chunks_mut(width))
            .zip(level.limits.par_chunks_mut(width));
        rows.enumerate().for_each(|(y, ((colours, nearness), limits))| {
            for x in 0..width {
                let rows = [2 * y, (2 * y + 1).min(self.height - 1)];
                let columns = [2 * x, (2 * x + 1).min(self.width - 1)];
                let four = rows.map(|y| columns.map(|x| y * self.width + x));
                let four = four.as_flattened();
                let holes = four.iter().filter(|&&i| self.is_hole(i)).count();
                let hole = holes >= 2;
                let kept = || four.iter().filter(|&&i| self.is_hole(i) == hole);
                let count = kept().count() as f32;
                nearness[x] = kept().map(|&i| self.nearness[i]).sum::<f32>() / count;
                if hole {
                    limits[x] = kept().map(|&i| self.limits[i]).sum::<f32>() / count;
                }
                for c in 0..4 {
                    let sum: f32 = kept().map(|&i| f32::from(self.colours[i][c])).sum();
                    colours[x][c] = (sum / count + 0.5) as u8;
                }
            }
        });
        level
    }
}
