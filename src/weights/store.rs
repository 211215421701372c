//! Finding a network's file on disk.

use std::path::{Path, PathBuf};

use super::catalog::{self, Entry};
use crate::{Error, Result};

/// The folders that checkpoints are looked for in, first match first.
#[derive(Clone, Debug, Default)]
pub struct Store {
    folders: Vec<PathBuf>,
}

impl Store {
    /// A store over `folders`, in this order. Each is searched for
    /// `<file>`, `<id>/<file>`, `<folder of the reference>/<file>` and
    /// `<id>.safetensors|.pth|.pt`.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// The folders, in the order of search.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Where the checkpoint of `entry` lies, if it is there.
    pub fn locate(&self, entry: &Entry) -> Option<PathBuf> {
        self.folders
            .iter()
            .flat_map(|folder| candidates(folder, entry))
            .find(|path| path.is_file())
    }

    /// Whether `entry` can run without a download.
    pub fn has(&self, entry: &Entry) -> bool {
        entry.files.is_empty() || self.locate(entry).is_some()
    }

    /// The best network that is already here: the highest rank.
    pub fn best(&self) -> &'static Entry {
        catalog::entries()
            .iter()
            .filter(|entry| self.has(entry))
            .max_by_key(|entry| entry.rank)
            .unwrap_or(&catalog::entries()[0])
    }

    /// Resolves a name (`auto` included) to a network and its checkpoint;
    /// `None` for an embedded one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Checkpoint`] when the
    /// file is on none of the folders.
    pub fn resolve(&self, name: &str) -> Result<(&'static Entry, Option<PathBuf>)> {
        let entry = if name.eq_ignore_ascii_case("auto") {
            self.best()
        } else {
            catalog::find(name)?
        };
        if entry.files.is_empty() {
            return Ok((entry, None));
        }
        match self.locate(entry) {
            Some(path) => Ok((entry, Some(path))),
            None => Err(Error::Checkpoint(self.missing(entry))),
        }
    }

    fn missing(&self, entry: &Entry) -> String {
        let file = &entry.files[0];
        let folders: Vec<_> = self
            .folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        format!(
            "{} is not on this machine ({} MB); put {} (from the repository {} on the Hugging Face hub) into {}, \
             or give its path with --weights",
            entry.title,
            file.megabytes,
            file.name,
            file.repo,
            folders
                .first()
                .map_or("a folder named by RILIEVO_MODELS", String::as_str),
        )
    }
}

fn candidates(folder: &Path, entry: &Entry) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for file in &entry.files {
        // A bare `model.safetensors` says nothing about which network it is.
        if !file.name.starts_with("model.") {
            paths.push(folder.join(&file.name));
            paths.extend(entry.folder.as_ref().map(|sub| folder.join(sub).join(&file.name)));
        }
        paths.push(folder.join(&entry.id).join(&file.name));
    }
    for extension in ["safetensors", "pth", "pt"] {
        paths.push(folder.join(format!("{}.{extension}", entry.id)));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_best_network_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(vec![folder.path().to_owned()]);
        assert_eq!(store.resolve("auto").unwrap().0.id, "pocket");

        let path = folder
            .path()
            .join("depth_anything_v2")
            .join("depth_anything_v2_vits.pth");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"").unwrap();
        let (entry, found) = store.resolve("auto").unwrap();
        assert_eq!(
            (entry.id.as_str(), found),
            ("depth_anything_v2_small", Some(path))
        );
    }

    #[test]
    fn a_missing_network_says_what_to_fetch_and_where_to_put_it() {
        let store = Store::new(vec![PathBuf::from("models")]);
        let message = store.resolve("depth_anything_v2_large").unwrap_err().to_string();
        for part in ["depth_anything_v2_vitl.pth", "models", "1341", "--weights"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
