//! ParallaxOptions frames: a picture seen by a camera that moves a little, in a loop.

mod camera_path;
mod raymarch;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use self::camera_path::CameraPath;
use self::raymarch::Layers;
use super::{Relief, checked};
use crate::image::Size;
use crate::image::resize::opencv_area;
use crate::monitor::Stage;
use crate::named::named;
use crate::options::options;
use crate::paint::LayeredDepth;
use crate::{Error, Monitor, Result};

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

/// The frames of one loop of the camera around an RGB picture, each drawn when
/// it is asked for.
///
/// Surfaces are torn at depth edges, and what comes into view there continues
/// the texture of the background. The picture is enlarged as much as it takes
/// for its borders to stay out of sight. The same bytes come out for any
/// number of threads, and whatever was drawn before.
pub struct ParallaxClip {
    options: ParallaxOptions,
    size: Size,
    nearness: Array2<f32>,
    layers: Layers,
    path: CameraPath,
}

impl ParallaxClip {
    /// Prepares what all frames share.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another shape of picture and numbers out of range;
    /// [`Error::Cancelled`] when `monitor` says so.
    pub fn new(
        image: ArrayView3<'_, u8>,
        relief: &Relief,
        options: &ParallaxOptions,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let options = ParallaxOptions {
            focus: Some(options.focus.unwrap_or_else(|| relief.middle())),
            ..*options
        };
        options.check()?;
        let image = checked(image, relief)?;
        let nearness = relief.nearness().view();
        let (height, width, _) = image.dim();
        let side = height.max(width);
        if side <= options.max_size {
            return Self::from_inputs(image.view(), nearness, &options, monitor);
        }
        let scaled = |length: usize| ((length * options.max_size + side / 2) / side).max(1);
        let size = Size {
            width: scaled(width),
            height: scaled(height),
        };
        let image = opencv_area(image.view(), size)?;
        Self::from_inputs(
            image.view(),
            opencv_area(nearness, size)?.view(),
            &options,
            monitor,
        )
    }

    /// The clip of a picture (`[H, W, 3]`) and its nearness (`[H, W]`) as
    /// [`inputs`](Self::inputs) gives them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for other shapes, nearness that is not finite and
    /// numbers out of range; [`Error::Cancelled`] when `monitor` says so.
    pub fn from_inputs(
        image: ArrayView3<'_, u8>,
        nearness: ArrayView2<'_, f32>,
        options: &ParallaxOptions,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        options.check()?;
        let (height, width, channels) = image.dim();
        if image.is_empty() || channels != 3 || nearness.dim() != (height, width) {
            return Err(Error::invalid(format!(
                "a parallax clip is made of a picture [H, W, 3] and its nearness [H, W], not of {:?} and {:?}",
                image.shape(),
                nearness.shape()
            )));
        }
        if nearness.iter().any(|n| !n.is_finite()) {
            return Err(Error::invalid(
                "the nearness holds a value that is not a finite number; replace NaN and infinity first",
            ));
        }
        let focus = options.focus.unwrap_or_default();
        let farthest = options.strength / 100.0 * height.max(width) as f32;
        monitor.report(Stage::Parallax, 0, options.frames as u64)?;
        let jump = (TORN / farthest).clamp(JUMP, 1.0);
        let reach = farthest.ceil() as usize + 2;
        let plane = nearness.iter().copied().collect();
        let depth = LayeredDepth::new(plane, width, jump, reach, monitor)?;
        let image = image.as_standard_layout();
        let pixels = image.as_slice().unwrap_or_default().as_chunks().0;
        Ok(Self {
            options: *options,
            size: Size { width, height },
            nearness: nearness.to_owned(),
            layers: Layers::new(pixels.to_vec(), depth, jump, monitor)?,
            path: CameraPath::new(options.preset, farthest, focus, [width as f32, height as f32]),
        })
    }

    /// The picture and its nearness at the size of the frames, and the options
    /// with their focus: with [`from_inputs`](Self::from_inputs) the same clip
    /// is made of them, in this process or another.
    pub fn inputs(&self) -> (Array3<u8>, Array2<f32>, ParallaxOptions) {
        (self.layers.picture(), self.nearness.clone(), self.options)
    }

    /// How many frames there are, 1 to 1000.
    pub fn count(&self) -> usize {
        self.options.frames
    }

    /// The size of a frame: that of the picture, unless it is larger than
    /// [`ParallaxOptions::max_size`].
    pub fn size(&self) -> Size {
        self.size
    }

    /// Draws frame `index`, `[H, W, 3]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such frame; [`Error::Cancelled`] when
    /// `monitor` says so.
    pub fn frame(&self, index: usize, monitor: &Monitor<'_>) -> Result<Array3<u8>> {
        let count = self.count();
        if index >= count {
            return Err(Error::invalid(format!(
                "there is no frame {index}: the clip has {count}, counted from 0"
            )));
        }
        let viewpoint = self.path.at(index as f32 / count as f32);
        let mut frame = Array3::zeros((self.size.height, self.size.width, 3));
        if let Some(pixels) = frame.as_slice_mut() {
            self.layers.draw(&viewpoint, pixels.as_chunks_mut().0, monitor)?;
        }
        monitor.report(Stage::Parallax, index as u64 + 1, count as u64)?;
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Result<(Array3<u8>, Relief)> {
        let near = |y: usize, x: usize| (20..50).contains(&y) && (25..60).contains(&x);
        let image = Array3::from_shape_fn((70, 90, 3), |(y, x, c)| ((x * 7 + y * 13 + c * 50) % 256) as u8);
        let relief = Relief::from_unit(Array2::from_shape_fn((70, 90), |(y, x)| {
            if near(y, x) { 0.9 } else { 0.1 + y as f32 / 300.0 }
        }))?;
        Ok((image, relief))
    }

    const OPTIONS: ParallaxOptions = ParallaxOptions {
        preset: Preset::Circle,
        frames: 3,
        strength: 10.0,
        focus: None,
        max_size: 80,
    };

    fn frames(clip: &ParallaxClip) -> Result<Vec<Array3<u8>>> {
        (0..clip.count())
            .map(|index| clip.frame(index, &Monitor::silent()))
            .collect()
    }

    #[test]
    fn the_number_of_threads_changes_nothing() -> Result<()> {
        let (image, relief) = scene()?;
        let drawn = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(|error| Error::invalid(error.to_string()))?
                .install(|| {
                    let options = ParallaxOptions {
                        max_size: 1024,
                        ..OPTIONS
                    };
                    frames(&ParallaxClip::new(
                        image.view(),
                        &relief,
                        &options,
                        &Monitor::silent(),
                    )?)
                })
        };
        let one = drawn(1)?;
        assert_eq!(one.len(), 3);
        assert_eq!(one[0].dim(), (70, 90, 3));
        assert_eq!(one, drawn(2)?);
        assert_eq!(one, drawn(5)?);
        Ok(())
    }

    #[test]
    fn the_inputs_make_the_same_clip() -> Result<()> {
        let (image, relief) = scene()?;
        let silent = Monitor::silent();
        let clip = ParallaxClip::new(image.view(), &relief, &OPTIONS, &silent)?;
        assert_eq!((clip.size().width, clip.size().height), (80, 62));
        let (image, nearness, options) = clip.inputs();
        let again = ParallaxClip::from_inputs(image.view(), nearness.view(), &options, &silent)?;
        assert_eq!(frames(&again)?, frames(&clip)?);
        assert!(clip.frame(3, &silent).is_err());
        Ok(())
    }
}
