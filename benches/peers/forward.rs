//! Runs a Depth Anything network, a DPT or a ZoeDepth on the same input again
//! and again, for the side-by-side benches `benches/peers/networks.py`,
//! `networks_vit.py` and `networks_zoe.py`.
//!
//! `forward CONFIG CHECKPOINT INPUT HEIGHT WIDTH OUTPUT`: INPUT holds
//! `[3, HEIGHT, WIDTH]` little-endian floats. For every line on standard input
//! one forward pass is run and its seconds are printed; at the end the last
//! prediction is written to OUTPUT. `RAYON_NUM_THREADS` sets the threads.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use rilievo::Monitor;
use rilievo::networks::depth_anything::{self, DepthAnything};
use rilievo::networks::dpt::{self, Dpt};
use rilievo::networks::zoedepth::{self, ZoeDepth};
use rilievo::networks::{DepthNetwork, Network};
use rilievo::weights::Checkpoint;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, checkpoint, input, height, width, output] = arguments.as_slice() else {
        return Err("usage: forward CONFIG CHECKPOINT INPUT HEIGHT WIDTH OUTPUT".into());
    };
    let checkpoint = Checkpoint::open(Path::new(checkpoint))?;
    let (device, dtype) = (Device::Cpu, DType::F32);
    let network: Box<DepthNetwork> = if let Some(config) = config.strip_prefix("zoedepth_") {
        let config = zoedepth::Config::named(config)?;
        Box::new(ZoeDepth::load(&checkpoint, &config, &device, dtype)?)
    } else if let Ok(config) = depth_anything::Config::named(config) {
        Box::new(DepthAnything::load(&checkpoint, &config, &device, dtype)?)
    } else {
        let config = dpt::Config::named(config)?;
        Box::new(Dpt::load(&checkpoint, &config, &device, dtype)?)
    };
    let shape = [1, 3, height.parse()?, width.parse()?];
    let input = Tensor::from_raw_buffer(&std::fs::read(input)?, DType::F32, &shape, &device)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready")?;
    let mut last = None;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        last = Some(network.forward(&input, &Monitor::silent())?.depth);
        writeln!(stdout, "{:.6}", start.elapsed().as_secs_f64())?;
    }
    if let Some(prediction) = last {
        let values: Vec<f32> = prediction.flatten_all()?.to_vec1()?;
        std::fs::write(
            output,
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect::<Vec<u8>>(),
        )?;
    }
    Ok(())
}
