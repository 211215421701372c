//! The inpainting networks.

use candle_core::{Device, Tensor};
use rilievo::networks::Network;
use rilievo::networks::inpaint::{ColorNet, DepthNet, EdgeNet, Hole};
use rilievo::{Error, Monitor};

use crate::pseudo::{self, Place, Reference, TOLERANCE};

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
    /// Where the environment says.
    fn there() -> Self {
        let scene = Self::new();
        let take = |tensor: &Tensor| pseudo::place().take(tensor);
        Self {
            mask: take(&scene.mask),
            context: take(&scene.context),
            edge: take(&scene.edge),
            rgb: take(&scene.rgb),
            disparity: take(&scene.disparity),
        }
    }

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

    fn hole(&self, content: &[&Tensor]) -> Hole {
        Hole {
            content: Tensor::cat(content, 1).unwrap(),
            edge: self.edge.clone(),
            context: self.context.clone(),
            mask: self.mask.clone(),
        }
    }
}

fn check(name: &str, output: &Tensor) {
    let output = pseudo::place().give(output);
    Reference::open(name).compare("direct/out", output.view(), TOLERANCE, true);
}

fn depth() -> DepthNet {
    let Place { device, dtype } = pseudo::place();
    DepthNet::load(&pseudo::checkpoint("inpaint_depth"), device, *dtype).unwrap()
}

#[test]
fn edges_match_the_reference() {
    let Place { device, dtype } = pseudo::place();
    let network = EdgeNet::load(&pseudo::checkpoint("inpaint_edge"), device, *dtype).unwrap();
    let scene = Scene::there();
    let output = Reference::open("inpaint_edge").check_stages("direct", 5, |monitor| {
        network
            .forward(&scene.hole(&[&scene.rgb, &scene.disparity]), monitor)
            .unwrap()
    });
    check("inpaint_edge", &output);
    let blank = scene.disparity.zeros_like().unwrap();
    let output = network
        .forward(&scene.hole(&[&scene.rgb, &blank]), &Monitor::silent())
        .unwrap();
    let values = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn depth_matches_the_reference() {
    let scene = Scene::there();
    let output = depth()
        .forward(&scene.hole(&[&scene.disparity]), &Monitor::silent())
        .unwrap();
    check("inpaint_depth", &output);
}

#[test]
fn colours_match_the_reference() {
    let Place { device, dtype } = pseudo::place();
    let network = ColorNet::load(&pseudo::checkpoint("inpaint_color"), device, *dtype).unwrap();
    let scene = Scene::there();
    let output = network
        .forward(&scene.hole(&[&scene.rgb]), &Monitor::silent())
        .unwrap();
    check("inpaint_color", &output);
}

#[test]
fn shapes_that_do_not_fit_together_are_refused() {
    let (scene, network) = (Scene::there(), depth());
    let narrow = scene.disparity.narrow(3, 0, 199).unwrap();
    let error = network
        .forward(&scene.hole(&[&narrow]), &Monitor::silent())
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    assert!(error.to_string().contains("[1, 1, 150, 199]"), "{error}");
    let error = network
        .forward(&scene.hole(&[&scene.rgb]), &Monitor::silent())
        .unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}
