//! Comparing with what the reference networks computed.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::sync::Mutex;

use candle_core::{DType, Device, Tensor};
use ndarray::{
    Array, Array0, Array1, Array2, Array3, ArrayD, ArrayViewD, Axis, Dimension, Ix1, Ix2, Slice, Zip, s,
};
use ndarray_npy::{NpzReader, ReadableElement};
use rilievo::Monitor;
use rilievo::estimate::{mirror, preprocess};
use rilievo::image::Size;
use rilievo::networks::{DepthNetwork, Network};

use super::{digest, input, path, place};

/// Largest difference from the reference, in standard deviations of its output. The reference
/// itself moves by 3e-5 between single and double precision; the mildest mistake that shows,
/// the tanh approximation of GELU, by 6e-4.
pub const TOLERANCE: f64 = 2e-4;
/// Largest difference of a network's input: image processing, before any network.
const INPUT_TOLERANCE: f64 = 1e-4;

/// Differences in standard deviations: the largest, the mean, and the share of pixels beyond
/// [`TOLERANCE`].
#[derive(Clone, Copy)]
pub struct Noise {
    pub most: f64,
    pub mean: f64,
    pub share: f64,
}

impl Noise {
    fn of(differences: &ArrayD<f64>, std: f64) -> Self {
        let count = differences.len() as f64;
        let beyond = differences
            .iter()
            .filter(|difference| **difference > TOLERANCE * std);
        Self {
            most: differences.iter().copied().fold(0.0, f64::max) / std,
            mean: differences.sum() / count / std,
            share: beyond.count() as f64 / count,
        }
    }

    fn within(&self, allowed: Self) -> bool {
        self.most <= allowed.most && self.mean <= allowed.mean && self.share <= allowed.share
    }
}

impl Display for Noise {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { most, mean, share } = self;
        write!(
            f,
            "{most:.1e}, on average {mean:.1e}, {share:.1e} of pixels beyond {TOLERANCE:e}"
        )
    }
}

/// The results of one network.
pub struct Reference {
    model: String,
    archive: NpzReader<File>,
}

impl Reference {
    pub fn open(model: &str) -> Self {
        let archive = NpzReader::new(File::open(path(model, "npz")).unwrap()).unwrap();
        Self {
            model: model.to_owned(),
            archive,
        }
    }

    /// A stored array.
    pub fn array<T: ReadableElement, D: Dimension>(&mut self, key: &str) -> Array<T, D> {
        self.archive.by_name(&format!("{key}.npy")).unwrap()
    }

    /// Holds `values`, of the full size, against the stored rows and columns
    /// of `key`. `scaled`: in standard deviations of the reference.
    pub fn compare(&mut self, key: &str, values: ArrayViewD<'_, f32>, tolerance: f64, scaled: bool) {
        let (differences, std) = self.differences(key, values);
        let scale = if scaled { std } else { 1.0 };
        let largest = differences.fold(0.0, |most: f64, &difference| most.max(difference)) / scale;
        self.judge(key, format!("{largest:.1e}"), !scaled, largest <= tolerance);
    }

    /// Prints what was found at a stage. In single precision `passed` must be true; in half
    /// precision only of what does not depend on it.
    fn judge(&self, key: &str, found: String, always: bool, passed: bool) {
        let place = place();
        println!("{} {key} [{place}]: {found}", self.model);
        assert!(
            passed || !(always || place.exact()),
            "{} {key} [{place}]: {found} is too much",
            self.model
        );
    }

    /// The same for a network that blows rounding errors up in a few pixels.
    pub fn compare_noisy(&mut self, key: &str, values: ArrayViewD<'_, f32>, allowed: Noise) {
        let (differences, std) = self.differences(key, values);
        let found = Noise::of(&differences, std);
        self.judge(key, found.to_string(), false, found.within(allowed));
    }

    /// Holds `values` against what double precision made of the same numbers. How far the reference's
    /// own single precision is from that is printed beside it.
    pub fn compare_exact(&mut self, key: &str, values: ArrayViewD<'_, f32>, allowed: Noise) {
        let exact = format!("exact/{key}");
        let (differences, std) = self.differences(&exact, values);
        let found = Noise::of(&differences, std);
        let (truth, reference): (ArrayD<f32>, ArrayD<f32>) = (self.array(&exact), self.array(key));
        let reference = reference.to_shape(truth.shape()).unwrap();
        let off = Zip::from(&reference)
            .and(&truth)
            .map_collect(|a, b| f64::from((a - b).abs()));
        let report = format!("{found}; the reference: {}", Noise::of(&off, std));
        self.judge(&exact, report, false, found.within(allowed));
    }

    /// How far `values` are from what is stored, and the standard deviation of that.
    fn differences(&mut self, key: &str, values: ArrayViewD<'_, f32>) -> (ArrayD<f64>, f64) {
        let wanted: ArrayD<f32> = self.archive.by_name(&format!("{key}.npy")).unwrap();
        let stride: Array0<i64> = self.archive.by_name(&format!("{key}_stride.npy")).unwrap();
        let std: Array0<f64> = self.archive.by_name(&format!("{key}_std.npy")).unwrap();
        let axes = values.ndim();
        let step = stride.into_scalar() as isize;
        let found = values.slice_each_axis(|axis| {
            let picture = axis.axis.index() + 2 >= axes;
            Slice::new(0, None, if picture { step } else { 1 })
        });
        assert_eq!(found.shape(), wanted.shape(), "{} {key}", self.model);
        let differences = Zip::from(&found).and(&wanted).map_collect(|a, b| {
            let difference = f64::from((a - b).abs());
            if difference.is_nan() {
                f64::INFINITY
            } else {
                difference
            }
        });
        (differences, std.into_scalar())
    }

    /// Runs a network and holds what its modules made against what is stored of them below `part`:
    /// mean, standard deviation and the first values. Modules that are fused with what follows
    /// them are not seen; at least `least` must be.
    pub fn check_stages(
        &mut self,
        part: &str,
        least: usize,
        run: impl FnOnce(&Monitor<'_>) -> Tensor,
    ) -> Tensor {
        let prefix = format!("{part}/act/");
        let names = self.archive.names().unwrap();
        let stored: Vec<(String, Vec<f32>)> = names
            .iter()
            .filter_map(|name| name.trim_end_matches(".npy").strip_prefix(&prefix))
            .map(|name| {
                (
                    name.to_owned(),
                    self.array::<f32, Ix1>(&format!("{prefix}{name}")).to_vec(),
                )
            })
            .collect();
        let seen = Mutex::new(Vec::new());
        let inspect = |name: &str, x: &Tensor| {
            let ending = format!(".{name}");
            for (key, wanted) in &stored {
                if key == name || key.ends_with(&ending) {
                    let difference = stage_difference(x, wanted);
                    seen.lock().unwrap().push((key.clone(), difference));
                }
            }
        };
        let output = run(&Monitor::silent().with_inspector(&inspect));
        let seen = seen.into_inner().unwrap();
        for (key, difference) in &seen {
            let key = format!("{prefix}{key}");
            self.judge(&key, format!("{difference:.1e}"), false, *difference <= TOLERANCE);
        }
        assert!(
            seen.len() >= least,
            "{} {part}: of {} stages only {} were seen: {seen:?}",
            self.model,
            stored.len(),
            seen.len()
        );
        output
    }

    /// The network alone, on a pseudo-random input of the size of its output.
    pub fn check_direct(&mut self, network: &DepthNetwork) {
        let shape: Array1<i32> = self.archive.by_name("direct/out_shape.npy").unwrap();
        let size = (shape[shape.len() - 2] as usize, shape[shape.len() - 1] as usize);
        self.check_direct_on(network, size);
    }

    /// The network alone, on a pseudo-random input of this height and width.
    pub fn check_direct_on(&mut self, network: &DepthNetwork, (height, width): (usize, usize)) {
        let input = input("direct", (3, height, width), (-1.8, 1.8));
        let wanted: Array0<u64> = self.archive.by_name("direct/input_digest.npy").unwrap();
        let made = digest(&input.flatten_all().unwrap().to_vec1().unwrap());
        assert_eq!(made, wanted.into_scalar(), "the generators disagree");
        let output = self.check_stages("direct", 1, |monitor| run_watched(network, &input, monitor));
        self.compare("direct/out", plane(&output).view(), TOLERANCE, true);
    }

    /// The whole way from picture `img<number>` to a prediction at its size.
    pub fn check_picture(&mut self, network: &DepthNetwork, number: usize, order: ChannelOrder) {
        let picture = picture(number);
        let size: Array1<i32> = self
            .archive
            .by_name(&format!("img{number}/net_size_wh.npy"))
            .unwrap();
        let asked = (size[0] as usize, size[1] as usize);
        let spec = &network.spec().preprocessing;
        let shown = match order {
            ChannelOrder::Rgb => picture.clone(),
            ChannelOrder::Bgr => picture.slice(s![.., .., ..;-1]).as_standard_layout().into_owned(),
        };
        let input = preprocess::to_tensor(shown.view(), spec, asked, &Device::Cpu).unwrap();
        let shape = input.dims()[1..].to_vec();
        let values = ArrayD::from_shape_vec(shape, input.flatten_all().unwrap().to_vec1().unwrap()).unwrap();
        self.compare(
            &format!("img{number}/net_input"),
            values.view(),
            INPUT_TOLERANCE,
            false,
        );
        let part = format!("img{number}");
        let raw = self.check_stages(&part, 1, |monitor| run_watched(network, &input, monitor));
        let raw = plane(&raw);
        self.compare(&format!("img{number}/raw"), raw.view(), TOLERANCE, true);
        let (height, width, _) = picture.dim();
        let raw = raw.into_dimensionality::<Ix2>().unwrap();
        let last = preprocess::to_picture_size(raw.view(), spec, Size { width, height }).unwrap();
        self.compare(
            &format!("img{number}/final"),
            last.view().into_dyn(),
            TOLERANCE,
            true,
        );
    }
}

/// The order of a picture's channels as the network gets them.
///
/// The reference feeds most of its networks blue, green, red although they
/// were trained on red, green, blue, and so its results were recorded.
#[derive(Clone, Copy)]
pub enum ChannelOrder {
    Rgb,
    Bgr,
}

/// The depth of a picture by a network that is mirror-averaged, where the environment says.
pub fn mirror_averaged(network: &DepthNetwork, picture: &Array3<u8>, asked: (usize, usize)) -> Array2<f32> {
    let (spec, (height, width, _)) = (&network.spec().preprocessing, picture.dim());
    let bordered = mirror::bordered(picture.view());
    let input = preprocess::to_tensor(bordered.view(), spec, asked, &Device::Cpu).unwrap();
    let pass = |input: &Tensor| -> Array2<f32> { plane(&run(network, input)).into_dimensionality().unwrap() };
    let (plain, mirrored) = (pass(&input), pass(&input.flip(&[3]).unwrap()));
    mirror::mean_of_both(plain.view(), mirrored.view(), spec, Size { width, height }).unwrap()
}

/// One of the two test pictures, RGB.
pub fn picture(number: usize) -> Array3<u8> {
    let mut archive = NpzReader::new(File::open(path("images", "npz")).unwrap()).unwrap();
    archive.by_name(&format!("img{number}.npy")).unwrap()
}

/// Runs a network where the environment says; its results are back on the CPU.
pub fn run(network: &DepthNetwork, input: &Tensor) -> Tensor {
    run_watched(network, input, &Monitor::silent())
}

/// As [`run`].
pub fn run_watched(network: &DepthNetwork, input: &Tensor, monitor: &Monitor<'_>) -> Tensor {
    let input = input.to_device(&place().device).unwrap();
    let prediction = network.forward(&input, monitor).unwrap();
    prediction.depth.to_device(&Device::Cpu).unwrap()
}

/// The largest difference, in standard deviations, of a module's mean, standard deviation (with
/// n - 1) and first values from the stored ones.
fn stage_difference(x: &Tensor, wanted: &[f32]) -> f64 {
    let x = x.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
    let values: Vec<f32> = x.to_vec1().unwrap();
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares = values
        .iter()
        .map(|&value| (f64::from(value) - mean).powi(2))
        .sum::<f64>();
    let std = (squares / (count - 1.0).max(1.0)).sqrt();
    let found = [mean as f32, std as f32].into_iter().chain(values);
    let scale = f64::from(wanted[1]).max(1e-6);
    wanted
        .iter()
        .zip(found)
        .map(|(wanted, found)| {
            let difference = f64::from((wanted - found).abs());
            if difference.is_nan() {
                f64::INFINITY
            } else {
                difference / scale
            }
        })
        .fold(0.0, f64::max)
}

/// The prediction of a batch of one.
fn plane(output: &Tensor) -> ArrayD<f32> {
    let values = ArrayD::from_shape_vec(
        output.dims().to_vec(),
        output.flatten_all().unwrap().to_vec1().unwrap(),
    );
    values.unwrap().index_axis_move(Axis(0), 0)
}
