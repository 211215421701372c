//! The table of networks, read from `models/catalog.toml`, which is embedded.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::{Error, Result};

named! {
    /// What a network is for.
    #[derive(Default, Deserialize, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Role as "role" {
        /// Estimates depth. All others are helpers.
        #[default]
        Depth = "depth",
        /// Merges two depth maps (boost).
        Merge = "merge",
        /// Continues a picture behind what hides it (3D photo).
        Inpaint = "inpaint",
        /// Tells a foreground from its background.
        Background = "background",
    }
}

/// One network: a row of the catalog.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name in the API and on the command line.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// The reference extension's number, where it has one.
    pub index: Option<u32>,
    /// The name people read.
    pub title: String,
    /// Which [`Family`](crate::networks::Family) it is of.
    pub family: String,
    /// Which configuration of the family.
    pub config: String,
    /// Boost's receptive field, where it is not the shorter side of the network size.
    pub field: Option<usize>,
    /// `auto` takes the installed depth network with the highest rank.
    #[serde(default)]
    pub rank: u32,
    /// Megabytes needed at the default size on a CPU, roughly.
    pub memory: u32,
    /// The licence of the weights; `unknown` where it could not be found out.
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

    /// What is known of its SHA-256: all of it, or the first digits, where it
    /// is named as `torch.hub` names files (`dpt_large-midas-2f21e586.pt`).
    pub fn checksum(&self) -> Option<&str> {
        let named = || {
            let stem = self.name.rsplit_once('.')?.0;
            let digits = stem.rsplit_once('-')?.1;
            let is_hash = digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_hash.then_some(digits)
        };
        self.sha256.as_deref().or_else(named)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    model: Vec<Entry>,
}

/// Every network rilievo knows, helpers included.
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
            let known: Vec<_> = entries()
                .iter()
                .filter(|entry| entry.role == Role::Depth)
                .map(|entry| entry.id.as_str())
                .collect();
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
        let mut names: Vec<_> = entries().iter().map(|entry| &entry.id).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), entries().len());
        assert!(
            entries()
                .iter()
                .all(|entry| find(&entry.title).is_ok_and(|found| found.id == entry.id))
        );
        for entry in entries() {
            assert!(entry.role == Role::Depth || entry.rank == 0, "{}", entry.id);
            assert!(!entry.commercial || entry.licence != "unknown", "{}", entry.id);
        }
        assert_eq!(entries()[0].id, "pocket");
    }

    #[test]
    fn checksums_are_hexadecimal_and_known_from_names() {
        let files = || entries().iter().flat_map(|entry| &entry.files);
        for sha256 in files().filter_map(|file| file.sha256.as_ref()) {
            assert!(sha256.len() == 64 && sha256.bytes().all(|digit| b"0123456789abcdef".contains(&digit)));
        }
        let checksum = |name: &str| files().find(|file| file.name == name).unwrap().checksum();
        assert_eq!(checksum("midas_v21-f6b98070.pt"), Some("f6b98070"));
        assert_eq!(checksum("depth_anything_v2_vits.pth"), None);
    }

    #[test]
    fn every_number_of_the_reference_but_marigolds_is_there() {
        let mut numbers: Vec<_> = entries().iter().filter_map(|entry| entry.index).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]);
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
