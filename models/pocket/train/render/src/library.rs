//! Furniture models from outside the repository.

use crate::model::Model;
use crate::obj;
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;

/// Models to furnish rooms with, standing on y = 0 around the origin, in metres.
#[derive(Default)]
pub struct Library {
    pub models: Vec<Arc<Model>>,
}

impl Library {
    /// Loads what `folder` lists in `models.tsv`: one model a line, its OBJ file (relative to the folder) and its
    /// width, depth and height in metres, separated by tabs.
    pub fn load(folder: &Path) -> Result<Self> {
        let list = folder.join("models.tsv");
        let text =
            std::fs::read_to_string(&list).with_context(|| format!("{} cannot be read", list.display()))?;
        let models = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let [file, size @ ..] = fields.as_slice() else {
                    anyhow::bail!("{line:?} names no file")
                };
                let size: Vec<f32> = size
                    .iter()
                    .map(|s| s.parse())
                    .collect::<Result<_, _>>()
                    .with_context(|| format!("{line:?} is not a model"))?;
                let [width, depth, height] = size[..] else {
                    anyhow::bail!("{line:?} lacks width, depth or height")
                };
                obj::load(&folder.join(file), glam::Vec3::new(width, height, depth))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { models })
    }
}
