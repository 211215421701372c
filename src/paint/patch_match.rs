//! PatchMatch: finds for every pixel of a hole the piece of background that fits best.
//!
//! That of Barnes et al. (SIGGRAPH 2009), inside the coarse-to-fine completion
//! of Wexler et al. (PAMI 2007): pixels learn good sources from their
//! neighbours, look around at random, and take the colours their neighbourhood
//! votes for. All pixels move at once, from the state before, so that the order
//! they are worked on does not matter.

use rayon::prelude::*;

use super::level::Level;
use crate::image::filter::dilate_plane;
use crate::{Monitor, Result};

/// Patches reach this far from their centre.
const REACH: usize = 3;
const SIDE: usize = 2 * REACH + 1;
const AREA: usize = SIDE * SIDE;

/// How much a source that is farther or nearer than the background is held
/// against it, in units of squared colour difference per pixel.
const DEPTH_PENALTY: f32 = 20000.0;

/// Pixels between two looks at whether to stop.
const PIXELS_PER_CHECK: usize = 256;

/// No source.
const NONE: u32 = u32::MAX;

/// What a hole's pixels are filled from.
pub(super) struct Sources {
    /// The pixels of all holes, by index.
    pub holes: Vec<u32>,
    /// The source of each, by index; [`NONE`] if there is nothing fitting.
    sources: Vec<u32>,
    costs: Vec<f32>,
}

/// A patch around a pixel of a hole, and how much each of its pixels counts.
struct Target {
    colours: [[i32; 4]; AREA],
    weights: [i32; AREA],
    total: i32,
    background: f32,
    limit: f32,
}

/// What patches can be taken from.
struct Search<'a> {
    level: &'a Level,
    /// The nearest pixel of the patch around a pixel; infinite near holes.
    nearest: Vec<f32>,
    /// How far from a pixel to look, in rows and columns.
    window: usize,
}

pub(super) fn mix_bits(mut state: u64) -> u64 {
    // SplitMix64.
    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

impl Search<'_> {
    fn target(&self, pixel: usize) -> Target {
        let level = self.level;
        let (x, y) = ((pixel % level.width) as isize, (pixel / level.width) as isize);
        let mut target = Target {
            colours: [[0; 4]; AREA],
            weights: [0; AREA],
            total: 0,
            background: level.nearness[pixel],
            limit: level.limits[pixel],
        };
        for i in 0..AREA {
            let (dx, dy) = (
                (i % SIDE) as isize - REACH as isize,
                (i / SIDE) as isize - REACH as isize,
            );
            let (x, y) = (x + dx, y + dy);
            if x < 0 || y < 0 || x >= level.width as isize || y >= level.height as isize {
                continue;
            }
            let at = y as usize * level.width + x as usize;
            target.colours[i] = level.colours[at].map(i32::from);
            target.weights[i] = if level.is_hole(at) {
                1
            } else if level.nearness[at] <= target.limit {
                3
            } else {
                0
            };
            target.total += target.weights[i];
        }
        target
    }

    /// Mean squared difference to the patch around `source`, or nothing if
    /// that patch is no background.
    fn cost(&self, target: &Target, source: usize, best: f32) -> Option<f32> {
        let level = self.level;
        if self.nearest[source] > target.limit {
            return None;
        }
        let depth = (level.nearness[source] - target.background).abs();
        let penalty = DEPTH_PENALTY * depth * depth;
        let most = (best - penalty) * target.total as f32;
        if most <= 0.0 {
            return None;
        }
        let most = most.min(1e9) as i32;
        let first = source - REACH * level.width - REACH;
        let mut sum = 0;
        for row in 0..SIDE {
            let colours = &level.colours[first + row * level.width..][..SIDE];
            for i in 0..SIDE {
                let (there, here) = (colours[i], target.colours[row * SIDE + i]);
                let mut difference = 0;
                for c in 0..4 {
                    let d = i32::from(there[c]) - here[c];
                    difference += d * d;
                }
                sum += difference * target.weights[row * SIDE + i];
            }
            if sum >= most {
                return None;
            }
        }
        Some(sum as f32 / target.total as f32 + penalty)
    }

    /// The index of a place, if a patch around it lies inside the picture.
    fn inside(&self, x: isize, y: isize) -> Option<usize> {
        let (reach, level) = (REACH as isize, self.level);
        let inside =
            x >= reach && y >= reach && x < level.width as isize - reach && y < level.height as isize - reach;
        inside.then(|| y as usize * level.width + x as usize)
    }
}

impl Sources {
    /// Sources for the holes of a level, grown from those of half its size.
    pub fn new(level: &Level, coarse: Option<(&Level, &Sources)>) -> Self {
        let holes: Vec<u32> = (0..level.colours.len())
            .filter(|&i| level.is_hole(i))
            .map(|i| i as u32)
            .collect();
        let mut sources = vec![NONE; holes.len()];
        if let Some((half, coarse)) = coarse {
            for (source, &hole) in sources.iter_mut().zip(&holes) {
                let (x, y) = (hole as usize % level.width, hole as usize / level.width);
                let at = (y / 2 * half.width + x / 2) as u32;
                if let Ok(i) = coarse.holes.binary_search(&at)
                    && coarse.sources[i] != NONE
                {
                    let from = coarse.sources[i] as usize;
                    let (sx, sy) = (2 * (from % half.width) + x % 2, 2 * (from / half.width) + y % 2);
                    if sx < level.width && sy < level.height {
                        *source = (sy * level.width + sx) as u32;
                    }
                }
            }
        }
        let costs = vec![f32::INFINITY; holes.len()];
        Self {
            holes,
            sources,
            costs,
        }
    }

    /// One round: better sources for all pixels.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) when `monitor` says so.
    pub fn improve(&mut self, level: &Level, window: usize, round: u64, monitor: &Monitor) -> Result<()> {
        let search = Search {
            level,
            nearest: nearest_of_patches(level),
            window,
        };
        // Where in the list a pixel is.
        let index = self.index(level);
        let found: Vec<(u32, f32)> = self
            .holes
            .par_iter()
            .enumerate()
            .map(|(i, &hole)| {
                if i % PIXELS_PER_CHECK == 0 {
                    monitor.check()?;
                }
                let hole = hole as usize;
                let target = search.target(hole);
                let (x, y) = ((hole % level.width) as isize, (hole / level.width) as isize);
                let mut best = (NONE, f32::INFINITY);
                let mut look = |x: isize, y: isize| {
                    if let Some(source) = search.inside(x, y)
                        && let Some(cost) = search.cost(&target, source, best.1)
                    {
                        best = (source as u32, cost);
                    }
                    (best.0 != NONE).then(|| {
                        (
                            (best.0 as usize % level.width) as isize,
                            (best.0 as usize / level.width) as isize,
                        )
                    })
                };
                for (dx, dy) in [
                    (0, 0),
                    (1, 0),
                    (-1, 0),
                    (0, 1),
                    (0, -1),
                    (1, 1),
                    (-1, -1),
                    (1, -1),
                    (-1, 1),
                ] {
                    let (nx, ny) = (x + dx, y + dy);
                    if nx < 0 || ny < 0 || nx >= level.width as isize || ny >= level.height as isize {
                        continue;
                    }
                    let neighbour = index[ny as usize * level.width + nx as usize];
                    if neighbour != NONE && self.sources[neighbour as usize] != NONE {
                        let source = self.sources[neighbour as usize] as usize;
                        look(
                            (source % level.width) as isize - dx,
                            (source / level.width) as isize - dy,
                        );
                    }
                }
                let mut state = mix_bits((i as u64) << 8 | round);
                let mut random = |radius: isize| {
                    state = mix_bits(state);
                    let span = 2 * radius + 1;
                    (
                        ((state >> 32) % span as u64) as isize - radius,
                        ((state & 0xffff_ffff) % span as u64) as isize - radius,
                    )
                };
                let mut radius = search.window as isize;
                let mut centre = look(isize::MIN / 4, 0).unwrap_or((x, y));
                if best.0 == NONE {
                    for _ in 0..16 {
                        let (dx, dy) = random(radius);
                        let mut look = |x: isize, y: isize| {
                            if let Some(source) = search.inside(x, y)
                                && let Some(cost) = search.cost(&target, source, best.1)
                            {
                                best = (source as u32, cost);
                            }
                        };
                        look(x + dx, y + dy);
                    }
                    if best.0 != NONE {
                        centre = (
                            (best.0 as usize % level.width) as isize,
                            (best.0 as usize / level.width) as isize,
                        );
                    }
                }
                while radius >= 1 {
                    let (dx, dy) = random(radius);
                    if let Some(source) = search.inside(centre.0 + dx, centre.1 + dy)
                        && let Some(cost) = search.cost(&target, source, best.1)
                    {
                        best = (source as u32, cost);
                        centre = ((source % level.width) as isize, (source / level.width) as isize);
                    }
                    radius /= 2;
                }
                Ok(best)
            })
            .collect::<Result<_>>()?;
        for (i, (source, cost)) in found.into_iter().enumerate() {
            self.sources[i] = source;
            self.costs[i] = cost;
        }
        Ok(())
    }

    fn index(&self, level: &Level) -> Vec<u32> {
        let mut index = vec![NONE; level.colours.len()];
        for (i, &hole) in self.holes.iter().enumerate() {
            index[hole as usize] = i as u32;
        }
        index
    }

    /// Gives every pixel of a hole the mean of what the patches over it say.
    pub fn vote(&self, level: &mut Level) {
        let index = self.index(level);
        let shared = &*level;
        let colours: Vec<Option<[u8; 4]>> = self
            .holes
            .par_iter()
            .map(|&hole| {
                let (x, y) = (
                    (hole as usize % shared.width) as isize,
                    (hole as usize / shared.width) as isize,
                );
                let (mut sums, mut total) = ([0.0f32; 4], 0.0f32);
                for i in 0..AREA {
                    let (dx, dy) = (
                        (i % SIDE) as isize - REACH as isize,
                        (i / SIDE) as isize - REACH as isize,
                    );
                    let (nx, ny) = (x + dx, y + dy);
                    if nx < 0 || ny < 0 || nx >= shared.width as isize || ny >= shared.height as isize {
                        continue;
                    }
                    let neighbour = index[ny as usize * shared.width + nx as usize];
                    if neighbour == NONE || self.sources[neighbour as usize] == NONE {
                        continue;
                    }
                    let source = self.sources[neighbour as usize] as isize - dy * shared.width as isize - dx;
                    let colour = shared.colours[source as usize];
                    let distance = (dx * dx + dy * dy) as f32;
                    let weight =
                        1.0 / ((self.costs[neighbour as usize] + 10.0) * (1.0 + distance * distance));
                    for c in 0..4 {
                        sums[c] += weight * f32::from(colour[c]);
                    }
                    total += weight;
                }
                (total > 0.0).then(|| sums.map(|sum| (sum / total + 0.5) as u8))
            })
            .collect();
        for (&hole, colour) in self.holes.iter().zip(colours) {
            if let Some(colour) = colour {
                level.colours[hole as usize] = colour;
            }
        }
    }
}

/// The nearest pixel of the patch around every pixel; infinite if there is a
/// hole in it.
fn nearest_of_patches(level: &Level) -> Vec<f32> {
    let plane: Vec<f32> = (0..level.nearness.len())
        .map(|i| {
            if level.is_hole(i) {
                f32::INFINITY
            } else {
                level.nearness[i]
            }
        })
        .collect();
    dilate_plane(&plane, level.width, REACH)
}
