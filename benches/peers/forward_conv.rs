//! Runs a convolutional network on the same input again and again, for the
//! side-by-side benches `benches/peers/networks_conv.py` and `networks_inpaint.py`.
//!
//! `forward_conv NETWORK CHECKPOINT INPUT HEIGHT WIDTH OUTPUT`: INPUT holds
//! `[channels, HEIGHT, WIDTH]` little-endian floats. For every line on standard input
//! one forward pass is run and its seconds are printed; at the end the last
//! result is written to OUTPUT. `RAYON_NUM_THREADS` sets the threads.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use rilievo::Monitor;
use rilievo::networks::DepthNetwork;
use rilievo::networks::inpaint::{ColorNet, DepthNet, EdgeNet, Hole};
use rilievo::networks::isnet::IsNet;
use rilievo::networks::leres::LeReS;
use rilievo::networks::midas_v21::{Config, MidasV21};
use rilievo::networks::pix2pix::Pix2Pix;
use rilievo::networks::pocket::{Config as PocketConfig, Pocket};
use rilievo::networks::u2net::U2Net;
use rilievo::weights::{Checkpoint, Weights};

type Forward = Box<dyn Fn(&Tensor) -> rilievo::Result<Tensor> + Sync>;

fn network(name: &str, checkpoint: &Checkpoint) -> Result<Forward, Box<dyn Error>> {
    let (device, dtype) = (Device::Cpu, DType::F32);
    let depth = |network: Box<dyn DepthNetwork>| -> Forward {
        Box::new(move |x| network.forward(x, &Monitor::silent()))
    };
    Ok(match name {
        "midas_v21_small" => depth(Box::new(MidasV21::load(
            checkpoint,
            &Config::small(),
            &device,
            dtype,
        )?)),
        "midas_v21" => depth(Box::new(MidasV21::load(
            checkpoint,
            &Config::large(),
            &device,
            dtype,
        )?)),
        "pocket" => {
            let bytes = std::fs::read(checkpoint.path())?;
            let weights = Weights::new(checkpoint, &device, dtype);
            depth(Box::new(Pocket::new(PocketConfig::read(&bytes)?, &weights)?))
        }
        "res101" => depth(Box::new(LeReS::load(checkpoint, &device, dtype)?)),
        "u2net" | "u2netp" => {
            let network = U2Net::load(checkpoint, &device, dtype)?;
            Box::new(move |x| network.forward(x, &Monitor::silent()))
        }
        "isnet" => {
            let network = IsNet::load(checkpoint, &device, dtype)?;
            Box::new(move |x| network.forward(x, &Monitor::silent()))
        }
        "pix2pix" => {
            let network = Pix2Pix::load(checkpoint, &device, dtype)?;
            Box::new(move |x| network.forward(x, &Monitor::silent()))
        }
        "inpaint_edge" => {
            let network = EdgeNet::load(checkpoint, &device, dtype)?;
            Box::new(move |x| {
                let (rgb, disparity) = (x.narrow(1, 0, 3)?, x.narrow(1, 3, 1)?);
                in_hole(x, |hole| {
                    network.forward(hole, &rgb, &disparity, &Monitor::silent())
                })
            })
        }
        "inpaint_depth" => {
            let network = DepthNet::load(checkpoint, &device, dtype)?;
            Box::new(move |x| {
                let depth = x.narrow(1, 0, 1)?;
                in_hole(x, |hole| network.forward(hole, &depth, &Monitor::silent()))
            })
        }
        "inpaint_color" => {
            let network = ColorNet::load(checkpoint, &device, dtype)?;
            Box::new(move |x| {
                let rgb = x.narrow(1, 0, 3)?;
                in_hole(x, |hole| network.forward(hole, &rgb, &Monitor::silent()))
            })
        }
        _ => return Err(format!("{name} is none of the networks of the benches").into()),
    })
}

/// Runs `forward` with the last three channels of `x`: edges, context and mask.
fn in_hole(x: &Tensor, forward: impl Fn(&Hole<'_>) -> rilievo::Result<Tensor>) -> rilievo::Result<Tensor> {
    let first = x.dim(1)? - 3;
    let [edge, context, mask] = [first, first + 1, first + 2].map(|channel| x.narrow(1, channel, 1));
    forward(&Hole {
        mask: &mask?,
        context: &context?,
        edge: &edge?,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, checkpoint, input, height, width, output] = arguments.as_slice() else {
        return Err("usage: forward_conv NETWORK CHECKPOINT INPUT HEIGHT WIDTH OUTPUT".into());
    };
    let forward = network(name, &Checkpoint::open(Path::new(checkpoint))?)?;
    let (input, height, width) = (std::fs::read(input)?, height.parse()?, width.parse()?);
    let shape = [1, input.len() / (4 * height * width), height, width];
    let input = Tensor::from_raw_buffer(&input, DType::F32, &shape, &Device::Cpu)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready")?;
    let mut last = None;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        // Inside the thread pool, as the Python package runs it.
        last = Some(rayon::scope(|_| forward(&input))?);
        writeln!(stdout, "{:.6}", start.elapsed().as_secs_f64())?;
    }
    if let Some(result) = last {
        let values: Vec<f32> = result.flatten_all()?.to_vec1()?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(output, bytes)?;
    }
    Ok(())
}
