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
use rilievo::networks::inpaint::{ColorNet, DepthNet, EdgeNet, Hole};
use rilievo::networks::isnet::IsNet;
use rilievo::networks::leres::LeReS;
use rilievo::networks::midas_v21::{Config, MidasV21};
use rilievo::networks::pix2pix::Pix2Pix;
use rilievo::networks::pocket::{Config as PocketConfig, Pocket};
use rilievo::networks::u2net::U2Net;
use rilievo::networks::{DepthNetwork, InpaintNetwork, Network as _, background};
use rilievo::weights::{Checkpoint, Weights};

type Forward = Box<dyn Fn(&Tensor) -> rilievo::Result<Tensor> + Sync>;

fn network(name: &str, checkpoint: &Checkpoint) -> Result<Forward, Box<dyn Error>> {
    let (device, dtype) = (Device::Cpu, DType::F32);
    let depth = |network: Box<DepthNetwork>| -> Forward {
        Box::new(move |x| Ok(network.forward(x, &Monitor::silent())?.depth))
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
            let network = IsNet::load(checkpoint, background::Config::isnet_general(), &device, dtype)?;
            Box::new(move |x| network.forward(x, &Monitor::silent()))
        }
        "pix2pix" => {
            let network = Pix2Pix::load(checkpoint, &device, dtype)?;
            Box::new(move |x| network.forward(x, &Monitor::silent()))
        }
        "inpaint_edge" => inpaint(Box::new(EdgeNet::load(checkpoint, &device, dtype)?)),
        "inpaint_depth" => inpaint(Box::new(DepthNet::load(checkpoint, &device, dtype)?)),
        "inpaint_color" => inpaint(Box::new(ColorNet::load(checkpoint, &device, dtype)?)),
        _ => return Err(format!("{name} is none of the networks of the benches").into()),
    })
}

/// A network whose input ends with the edges, the context and the mask.
fn inpaint(network: Box<InpaintNetwork>) -> Forward {
    Box::new(move |x| {
        let first = x.dim(1)? - 3;
        let [edge, context, mask] = [first, first + 1, first + 2].map(|channel| x.narrow(1, channel, 1));
        let hole = Hole {
            content: x.narrow(1, 0, first)?,
            edge: edge?,
            context: context?,
            mask: mask?,
        };
        network.forward(&hole, &Monitor::silent())
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
