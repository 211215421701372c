//! The inpainting networks.

use candle_core::{DType, Device, Tensor};
use ndarray::ArrayD;
use rilievo::networks::inpaint::{ColorNet, DepthNet, EdgeNet, Hole};
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Reference, TOLERANCE};

const SIZE: (usize, usize) = (150, 200);

/// What the reference was given.
struct Scene {
    mask: Tensor,
    context: Tensor,
    edge: Tensor,
    rgb: Tensor,
    disparity: Tensor,
}

fn map(value: impl Fn(usize, usize) -> f32) -> Tensor {
    let (h, w) = SIZE;
    let values: Vec<f32> = (0..h * w).map(|i| value(i / w, i % w)).collect();
    Tensor::from_vec(values, (1, 1, h, w), &Device::Cpu).unwrap()
}

impl Scene {
    fn new() -> Self {
        let (h, w) = SIZE;
        let hidden = |y, x| (h / 4..h / 2).contains(&y) && (w / 3..2 * w / 3).contains(&x);
        let near = |y, x| (h / 8..7 * h / 8).contains(&y) && (w / 8..7 * w / 8).contains(&x);
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        let noise = pseudo::uniform("edge", h * w, 0.0, 1.0);
        let context = map(|y, x| flag(near(y, x) && !hidden(y, x)));
        let content = |name, channels| {
            let content = pseudo::input(name, (channels, h, w), (0.1, 0.75));
            (content + 0.1).unwrap().broadcast_mul(&context).unwrap()
        };
        Self {
            mask: map(|y, x| flag(hidden(y, x))),
            edge: map(|y, x| flag(noise[y * w + x] > 0.95 && (near(y, x) || hidden(y, x)))),
            rgb: content("rgb", 3),
            disparity: content("disp", 1),
            context,
        }
    }

    fn hole(&self) -> Hole<'_> {
        Hole {
            mask: &self.mask,
            context: &self.context,
            edge: &self.edge,
        }
    }
}

fn check(name: &str, output: &Tensor) {
    let values = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let output = ArrayD::from_shape_vec(output.dims()[1..].to_vec(), values).unwrap();
    Reference::open(name).compare("direct/out", output.view(), TOLERANCE, true);
}

fn depth() -> DepthNet {
    DepthNet::load(&pseudo::checkpoint("inpaint_depth"), &Device::Cpu, DType::F32).unwrap()
}

#[test]
fn edges_match_the_reference() {
    let network = EdgeNet::load(&pseudo::checkpoint("inpaint_edge"), &Device::Cpu, DType::F32).unwrap();
    let scene = Scene::new();
    let output = network
        .forward(&scene.hole(), &scene.rgb, &scene.disparity, &Monitor::silent())
        .unwrap();
    check("inpaint_edge", &output);
    let blank = scene.disparity.zeros_like().unwrap();
    let output = network
        .forward(&scene.hole(), &scene.rgb, &blank, &Monitor::silent())
        .unwrap();
    let values = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn depth_matches_the_reference() {
    let scene = Scene::new();
    let output = depth()
        .forward(&scene.hole(), &scene.disparity, &Monitor::silent())
        .unwrap();
    check("inpaint_depth", &output);
}

#[test]
fn colours_match_the_reference() {
    let network = ColorNet::load(&pseudo::checkpoint("inpaint_color"), &Device::Cpu, DType::F32).unwrap();
    let scene = Scene::new();
    let output = network
        .forward(&scene.hole(), &scene.rgb, &Monitor::silent())
        .unwrap();
    check("inpaint_color", &output);
}

#[test]
fn shapes_that_do_not_fit_together_are_refused() {
    let (scene, network) = (Scene::new(), depth());
    let narrow = scene.disparity.narrow(3, 0, 199).unwrap();
    let error = network
        .forward(&scene.hole(), &narrow, &Monitor::silent())
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    assert!(error.to_string().contains("[1, 1, 150, 199]"), "{error}");
    let error = network
        .forward(&scene.hole(), &scene.rgb, &Monitor::silent())
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}
