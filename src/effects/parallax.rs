//! Parallax frames: a picture seen by a camera that moves a little, in a loop.

mod camera;
mod view;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ndarray::{Array3, Array4, ArrayView3, Axis};

use self::camera::Path;
use self::view::Layers;
use super::backdrop::Backdrop;
use super::{Relief, checked, within};
use crate::image::Size;
use crate::image::resize::opencv_area;
use crate::{Error, Monitor, Result};

/// How the camera moves. Every path ends where it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Around in a circle, looking at the plane in focus.
    #[default]
    Circle,
    /// From side to side.
    Horizontal,
    /// Up and down.
    Vertical,
    /// Into the picture and back.
    Dolly,
    /// Into the picture and back while the lens zooms out, so that the plane in
    /// focus keeps its size.
    DollyZoom,
}

impl Preset {
    /// All presets, in the order a menu should show them.
    pub const ALL: [Self; 5] = [
        Self::Circle,
        Self::Horizontal,
        Self::Vertical,
        Self::Dolly,
        Self::DollyZoom,
    ];

    /// The name used in options and menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Horizontal => "horizontal",
            Self::Vertical => "vertical",
            Self::Dolly => "dolly",
            Self::DollyZoom => "dolly-zoom",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::name).join(", ");
                Error::invalid(format!(
                    "there is no parallax preset {name:?}; use one of: {known}"
                ))
            })
    }
}

/// A camera movement, and how many pictures of it are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parallax {
    /// The movement.
    pub preset: Preset,
    /// Pictures of one loop, 1 to 1000.
    pub frames: usize,
    /// How far the nearest point moves against the farthest one at most, in
    /// percent of the picture's larger side, 0 to 20.
    pub strength: f32,
    /// The nearness that stays in its place: 0 the farthest point, 1 the
    /// nearest. `None`: what is in the middle of the picture.
    pub focus: Option<f32>,
    /// Larger pictures are made this many pixels long first.
    pub max_size: usize,
}

impl Default for Parallax {
    /// A circle in 48 frames, 3 percent wide, of at most 1024 pixels.
    fn default() -> Self {
        Self {
            preset: Preset::Circle,
            frames: 48,
            strength: 3.0,
            focus: None,
            max_size: 1024,
        }
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
    options: &Parallax,
    monitor: &Monitor<'_>,
) -> Result<Array4<u8>> {
    let focus = options.focus.unwrap_or_else(|| relief.middle());
    within("the parallax strength", options.strength.into(), 0.0, 20.0)?;
    within("the focus", focus.into(), 0.0, 1.0)?;
    within("the number of frames", options.frames as f64, 1.0, 1000.0)?;
    within("the largest side", options.max_size as f64, 16.0, 16384.0)?;
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
    use ndarray::Array2;

    #[test]
    fn the_number_of_threads_changes_nothing() -> Result<()> {
        let near = |y: usize, x: usize| (20..50).contains(&y) && (25..60).contains(&x);
        let image = Array3::from_shape_fn((70, 90, 3), |(y, x, c)| ((x * 7 + y * 13 + c * 50) % 256) as u8);
        let relief = Relief::from_unit(Array2::from_shape_fn((70, 90), |(y, x)| {
            if near(y, x) { 0.9 } else { 0.1 + y as f32 / 300.0 }
        }))?;
        let options = Parallax {
            frames: 3,
            strength: 10.0,
            ..Parallax::default()
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
