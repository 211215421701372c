//! Parallax frames: a picture seen by a camera that moves a little, in a loop.

mod camera;
mod view;

use std::borrow::Cow;

use ndarray::{Array3, Array4, ArrayView3, Axis};

use self::camera::Path;
use self::view::Layers;
use super::backdrop::Backdrop;
use super::{Relief, checked};
use crate::image::Size;
use crate::image::resize::opencv_area;
use crate::named::named;
use crate::options::options;
use crate::{Monitor, Result};

named! {
    /// How the camera moves. Every path ends where it began.
    #[derive(Default)]
    pub enum Preset as "parallax preset" {
        /// Around in a circle, looking at the plane in focus.
        #[default]
        Circle = "circle",
        /// From side to side.
        Horizontal = "horizontal",
        /// Up and down.
        Vertical = "vertical",
        /// Into the picture and back.
        Dolly = "dolly",
        /// Into the picture and back while the lens zooms out, so that the plane in
        /// focus keeps its size.
        DollyZoom = "dolly-zoom",
    }
}

options! {
    /// A camera movement, and how many pictures of it are taken.
    #[derive(Copy)]
    pub struct ParallaxOptions("parallax", "parallax_") {
        /// Dolly-zoom keeps the size of what is in focus.
        preset: Preset = Preset::Circle;
        /// Pictures of one loop.
        frames: usize = 48, least(1.0), most(1000.0);
        /// How far the nearest point moves against the farthest, in percent of the larger side.
        strength: f32 = 3.0, least(0.0), most(20.0);
        /// What stays in place: 0 the farthest point, 1 the nearest; default: what is in the middle.
        focus: Option<f32> = None, least(0.0), most(1.0);
        /// Larger pictures are animated at this size.
        max_size as "parallax_maxsize": usize = 1024, least(16.0), most(16384.0), unit("pixels");
    }
}

/// Nearness must differ by more than this from pixel to pixel to be a jump...
const JUMP: f32 = 0.08;
/// ... and by as much as tears two pixels this far apart.
const TORN: f32 = 4.0;

/// The frames of one loop, `[N, H, W, 3]`, of an RGB picture.
///
/// Surfaces are torn at depth edges, and what comes into view there continues
/// the texture of the background. The picture is enlarged as much as it takes
/// for its borders to stay out of sight. The same bytes come out for any
/// number of threads.
///
/// # Errors
/// [`Error::Invalid`] for another shape of picture and numbers out of range;
/// [`Error::Cancelled`] when `monitor` says so.
pub fn parallax(
    image: ArrayView3<'_, u8>,
    relief: &Relief,
    options: &ParallaxOptions,
    monitor: &Monitor<'_>,
) -> Result<Array4<u8>> {
    options.check()?;
    let focus = options.focus.unwrap_or_else(|| relief.middle());
    let image = checked(image, relief)?;
    let (image, nearness) = shrink(&image, relief, options.max_size)?;
    let (height, width, _) = image.dim();
    let farthest = options.strength / 100.0 * height.max(width) as f32;
    monitor.report("parallax", 0, options.frames as u64)?;

    let jump = (TORN / farthest).clamp(JUMP, 1.0);
    let backdrop = Backdrop::new(nearness, width, jump, farthest.ceil() as usize + 2, monitor)?;
    let pixels = image.as_slice().unwrap_or_default().as_chunks().0;
    let layers = Layers::new(pixels, backdrop, jump, monitor)?;
    let path = Path::new(options.preset, farthest, focus, [width as f32, height as f32]);
    let mut frames = Array4::zeros((options.frames, height, width, 3));
    for (i, mut frame) in frames.axis_iter_mut(Axis(0)).enumerate() {
        let camera = path.at(i as f32 / options.frames as f32);
        if let Some(frame) = frame.as_slice_mut() {
            layers.draw(&camera, frame.as_chunks_mut().0, monitor)?;
        }
        monitor.report("parallax", i as u64 + 1, options.frames as u64)?;
    }
    Ok(frames)
}

/// The picture and its nearness, no larger than `max_size`.
fn shrink<'a>(
    image: &'a ndarray::CowArray<'_, u8, ndarray::Ix3>,
    relief: &Relief,
    max_size: usize,
) -> Result<(Cow<'a, Array3<u8>>, Vec<f32>)> {
    let (height, width, _) = image.dim();
    let side = height.max(width);
    if side <= max_size {
        let nearness = relief.nearness().iter().copied().collect();
        return Ok((Cow::Owned(image.to_owned()), nearness));
    }
    let scaled = |length: usize| ((length * max_size + side / 2) / side).max(1);
    let size = Size {
        width: scaled(width),
        height: scaled(height),
    };
    let nearness = opencv_area(relief.nearness().view(), size)?;
    Ok((
        Cow::Owned(opencv_area(image.view(), size)?),
        nearness.iter().copied().collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use ndarray::Array2;

    #[test]
    fn the_number_of_threads_changes_nothing() -> Result<()> {
        let near = |y: usize, x: usize| (20..50).contains(&y) && (25..60).contains(&x);
        let image = Array3::from_shape_fn((70, 90, 3), |(y, x, c)| ((x * 7 + y * 13 + c * 50) % 256) as u8);
        let relief = Relief::from_unit(Array2::from_shape_fn((70, 90), |(y, x)| {
            if near(y, x) { 0.9 } else { 0.1 + y as f32 / 300.0 }
        }))?;
        let options = ParallaxOptions {
            frames: 3,
            strength: 10.0,
            ..ParallaxOptions::default()
        };
        let drawn = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(|error| Error::invalid(error.to_string()))?
                .install(|| parallax(image.view(), &relief, &options, &Monitor::silent()))
        };
        let one = drawn(1)?;
        assert_eq!(one.dim(), (3, 70, 90, 3));
        assert_eq!(one, drawn(2)?);
        assert_eq!(one, drawn(5)?);
        Ok(())
    }
}
