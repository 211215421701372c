//! The table of networks, read from `models/catalog.toml`, which is embedded.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One network: a row of the catalog.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name in the API and on the command line.
    pub id: String,
    /// The reference extension's number, where it has one.
    pub index: Option<u32>,
    /// The name people read.
    pub title: String,
    /// Which module of [`networks`](crate::networks) runs it.
    pub family: String,
    /// Which published size of the family.
    pub config: String,
    /// What the numbers mean: `inverse`, `depth` or `metric`.
    pub kind: String,
    /// Default network size: width, height.
    pub net_size: [usize; 2],
    /// `auto` takes the installed network with the highest rank.
    pub rank: u32,
    /// Megabytes needed at the default size on a CPU, roughly.
    pub memory: u32,
    /// The licence of the weights.
    pub licence: String,
    /// Whether that licence allows commercial use.
    pub commercial: bool,
    /// One line on when to choose it.
    pub advice: String,
    /// Whether its prediction is refined with the picture by default.
    #[serde(default)]
    pub refine: bool,
    /// The subfolder of a WebUI's `models` folder that the reference keeps it in.
    pub folder: Option<String>,
    /// Checkpoints that hold it; none for an embedded network.
    #[serde(default)]
    pub files: Vec<File>,
}

/// One checkpoint file of an [`Entry`].
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name on disk.
    pub name: String,
    /// Its size, rounded.
    pub megabytes: u32,
    /// Other names the same checkpoint goes by on people's disks.
    #[serde(default)]
    pub also: Vec<String>,
    /// Its SHA-256 in lower-case hex, where known.
    pub sha256: Option<String>,
    /// Where it can be fetched, tried in this order: addresses, or
    /// `hf:OWNER/REPOSITORY[@REVISION]:PATH`.
    pub sources: Vec<String>,
}

impl File {
    /// Whether the name (`model.safetensors`) says nothing about which network it is.
    pub fn is_generic(&self) -> bool {
        self.name.starts_with("model.")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    model: Vec<Entry>,
}

/// Every network rilievo knows.
pub fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        toml::from_str::<Catalog>(include_str!("../../models/catalog.toml"))
            .expect("the embedded catalog is checked by a test")
            .model
    })
}

/// Finds a network by id, title or the reference's number; case, spaces and
/// dashes do not matter.
///
/// # Errors
/// [`Error::Invalid`] naming the known ids.
pub fn find(name: &str) -> Result<&'static Entry> {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let wanted = plain(name);
    entries()
        .iter()
        .find(|entry| {
            plain(&entry.id) == wanted
                || plain(&entry.title) == wanted
                || entry.index.is_some_and(|index| index.to_string() == wanted)
        })
        .ok_or_else(|| {
            let known: Vec<_> = entries().iter().map(|entry| entry.id.as_str()).collect();
            Error::invalid(format!(
                "no model is called {name:?}; known are auto, {}",
                known.join(", ")
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_parses_and_names_are_unique() {
        let mut names: Vec<_> = entries()
            .iter()
            .flat_map(|entry| [&entry.id, &entry.title])
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2 * entries().len());
        assert!(
            entries()
                .iter()
                .all(|entry| ["inverse", "depth", "metric"].contains(&entry.kind.as_str()))
        );
        assert_eq!(entries()[0].id, "pocket");
    }

    #[test]
    fn a_name_is_found_in_every_spelling() {
        for name in [
            "depth_anything_v2_base",
            "Depth Anything v2 Base",
            "13",
            "depth-anything-V2-base",
        ] {
            assert_eq!(find(name).unwrap().id, "depth_anything_v2_base");
        }
        let message = find("midas_v9").unwrap_err().to_string();
        assert!(
            message.contains("midas_v9") && message.contains("pocket"),
            "{message}"
        );
    }
}
