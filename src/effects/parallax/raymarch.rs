//! Ray marching through a layered depth image (LDI): a ray a pixel, followed from
//! near to far until it meets a surface.

use ndarray::Array3;
use rayon::prelude::*;

use super::camera_path::Viewpoint;
use crate::image::resize::catmull_rom;
use crate::paint::{LayeredDepth, NOTHING};
use crate::{Monitor, Result};

/// Pixels a ray goes on in the picture from look to look.
const STEP: f32 = 0.75;
/// Side of the tiles that know the extent of their depth.
const TILE: usize = 16;
/// Where in a pixel rays go to soften the rims of things.
const FOUR: [[f32; 2]; 4] = [[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]];

/// A picture in two layers.
pub(super) struct Layers {
    width: usize,
    height: usize,
    jump: f32,
    front: Layer,
    back: Option<Layer>,
    tiles: Tiles,
}

struct Layer {
    colours: Vec<[u8; 3]>,
    nearness: Vec<f32>,
}

/// Where a ray met a surface.
#[derive(Clone, Copy)]
struct Hit {
    at: [f32; 2],
    nearness: f32,
    behind: bool,
}

impl Layers {
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) when `monitor` says so.
    pub fn new(pixels: Vec<[u8; 3]>, depth: LayeredDepth, jump: f32, monitor: &Monitor<'_>) -> Result<Self> {
        let back = if depth.is_empty() {
            None
        } else {
            Some(Layer {
                colours: depth.textured(&pixels, monitor)?,
                nearness: (depth.behind.iter().zip(&depth.nearness))
                    .map(|(&behind, &seen)| if behind == NOTHING { seen } else { behind })
                    .collect(),
            })
        };
        let (width, height) = (depth.width, pixels.len() / depth.width);
        let tiles = Tiles::new(&depth.nearness, back.as_ref().map(|back| &*back.nearness), width);
        Ok(Self {
            width,
            height,
            jump,
            tiles,
            front: Layer {
                colours: pixels,
                nearness: depth.nearness,
            },
            back,
        })
    }

    /// The picture in front, `[H, W, 3]`.
    pub fn picture(&self) -> Array3<u8> {
        Array3::from_shape_fn((self.height, self.width, 3), |(y, x, c)| {
            self.front.colours[y * self.width + x][c]
        })
    }

    /// Draws what `camera` sees.
    pub fn draw(&self, camera: &Viewpoint, frame: &mut [[u8; 3]], monitor: &Monitor<'_>) -> Result<()> {
        let width = self.width;
        frame
            .par_chunks_mut(width * TILE)
            .enumerate()
            .try_for_each_init(Vec::new, |hits, (band, pixels)| {
                monitor.check()?;
                self.draw_band(camera, band * TILE, pixels, hits);
                Ok(())
            })
    }

    fn draw_band(&self, camera: &Viewpoint, top: usize, pixels: &mut [[u8; 3]], hits: &mut Vec<Hit>) {
        // One row more above and below, to see where things end.
        let width = self.width;
        let (first, end) = (
            top.saturating_sub(1),
            (top + pixels.len() / width + 1).min(self.height),
        );
        let tiles = width.div_ceil(TILE);
        let extents: Vec<[f32; 2]> = (0..tiles)
            .map(|tile| self.extent(camera, tile, first, end))
            .collect();
        hits.clear();
        for y in first..end {
            for x in 0..width {
                hits.push(self.follow(camera, [x as f32, y as f32], extents[x / TILE]));
            }
        }
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let (x, at) = (i % width, i + (top - first) * width);
            let hit = hits[at];
            let beside = [
                (x > 0).then(|| at - 1),
                (x + 1 < width).then_some(at + 1),
                at.checked_sub(width),
                Some(at + width),
            ];
            let rim = beside
                .into_iter()
                .flatten()
                .filter_map(|at| hits.get(at))
                .any(|other| (other.nearness - hit.nearness).abs() > self.jump);
            let colour = if rim {
                let mut sum = [0.0; 3];
                for [dx, dy] in FOUR {
                    let at = [x as f32 + dx, (top + i / width) as f32 + dy];
                    let colour = self.colour(self.follow(camera, at, extents[x / TILE]));
                    for (sum, value) in sum.iter_mut().zip(colour) {
                        *sum += value / FOUR.len() as f32;
                    }
                }
                sum
            } else {
                self.colour(hit)
            };
            *pixel = colour.map(|value| (value + 0.5) as u8);
        }
    }

    /// The farthest and the nearest that rays through a tile can meet.
    fn extent(&self, camera: &Viewpoint, tile: usize, first: usize, end: usize) -> [f32; 2] {
        let columns = [tile * TILE, ((tile + 1) * TILE).min(self.width)];
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for x in columns {
            for y in [first, end] {
                for nearness in [0.0, 1.0] {
                    let at = camera.source([x as f32, y as f32], nearness);
                    for i in 0..2 {
                        low[i] = low[i].min(at[i]);
                        high[i] = high[i].max(at[i]);
                    }
                }
            }
        }
        self.tiles
            .extent(low.map(|low| low - 2.0), high.map(|high| high + 2.0))
    }

    /// Follows the ray to a place in the frame.
    fn follow(&self, camera: &Viewpoint, at: [f32; 2], [far, near]: [f32; 2]) -> Hit {
        let hit = self.march(&self.front, camera, at, near, far);
        match &self.back {
            // It met no surface but the wall between a rim and what is behind.
            Some(back) if hit.behind => {
                let hit = self.march(back, camera, at, hit.nearness, far);
                Hit { behind: true, ..hit }
            }
            _ => Hit { behind: false, ..hit },
        }
    }

    /// The first surface of a layer between `near` and `far`; `behind` says that
    /// it is none, but a wall.
    fn march(&self, layer: &Layer, camera: &Viewpoint, at: [f32; 2], near: f32, far: f32) -> Hit {
        let (from, to) = (camera.source(at, near), camera.source(at, far));
        let length = (to[0] - from[0]).abs().max((to[1] - from[1]).abs());
        let steps = (length / STEP).ceil().max(1.0);
        // Nothing is nearer than `near`, so the ray comes from outside.
        let (mut before, mut surface_before) = (near, self.nearness(layer, from));
        let mut step = 1.0;
        if surface_before >= near {
            return Hit {
                at: from,
                nearness: surface_before,
                behind: surface_before - near > self.jump,
            };
        }
        loop {
            let now = near + (far - near) * (step / steps);
            let place = camera.source(at, now);
            let surface = self.nearness(layer, place);
            if surface >= now || step >= steps {
                let wall = surface - surface_before > self.jump;
                let (above, below) = (before - surface_before, surface - now);
                let nearness = if wall || above + below <= 0.0 {
                    now
                } else {
                    now + (before - now) * (below / (above + below)).clamp(0.0, 1.0)
                };
                return Hit {
                    at: camera.source(at, nearness),
                    nearness,
                    behind: wall,
                };
            }
            (before, surface_before) = (now, surface);
            step += 1.0;
        }
    }

    /// Nearness between pixels: that of the nearest one where it jumps.
    #[inline]
    fn nearness(&self, layer: &Layer, at: [f32; 2]) -> f32 {
        let x = at[0].clamp(0.0, (self.width - 1) as f32);
        let y = at[1].clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (kx, ky) = (x - left as f32, y - top as f32);
        let right = (left + 1).min(self.width - 1);
        let (top, bottom) = (top * self.width, (top + 1).min(self.height - 1) * self.width);
        let n = &layer.nearness;
        let [a, b, c, d] = [n[top + left], n[top + right], n[bottom + left], n[bottom + right]];
        let low = a.min(b).min(c).min(d);
        let high = a.max(b).max(c).max(d);
        if high - low > self.jump {
            return match (kx < 0.5, ky < 0.5) {
                (true, true) => a,
                (false, true) => b,
                (true, false) => c,
                (false, false) => d,
            };
        }
        let (above, below) = (a + (b - a) * kx, c + (d - c) * kx);
        above + (below - above) * ky
    }

    /// The colour of a surface: Catmull-Rom splines.
    fn colour(&self, hit: Hit) -> [f32; 3] {
        let colours = match &self.back {
            Some(back) if hit.behind => &back.colours,
            _ => &self.front.colours,
        };
        let (columns, across) = catmull_rom(hit.at[0], self.width);
        let (rows, down) = catmull_rom(hit.at[1], self.height);
        let mut sum = [0.0; 3];
        for (row, down) in rows.into_iter().zip(down) {
            for (column, across) in columns.into_iter().zip(across) {
                let colour = colours[row * self.width + column];
                for (sum, value) in sum.iter_mut().zip(colour) {
                    *sum += f32::from(value) * across * down;
                }
            }
        }
        sum.map(|value| value.clamp(0.0, 255.0))
    }
}

/// The extent of depth in every tile.
struct Tiles {
    columns: usize,
    rows: usize,
    extents: Vec<[f32; 2]>,
}

impl Tiles {
    fn new(front: &[f32], back: Option<&[f32]>, width: usize) -> Self {
        let (columns, rows) = (width.div_ceil(TILE), (front.len() / width).div_ceil(TILE));
        let mut extents = vec![[1.0_f32, 0.0_f32]; columns * rows];
        for (i, &n) in front.iter().enumerate() {
            let extent = &mut extents[i / width / TILE * columns + i % width / TILE];
            let far = back.map_or(n, |back| back[i]);
            *extent = [extent[0].min(far), extent[1].max(n)];
        }
        Self {
            columns,
            rows,
            extents,
        }
    }

    /// The extent in a part of the picture.
    fn extent(&self, low: [f32; 2], high: [f32; 2]) -> [f32; 2] {
        let tile = |at: f32, count: usize| ((at.max(0.0) as usize) / TILE).min(count - 1);
        let mut all = [1.0_f32, 0.0_f32];
        for row in tile(low[1], self.rows)..=tile(high[1], self.rows) {
            for column in tile(low[0], self.columns)..=tile(high[0], self.columns) {
                let [far, near] = self.extents[row * self.columns + column];
                all = [all[0].min(far), all[1].max(near)];
            }
        }
        all
    }
}
