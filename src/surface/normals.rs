//! Normal maps, as the reference makes them: of the depth map taken as a
//! height field, in picture space.

use ndarray::{Array3, ArrayView2, Ix3};

use super::camera_normals::Green;
use crate::Result;
use crate::image::filter::convolve::{Kernel, Real, Separable};
use crate::image::filter::gradient::{Central, Gradient, LargeSobel, Sobel};
use crate::image::filter::kernel;
use crate::image::filter::lines::{Lines, collect};
use crate::image::filter::opencv_gaussian::gaussian_of_its_size;
use crate::image::size::{Raster, array, checked_len};
use crate::memory::zeroed;
use crate::options::options;

options! {
    /// How a [`normal_map`] is made.
    #[derive(Copy)]
    pub struct NormalMapOptions("normal_map", "normalmap_") {
        /// Blur the depth first, by a Gaussian.
        pre_blur: bool = false;
        /// Kernel size (and sigma) of that blur.
        pre_blur_kernel: usize = 3, least(1.0), most(31.0), odd();
        /// The Sobel gradient instead of plain central differences.
        sobel: bool = true;
        /// Kernel size of the Sobel gradient.
        ///
        /// Its gain is not compensated: the larger the kernel, the steeper
        /// everything looks. That is how the reference is, and users have tuned
        /// their pictures to it.
        sobel_kernel: usize = 3, least(1.0), most(31.0), odd();
        /// Blur the normals, by a Gaussian; they get their length back.
        post_blur: bool = false;
        /// Kernel size (and sigma) of that blur.
        post_blur_kernel: usize = 3, least(1.0), most(31.0), odd();
        /// Invert before calculating: hills become holes.
        invert: bool = false;
        /// Green grows upwards for OpenGL, Blender and Unity, downwards for DirectX and Unreal.
        green: Green = Green::Up;
    }
}

/// The sizes of the kernels that are used.
#[derive(Clone, Copy)]
struct Kernels {
    pre_blur: Option<usize>,
    sobel: Option<usize>,
    post_blur: Option<usize>,
    green: Green,
}

/// The normal map of a 16-bit depth map (`[H, W]`, near = bright), `[H, W, 3]`.
///
/// The height is depth / 256 in pixels; red grows to the right, green upwards
/// (as the reference has it) or downwards, blue towards the viewer, byte = trunc((n + 1) * 128) with 1 giving 255. A
/// flat map is (128, 128, 255) everywhere. Borders are reflected. All in f64,
/// to the last bit as the reference (OpenCV with AVX2, and numpy) has it.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a kernel that is even or out of range, or if there are no pixels.
pub fn normal_map(depth: ArrayView2<'_, u16>, options: &NormalMapOptions) -> Result<Array3<u8>> {
    let shape = depth.raw_dim();
    checked_len(shape.picture_size(), 3)?;
    options.check()?;
    let depth = depth.as_standard_layout();
    // A blur leaves the last bit of a flat map uneven, and large Sobel kernels weigh
    // that with up to 1e17: a flat map is not blurred, so that it stays flat.
    let flat = depth.iter().all(|value| Some(value) == depth.first());
    let kernels = Kernels {
        pre_blur: (options.pre_blur && !flat).then_some(options.pre_blur_kernel),
        sobel: options.sobel.then_some(options.sobel_kernel),
        post_blur: options.post_blur.then_some(options.post_blur_kernel),
        green: options.green,
    };
    let height = Height {
        depth: depth.as_slice().unwrap_or(&[]),
        width: shape[1],
        // The reference's height is minus the depth, so that near is up.
        scale: if options.invert { 1.0 / 256.0 } else { -1.0 / 256.0 },
    };
    let mut bytes = zeroed(depth.len() * 3);
    with_pre_blur(&height, kernels, &mut bytes)?;
    array(Ix3(shape[0], shape[1], 3), bytes)
}

/// A Gaussian as wide as its kernel; size 1 changes nothing.
fn blur<T: Real>(size: Option<usize>) -> Result<Option<Kernel<T>>> {
    match size {
        None | Some(1) => Ok(None),
        Some(size) => {
            let weights =
                gaussian_of_its_size(size).map_or_else(|| kernel::gaussian(size, size as f64), Ok)?;
            Ok(Some(Kernel::even(&weights)))
        }
    }
}

fn with_pre_blur(height: &Height<'_>, kernels: Kernels, bytes: &mut [u8]) -> Result<()> {
    match blur(kernels.pre_blur)? {
        None => with_gradient(|| height.clone(), kernels, bytes),
        Some(blur) => with_gradient(
            || Separable::new(height.clone(), 1, blur.clone(), blur.clone()),
            kernels,
            bytes,
        ),
    }
}

fn with_gradient<L: Lines<Value = f64>>(
    make: impl Fn() -> L + Sync,
    kernels: Kernels,
    bytes: &mut [u8],
) -> Result<()> {
    match kernels.sobel {
        None => with_post_blur(|| Central::new(make()), kernels, bytes),
        // Of a blurred map a large kernel shows the last digits, which the faster way has not.
        Some(size) if size <= 3 || kernels.pre_blur.is_some_and(|blur| blur > 1) => {
            let (derive, smooth) = kernel::sobel(size)?;
            with_post_blur(|| Sobel::new(make(), &derive, &smooth), kernels, bytes)
        }
        Some(size) => {
            let smooth = kernel::binomial(size - 1);
            with_post_blur(|| LargeSobel::new(make(), &smooth), kernels, bytes)
        }
    }
}

fn with_post_blur<G: Gradient<Value = f64>>(
    make: impl Fn() -> G + Sync,
    kernels: Kernels,
    bytes: &mut [u8],
) -> Result<()> {
    let overlap = kernels.pre_blur.unwrap_or(1) + kernels.sobel.unwrap_or(3) + kernels.post_blur.unwrap_or(1);
    match blur(kernels.post_blur)? {
        None => collect(bytes, overlap, || Bytes::new(Normals::new(make(), kernels.green))),
        Some(blur) => collect(bytes, overlap, || {
            let normals = Normals::new(make(), kernels.green);
            let blurred = Separable::of_planes(normals, 3, blur.clone(), blur.clone());
            Bytes::new(Normalised(blurred))
        }),
    }
    Ok(())
}

/// Lines of heights.
#[derive(Clone)]
struct Height<'a> {
    depth: &'a [u16],
    width: usize,
    scale: f64,
}

impl Lines for Height<'_> {
    type Value = f64;

    fn height(&self) -> usize {
        self.depth.len() / self.width
    }
    fn width(&self) -> usize {
        self.width
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [f64]) {
        for (value, &depth) in output.iter_mut().zip(&self.depth[y * self.width..]) {
            *value = f64::from(depth) * self.scale;
        }
    }
}

/// Lines of unit normals: all x, then all y, then all z.
struct Normals<G> {
    gradient: G,
    /// 1 if green grows downwards, as the lines do; else -1.
    down: f64,
}

impl<G: Gradient<Value = f64>> Normals<G> {
    fn new(gradient: G, green: Green) -> Self {
        let down = match green {
            Green::Up => -1.0,
            Green::Down => 1.0,
        };
        Self { gradient, down }
    }
}

impl<G: Gradient<Value = f64>> Lines for Normals<G> {
    type Value = f64;

    fn height(&self) -> usize {
        self.gradient.height()
    }
    fn width(&self) -> usize {
        3 * self.gradient.width()
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [f64]) {
        let (across, rest) = output.split_at_mut(self.gradient.width());
        let (down, toward) = rest.split_at_mut(self.gradient.width());
        self.gradient.line(y, across, down);
        for ((x, y), z) in across.iter_mut().zip(down).zip(toward) {
            let length = (*x * *x + *y * *y + 1.0).sqrt();
            *x /= length;
            *y = self.down * *y / length;
            *z = 1.0 / length;
        }
    }
}

/// Lines of vectors as lines of unit vectors.
struct Normalised<L>(L);

impl<L: Lines<Value = f64>> Lines for Normalised<L> {
    type Value = f64;

    fn height(&self) -> usize {
        self.0.height()
    }
    fn width(&self) -> usize {
        self.0.width()
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [f64]) {
        self.0.line(y, output);
        let width = output.len() / 3;
        let (xs, rest) = output.split_at_mut(width);
        let (ys, zs) = rest.split_at_mut(width);
        for ((x, y), z) in xs.iter_mut().zip(ys).zip(zs) {
            let length = (*x * *x + *y * *y + *z * *z).sqrt();
            *x /= length;
            *y /= length;
            *z /= length;
        }
    }
}

/// Lines of unit vectors as lines of RGB bytes.
struct Bytes<L: Lines> {
    normals: L,
    line: Vec<L::Value>,
    planes: Vec<u8>,
}

impl<L: Lines<Value: Into<f64>>> Bytes<L> {
    fn new(normals: L) -> Self {
        Self {
            line: vec![L::Value::default(); normals.width()],
            planes: vec![0; normals.width()],
            normals,
        }
    }
}

impl<L: Lines<Value: Into<f64>>> Lines for Bytes<L> {
    type Value = u8;

    fn height(&self) -> usize {
        self.normals.height()
    }
    fn width(&self) -> usize {
        self.normals.width()
    }
    #[inline(always)]
    fn line(&mut self, y: usize, output: &mut [u8]) {
        self.normals.line(y, &mut self.line);
        for (byte, &value) in self.planes.iter_mut().zip(&self.line) {
            *byte = ((value.into() + 1.0) / 2.0 * 256.0).clamp(0.0, 255.9) as u8;
        }
        let (red, rest) = self.planes.split_at(output.len() / 3);
        let (green, blue) = rest.split_at(output.len() / 3);
        let colors = red.iter().zip(green).zip(blue);
        for (pixel, ((&red, &green), &blue)) in output.as_chunks_mut().0.iter_mut().zip(colors) {
            *pixel = [red, green, blue];
        }
    }
}
