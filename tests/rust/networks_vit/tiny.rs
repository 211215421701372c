//! Checkpoints of networks small enough for every test run.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use rilievo::networks::dpt::{Backbone, Config};
use rilievo::weights::Checkpoint;

use crate::pseudo;

/// A transformer of two patches' width and as few blocks as there are taps.
pub fn config(backbone: Backbone) -> Config {
    let hybrid = backbone != Backbone::Vit && backbone != Backbone::Beit;
    Config {
        backbone,
        width: 16,
        heads: 2,
        depth: 5,
        taps: if hybrid { vec![2, 4] } else { vec![0, 2, 3, 4] },
        grid: 3,
        levels: if hybrid {
            [256, 512, 16, 16]
        } else {
            [4, 8, 16, 16]
        },
        features: 8,
        hidden: 4,
    }
}

/// Collects tensors in the official names.
pub struct Builder {
    tensors: HashMap<String, Tensor>,
}

impl Builder {
    pub fn new() -> Self {
        Self {
            tensors: HashMap::new(),
        }
    }

    pub fn finish(self) -> Checkpoint {
        Checkpoint::from_tensors(self.tensors)
    }

    /// A tensor of numbers around `mean`.
    pub fn put(&mut self, name: impl Into<String>, shape: &[usize], mean: f64, reach: f64) {
        let name = name.into();
        let values = pseudo::uniform(&name, shape.iter().product(), mean - reach, mean + reach);
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        assert!(self.tensors.insert(name.clone(), tensor).is_none(), "{name}");
    }

    /// A linear map or a convolution that keeps the scale of what it is given.
    pub fn layer(&mut self, name: &str, shape: &[usize], bias: bool) {
        let inputs: usize = shape[1..].iter().product();
        self.put(format!("{name}.weight"), shape, 0.0, (3.0 / inputs as f64).sqrt());
        if bias {
            self.put(format!("{name}.bias"), &shape[..1], 0.1, 0.1);
        }
    }

    pub fn transposed(&mut self, name: &str, channels: usize, stride: usize) {
        let reach = (3.0 / channels as f64).sqrt();
        self.put(
            format!("{name}.weight"),
            &[channels, channels, stride, stride],
            0.0,
            reach,
        );
        self.put(format!("{name}.bias"), &[channels], 0.0, 0.1);
    }

    pub fn norm(&mut self, name: &str, channels: usize) {
        self.put(format!("{name}.weight"), &[channels], 1.0, 0.1);
        self.put(format!("{name}.bias"), &[channels], 0.0, 0.1);
    }

    /// The network of `config` below `prefix` (empty, or ending in a dot).
    pub fn dpt(&mut self, prefix: &str, config: &Config) {
        let (model, width) = (format!("{prefix}pretrained.model"), config.width);
        self.put(format!("{model}.cls_token"), &[1, 1, width], 0.0, 0.5);
        match config.backbone {
            Backbone::Hybrid { stages } => {
                self.resnet(&format!("{model}.patch_embed.backbone"), stages);
                self.layer(&format!("{model}.patch_embed.proj"), &[width, 1024, 1, 1], true);
            }
            _ => self.layer(&format!("{model}.patch_embed.proj"), &[width, 3, 16, 16], true),
        }
        if config.backbone != Backbone::Beit {
            let positions = [1, 1 + config.grid * config.grid, width];
            self.put(format!("{model}.pos_embed"), &positions, 0.0, 0.5);
        }
        for i in 0..config.depth {
            self.block(&format!("{model}.blocks.{i}"), config);
        }
        let reassembled = config.levels.len() - config.taps.len();
        for (i, &channels) in config.levels.iter().enumerate() {
            let name = format!("{prefix}pretrained.act_postprocess{}", i + 1);
            if i >= reassembled {
                self.layer(&format!("{name}.0.project.0"), &[width, 2 * width], true);
                self.layer(&format!("{name}.3"), &[channels, width, 1, 1], true);
                match i {
                    0 => self.transposed(&format!("{name}.4"), channels, 4),
                    1 => self.transposed(&format!("{name}.4"), channels, 2),
                    2 => {}
                    _ => self.layer(&format!("{name}.4"), &[channels, channels, 3, 3], true),
                }
            }
            let scratch = format!("{prefix}scratch");
            let features = config.features;
            self.layer(
                &format!("{scratch}.layer{}_rn", i + 1),
                &[features, channels, 3, 3],
                false,
            );
            let fusion = format!("{scratch}.refinenet{}", i + 1);
            self.layer(&format!("{fusion}.out_conv"), &[features, features, 1, 1], true);
            for unit in [
                "resConfUnit1.conv1",
                "resConfUnit1.conv2",
                "resConfUnit2.conv1",
                "resConfUnit2.conv2",
            ] {
                self.layer(&format!("{fusion}.{unit}"), &[features, features, 3, 3], true);
            }
        }
        let head = format!("{prefix}scratch.output_conv");
        let (features, hidden) = (config.features, config.hidden);
        self.layer(&format!("{head}.0"), &[features / 2, features, 3, 3], true);
        self.layer(&format!("{head}.2"), &[hidden, features / 2, 3, 3], true);
        self.put(format!("{head}.4.weight"), &[1, hidden, 1, 1], 0.3, 0.2);
        self.put(format!("{head}.4.bias"), &[1], 0.5, 0.1);
    }

    fn block(&mut self, name: &str, config: &Config) {
        let width = config.width;
        let beit = config.backbone == Backbone::Beit;
        self.norm(&format!("{name}.norm1"), width);
        self.norm(&format!("{name}.norm2"), width);
        self.layer(&format!("{name}.attn.qkv"), &[3 * width, width], !beit);
        self.layer(&format!("{name}.attn.proj"), &[width, width], true);
        self.layer(&format!("{name}.mlp.fc1"), &[4 * width, width], true);
        self.layer(&format!("{name}.mlp.fc2"), &[width, 4 * width], true);
        if beit {
            let side = 2 * config.grid - 1;
            let table = format!("{name}.attn.relative_position_bias_table");
            self.put(table, &[side * side + 3, config.heads], 0.0, 1.0);
            for tensor in ["attn.q_bias", "attn.v_bias"] {
                self.put(format!("{name}.{tensor}"), &[width], 0.0, 0.1);
            }
            for tensor in ["gamma_1", "gamma_2"] {
                self.put(format!("{name}.{tensor}"), &[width], 0.3, 0.2);
            }
        }
    }

    fn resnet(&mut self, name: &str, stages: [usize; 3]) {
        self.layer(&format!("{name}.stem.conv"), &[64, 3, 7, 7], false);
        self.norm(&format!("{name}.stem.norm"), 64);
        let mut inputs = 64;
        for (i, outputs) in [256, 512, 1024].into_iter().enumerate() {
            for block in 0..stages[i] {
                let name = format!("{name}.stages.{i}.blocks.{block}");
                let hidden = outputs / 4;
                for (conv, shape) in [
                    ("1", [hidden, inputs, 1, 1]),
                    ("2", [hidden, hidden, 3, 3]),
                    ("3", [outputs, hidden, 1, 1]),
                ] {
                    self.layer(&format!("{name}.conv{conv}"), &shape, false);
                    self.norm(&format!("{name}.norm{conv}"), shape[0]);
                }
                if block == 0 {
                    self.layer(
                        &format!("{name}.downsample.conv"),
                        &[outputs, inputs, 1, 1],
                        false,
                    );
                    self.norm(&format!("{name}.downsample.norm"), outputs);
                }
                inputs = outputs;
            }
        }
    }
}

/// The network of `config`.
pub fn dpt(config: &Config) -> Checkpoint {
    let mut builder = Builder::new();
    builder.dpt("", config);
    builder.finish()
}

/// The same tensors under other names; `split` ones become three.
pub fn converted(official: &Checkpoint, rename: impl Fn(&str) -> Vec<String>) -> Checkpoint {
    let mut tensors = HashMap::new();
    for name in official.names() {
        let tensor = official.tensor(name, &Device::Cpu, DType::F32).unwrap();
        let names = rename(name);
        for (part, name) in tensor.chunk(names.len(), 0).unwrap().into_iter().zip(names) {
            assert!(tensors.insert(name.clone(), part).is_none(), "{name}");
        }
    }
    Checkpoint::from_tensors(tensors)
}
