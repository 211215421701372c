//! Depth of field by splatting in layers: what a lens of large aperture makes
//! of a picture.
//!
//! Every pixel spreads its light over the shape of the aperture, as large as
//! its circle of confusion. Layers are put over each other from far to near,
//! and what is behind the rims of near things takes part; so the sharp
//! foreground does not bleed into the background, a blurred foreground spreads
//! over what is behind it, and light is neither lost nor made.

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use super::aperture::Aperture;
use super::samples::{Lens, Row, Sample, rows};
use super::{Relief, checked};
use crate::image::light::encode;
use crate::monitor::Stage;
use crate::options::options;
use crate::paint::LayeredDepth;
use crate::{Monitor, Result};

options! {
    /// A lens.
    #[derive(Copy)]
    pub struct DepthOfFieldOptions("depth_of_field", "dof_") {
        /// What is sharp: 0 the farthest point, 1 the nearest; default: what is in the middle of the picture.
        focus: Option<f32> = None, least(0.0), most(1.0);
        /// Aperture of the lens (50 mm, full frame): smaller blurs more.
        f_number: f32 = 2.8, least(0.5), most(64.0);
        /// How much brighter blurred highlights are than the picture shows them.
        ///
        /// The picture cuts them off; 0 takes them as they are.
        highlights: f32 = 0.5, least(0.0), most(50.0);
        /// Shape of blurred highlights: 3 to 16 straight blades, or 0 for a circle.
        blades: u32 = 0, least(3.0), most(16.0), or_zero("a circle");
    }
}

/// The circle of confusion's radius, in lengths of the picture's larger side,
/// at f/1 and a difference of 1 in nearness.
///
/// A thin lens of focal length `f` and f-number `N` that is focused on distance
/// `s` draws a point at distance `z` as a circle of the diameter
/// `f^2 / N * |1/z - 1/s|` on the sensor, as long as `f` is small against both.
/// This is for `f` = 50 mm, a sensor 36 mm wide, and a scene from half a metre
/// to infinity: half of 50^2 / 36 * (1 / 500).
const RADIUS: f32 = 0.0694;

/// Rows a thread works on at a time.
const BAND: usize = 32;
/// Nearness must differ by more than this from pixel to pixel to be a jump...
const JUMP: f32 = 0.1;
/// ... and by as much as makes this difference in radius, in pixels.
const VISIBLE: f32 = 4.0;
/// Less light than this is none.
const NONE: f32 = 1e-4;

/// Blurs what is out of focus; RGB `[H, W, 3]` in and out.
///
/// The same bytes come out for any number of threads. What is in focus (with a
/// circle of confusion below a pixel) keeps its bytes where no blurred
/// foreground covers it.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for another shape of picture and
/// numbers out of range; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn depth_of_field(
    image: ArrayView3<'_, u8>,
    relief: &Relief,
    options: &DepthOfFieldOptions,
    monitor: &Monitor<'_>,
) -> Result<Array3<u8>> {
    options.check()?;
    let focus = options.focus.unwrap_or_else(|| relief.middle());
    let mut image = checked(image, relief)?.into_owned();
    let (height, width, _) = image.dim();
    let lens = Lens {
        focus,
        radius: RADIUS * height.max(width) as f32 / options.f_number,
        highlights: options.highlights,
    };
    let largest = relief
        .nearness()
        .iter()
        .fold(0.0_f32, |largest, &n| largest.max(lens.blur(n).abs()));
    let aperture = Aperture::new(options.blades, largest);
    monitor.report(Stage::DepthOfField, 0, height as u64)?;

    let depth = LayeredDepth::new(
        relief.nearness().iter().copied().collect(),
        width,
        (VISIBLE / lens.radius).max(JUMP),
        largest.ceil() as usize,
        monitor,
    )?;
    let Some(pixels) = image.as_slice_mut() else {
        return Ok(image);
    };
    let rows = rows(pixels.as_chunks().0, &depth, &lens, &aperture);
    monitor.check()?;
    let scene = Scene {
        rows: &rows,
        layers: (0..lens.layers())
            .map(|layer| (lens.largest(layer).min(largest) * 2.0).ceil() as usize + 1)
            .collect(),
        aperture: &aperture,
        width,
    };
    let done = AtomicU64::new(0);
    pixels
        .par_chunks_mut(3 * width * BAND)
        .enumerate()
        .try_for_each_init(
            || Canvas::new(width, scene.layers.iter().copied().max().unwrap_or(0)),
            |canvas, (band, pixels)| {
                canvas.draw(&scene, band * BAND, pixels.as_chunks_mut().0);
                let done = done.fetch_add((pixels.len() / (3 * width)) as u64, Ordering::Relaxed);
                monitor.report(Stage::DepthOfField, done, height as u64)
            },
        )?;
    monitor.report(Stage::DepthOfField, height as u64, height as u64)?;
    Ok(image)
}

/// What is drawn.
struct Scene<'a> {
    rows: &'a [Row],
    /// How many rows and columns the points of each layer reach, from far to near.
    layers: Vec<usize>,
    aperture: &'a Aperture,
    width: usize,
}

/// Linear red, green, blue and how much covers the pixel.
type Light = [f32; 4];

/// A few rows in the making.
struct Canvas {
    width: usize,
    /// Columns beyond both ends that points may reach.
    margin: usize,
    /// What is drawn so far.
    picture: Vec<Light>,
    /// The layer in the making: differences from pixel to pixel.
    layer: Vec<Light>,
}

impl Canvas {
    fn new(width: usize, reach: usize) -> Self {
        // Points lie up to a reach beyond the ends, and reach as far again.
        let margin = 2 * reach + 2;
        Self {
            width,
            margin,
            picture: vec![[0.0; 4]; width * BAND],
            layer: vec![[0.0; 4]; (width + 2 * margin) * BAND],
        }
    }

    /// Draws the rows from `top` on into `pixels`.
    fn draw(&mut self, scene: &Scene<'_>, top: usize, pixels: &mut [[u8; 3]]) {
        let count = pixels.len() / scene.width;
        self.picture.fill([0.0; 4]);
        for (layer, &reach) in scene.layers.iter().enumerate() {
            let mut touched = (usize::MAX, 0);
            // Above the first and below the last row the picture goes on with those.
            for y in top as isize - reach as isize..(top + count + reach) as isize {
                let row = &scene.rows[y.clamp(0, scene.rows.len() as isize - 1) as usize];
                let samples = row.layer(layer);
                if samples.is_empty() {
                    continue;
                }
                for sample in samples {
                    self.add(scene.aperture, sample, (y - top as isize) as i32, count as i32);
                }
                // A row is sorted by column but for what is hidden.
                for sample in samples {
                    let column = (sample.column + self.margin as i32) as usize;
                    touched = (touched.0.min(column), touched.1.max(column));
                }
            }
            if touched.0 <= touched.1 {
                self.cover(count, touched.0.saturating_sub(reach), touched.1 + reach + 2);
            }
        }
        for (pixel, light) in pixels.iter_mut().zip(&self.picture) {
            if light[3] > NONE {
                *pixel = std::array::from_fn(|c| encode(light[c] / light[3]));
            }
        }
    }

    /// Adds a point in row `y` to the layer, as far as it is in the first `count` rows.
    #[inline]
    fn add(&mut self, aperture: &Aperture, sample: &Sample, y: i32, count: i32) {
        let spot = aperture.spot(sample.spot);
        let stride = self.width + 2 * self.margin;
        let first = y - spot.top;
        let (from, to) = ((-first).max(0), (count - first).min(spot.runs.len() as i32));
        if from >= to {
            return;
        }
        let column = self.margin as i32 + sample.column;
        for (i, run) in spot.runs[from as usize..to as usize].iter().enumerate() {
            let row = (first + from) as usize + i;
            let row = &mut self.layer[row * stride..(row + 1) * stride];
            for (at, parts) in [(run.from, run.start), (run.to, run.end.map(|part| -part))] {
                let at = (column + at) as usize;
                if let Some([a, b]) = row.get_mut(at..at + 2) {
                    for c in 0..4 {
                        a[c] += sample.light[c] * parts[0];
                        b[c] += sample.light[c] * parts[1];
                    }
                }
            }
        }
    }

    /// Puts the layer over the picture and clears it; it has something in the
    /// columns `from..to` only.
    fn cover(&mut self, count: usize, from: usize, to: usize) {
        let stride = self.width + 2 * self.margin;
        let to = to.min(stride);
        let rows = self
            .layer
            .chunks_mut(stride)
            .zip(self.picture.chunks_mut(self.width));
        for (layer, picture) in rows.take(count) {
            let mut sum = [0.0; 4];
            for (x, difference) in layer.iter_mut().enumerate().take(to).skip(from) {
                for c in 0..4 {
                    sum[c] += difference[c];
                }
                *difference = [0.0; 4];
                if sum[3] > NONE
                    && let Some(light) = x.checked_sub(self.margin).and_then(|x| picture.get_mut(x))
                {
                    // Points of one layer may lie on each other at an angle.
                    let share = 1.0 / sum[3].max(1.0);
                    let left = 1.0 - sum[3] * share;
                    for c in 0..4 {
                        light[c] = light[c] * left + sum[c] * share;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn scene() -> Result<(Array3<u8>, Relief)> {
        let near = |y: usize, x: usize| (20..50).contains(&y) && (25..60).contains(&x);
        let image = Array3::from_shape_fn((70, 90, 3), |(y, x, c)| {
            ((x * 7 + y * 13 + c * 50) % 200) as u8 + if near(y, x) { 55 } else { 0 }
        });
        let relief = Relief::from_unit(Array2::from_shape_fn((70, 90), |(y, x)| {
            if near(y, x) { 0.9 } else { 0.1 + y as f32 / 300.0 }
        }))?;
        Ok((image, relief))
    }

    #[test]
    fn the_number_of_threads_changes_nothing() -> Result<()> {
        let (image, relief) = scene()?;
        let options = DepthOfFieldOptions {
            f_number: 0.7,
            blades: 5,
            ..DepthOfFieldOptions::default()
        };
        let drawn = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(|error| crate::Error::invalid(error.to_string()))?
                .install(|| depth_of_field(image.view(), &relief, &options, &Monitor::silent()))
        };
        let one = drawn(1)?;
        assert_ne!(one, image);
        assert_eq!(one, drawn(2)?);
        assert_eq!(one, drawn(5)?);
        Ok(())
    }

    #[test]
    fn it_stops_when_asked() -> Result<()> {
        let (image, relief) = scene()?;
        let stopped = depth_of_field(
            image.view(),
            &relief,
            &DepthOfFieldOptions::default(),
            &Monitor::new(None, Some(&|| true)),
        );
        assert!(matches!(stopped, Err(crate::Error::Cancelled)));
        Ok(())
    }
}
