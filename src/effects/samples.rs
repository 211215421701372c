//! Splats: a picture as points of light, each with its circle of confusion,
//! sorted by distance.

use rayon::prelude::*;

use super::aperture::Aperture;
use super::depth_mask::smooth_step;
use crate::image::light::decode;
use crate::paint::{LayeredDepth, NOTHING};

/// Layers are at least this thick, in nearness.
const THINNEST: f32 = 1.0 / 32.0;
/// The linear light from which pixels begin to count as highlights.
const HIGHLIGHT: f32 = 0.8;
/// Radii from which and up to which highlights come in.
const SOFT: [f32; 2] = [0.5, 3.0];

/// A point of light.
pub(super) struct Sample {
    pub column: i32,
    layer: u16,
    /// Number of its [`Spot`](super::aperture::Spot).
    pub spot: u32,
    /// Linear red, green and blue, and 1.
    pub light: [f32; 4],
}

/// The points of a row, the farthest layer first.
pub(super) struct Row {
    samples: Vec<Sample>,
    /// Where each layer begins, and the last one ends.
    starts: Vec<usize>,
}

impl Row {
    /// The points in a layer.
    pub fn layer(&self, layer: usize) -> &[Sample] {
        &self.samples[self.starts[layer]..self.starts[layer + 1]]
    }
}

/// How nearness becomes blur and layers.
pub(super) struct Lens {
    pub focus: f32,
    /// Radius of blur at a distance of 1 in nearness, in pixels.
    pub radius: f32,
    /// How much brighter highlights are than they look.
    pub highlights: f32,
}

impl Lens {
    /// Radius of the blur, negative in front of the focus.
    pub fn blur(&self, nearness: f32) -> f32 {
        (self.focus - nearness) * self.radius
    }

    /// Thickness of a layer, in nearness: within one, nothing covers anything.
    fn thickness(&self) -> f32 {
        (1.5 / self.radius).clamp(THINNEST, 1.0)
    }

    /// The layer that nearness 0 is in, counted from the one in focus.
    fn first(&self) -> i32 {
        (-self.focus / self.thickness()).round() as i32
    }

    fn layer(&self, nearness: f32) -> u16 {
        (((nearness - self.focus) / self.thickness()).round() as i32 - self.first()).max(0) as u16
    }

    /// How many layers there are.
    pub fn layers(&self) -> usize {
        usize::from(self.layer(1.0)) + 1
    }

    /// The largest radius in a layer.
    pub fn largest(&self, layer: usize) -> f32 {
        let distance = (layer as i32 + self.first()).unsigned_abs() as f32 + 0.5;
        distance * self.thickness() * self.radius
    }

    fn sample(&self, aperture: &Aperture, column: i32, nearness: f32, colour: [u8; 3]) -> Sample {
        let blur = self.blur(nearness);
        let mut light = [1.0; 4];
        for (light, value) in light.iter_mut().zip(colour) {
            *light = decode(value);
        }
        if self.highlights > 0.0 {
            let brightest = light[0].max(light[1]).max(light[2]);
            let highlight = smooth_step((brightest - HIGHLIGHT) / (1.0 - HIGHLIGHT));
            let soft = smooth_step((blur.abs() - SOFT[0]) / (SOFT[1] - SOFT[0]));
            for light in &mut light[..3] {
                *light *= 1.0 + self.highlights * highlight * soft;
            }
        }
        Sample {
            column,
            layer: self.layer(nearness),
            spot: aperture.number(blur),
            light,
        }
    }
}

/// The points of all rows. Beyond the left and right end of a row it goes on
/// with its last pixel, as far as that is blurred.
pub(super) fn rows(pixels: &[[u8; 3]], depth: &LayeredDepth, lens: &Lens, aperture: &Aperture) -> Vec<Row> {
    let width = depth.width;
    let hidden = (!depth.is_empty()).then(|| depth.smooth(pixels));
    let layers = lens.layers();
    (0..pixels.len() / width)
        .into_par_iter()
        .map(|y| {
            let row = y * width..(y + 1) * width;
            let nearness = &depth.nearness[row.clone()];
            let beyond = |nearness: f32| lens.blur(nearness).abs().ceil() as i32;
            let columns = -beyond(nearness[0])..width as i32 + beyond(nearness[width - 1]);
            let mut samples = Vec::with_capacity(columns.len());
            for column in columns {
                let x = row.start + column.clamp(0, width as i32 - 1) as usize;
                samples.push(lens.sample(aperture, column, depth.nearness[x], pixels[x]));
            }
            if let Some(hidden) = &hidden {
                for (column, x) in row.enumerate() {
                    if depth.behind[x] != NOTHING {
                        samples.push(lens.sample(aperture, column as i32, depth.behind[x], hidden[x]));
                    }
                }
            }
            samples.sort_by_key(|sample| sample.layer);
            let starts = (0..=layers)
                .map(|layer| samples.partition_point(|sample| usize::from(sample.layer) < layer))
                .collect();
            Row { samples, starts }
        })
        .collect()
}
