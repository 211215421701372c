//! The networks' files on this machine: finding, fetching, checking, adopting.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::catalog::{self, Entry, File, Role};
use super::checkpoint::{Checkpoint, impostor};
use super::download::{Download, Patience, Unreachable, sha256};
use super::hub::{self, Hub};
use crate::files::AtomicFile;
use crate::monitor::Stage;
use crate::{Error, Monitor, Result};

/// Whether a file holds the network of an entry, such as
/// [`networks::check`](crate::networks::check): an error says why not.
pub type Fits = fn(&Entry, &Path) -> Result<()>;

/// The folders that checkpoints are looked for in, and the hub they come from.
#[derive(Clone, Debug)]
pub struct Store {
    folders: Vec<PathBuf>,
    hub: Hub,
}

impl Store {
    /// A store over `folders`, first match first; downloads go to the first.
    /// Each folder is searched for `<file>`, `<id>/<file>`, the same in the
    /// subfolder the reference uses, `<owner>/<repository>/<file>` and
    /// `<repository>/<file>` as tools mirror the hub, and
    /// `<id>.safetensors|.pth|.pt`; then the hub's cache.
    pub fn new(folders: Vec<PathBuf>, hub: Hub) -> Self {
        Self { folders, hub }
    }

    /// The folders, in the order of search.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Where the checkpoint of `entry` lies, if it is there. Files that are
    /// plainly none do not count; see [`impostors`](Self::impostors).
    pub fn locate(&self, entry: &Entry) -> Option<PathBuf> {
        let in_folders = self.folders.iter().flat_map(|folder| candidates(folder, entry));
        in_folders
            .into_iter()
            .find(|path| path.is_file() && impostor(path).is_none())
            .or_else(|| {
                let sources = entry.files.iter().flat_map(|file| &file.sources);
                let mut cached = sources.filter_map(|source| self.hub.cached(source));
                cached.find(|path| impostor(path).is_none())
            })
    }

    /// The files that lie where a checkpoint of `entry` would be looked for
    /// but are plainly none (empty, a web page, a server's message, a Git LFS
    /// pointer), and what is wrong with them.
    pub fn impostors(&self, entry: &Entry) -> Vec<(PathBuf, &'static str)> {
        let in_folders = self.folders.iter().flat_map(|folder| candidates(folder, entry));
        let sources = entry.files.iter().flat_map(|file| &file.sources);
        let mut found: Vec<_> = in_folders
            .chain(sources.filter_map(|source| self.hub.cached(source)))
            .filter_map(|path| impostor(&path).map(|why| (path, why)))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Whether `entry` can run without a download.
    pub fn has(&self, entry: &Entry) -> bool {
        entry.files.is_empty() || self.locate(entry).is_some()
    }

    /// The best depth network that is already here: the highest rank.
    pub fn best(&self) -> &'static Entry {
        catalog::entries()
            .iter()
            .filter(|entry| entry.role == Role::Depth && self.has(entry))
            .max_by_key(|entry| entry.rank)
            .unwrap_or(&catalog::entries()[0])
    }

    /// Resolves a name (`auto` included) to a network and its checkpoint;
    /// `None` for an embedded one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Checkpoint`] when the
    /// file is in none of the folders.
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
            None => Err(Error::Checkpoint(self.missing(entry, &entry.files[0])?)),
        }
    }

    /// What to say and do about a network that is not here.
    fn missing(&self, entry: &Entry, file: &File) -> Result<String> {
        let target = self.target(entry, file)?;
        let mut text = format!(
            "{} is not on this machine; `rilievo models download {}` fetches it ({} MB), or put {} into {}",
            entry.title,
            entry.id,
            file.megabytes,
            file.name,
            target.parent().unwrap_or(Path::new(".")).display(),
        );
        if entry.role == Role::Depth {
            text += ", or give its path with --weights";
        }
        for (path, why) in self.impostors(entry) {
            let why = why.split(';').next().unwrap_or(why);
            text += &format!("; {} is not used: {why}", path.display());
        }
        Ok(text)
    }

    /// Fetches the checkpoint of `entry` into the first folder, unless some
    /// folder has it already. Returns where it lies. Of several files that hold
    /// the network the first that can be fetched is taken. None gets its name
    /// before `fits` has looked into it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an embedded network or when offline,
    /// [`Error::Checkpoint`] when the file that is there is damaged,
    /// [`Error::Download`] when no source delivers.
    pub fn download(&self, entry: &Entry, fits: Fits, monitor: &Monitor<'_>) -> Result<PathBuf> {
        if let Some(path) = self.locate(entry) {
            return match Checkpoint::open(&path) {
                Ok(_) => Ok(path),
                Err(error) => Err(Error::Checkpoint(format!(
                    "{error}; this file is in the way: delete it, and `rilievo models download {}` fetches it anew",
                    entry.id
                ))),
            };
        }
        let first = entry.files.first().ok_or_else(|| {
            Error::invalid(format!(
                "{} travels inside rilievo; there is nothing to download",
                entry.id
            ))
        })?;
        if let Some(remedy) = &self.hub.offline {
            let target = self.target(entry, first)?;
            return Err(Error::invalid(format!(
                "downloads are switched off here; {remedy}, or put {} into {} by hand",
                first.name,
                target.parent().unwrap_or(Path::new(".")).display()
            )));
        }
        let unreachable = Unreachable::default();
        let mut failure = None;
        for file in &entry.files {
            let target = self.target(entry, file)?;
            let download = Download {
                sources: file
                    .sources
                    .iter()
                    .map(|source| self.hub.address(source))
                    .collect(),
                target: target.clone(),
                sha256: file.checksum().map(str::to_owned),
                megabytes: Some(file.megabytes),
                unreachable: unreachable.clone(),
                token: self.hub.token.clone(),
                token_origin: Some(self.hub.endpoint.clone()),
            };
            match (
                download.run(&|path| fits(entry, path), &Patience::default(), monitor),
                &mut failure,
            ) {
                (Ok(()), _) => return Ok(target),
                // Another file is another chance; the message names the one people should get.
                (Err(Error::Download { reasons, .. }), Some(Error::Download { reasons: all, .. })) => {
                    if !all.contains(&reasons) {
                        *all = format!("{all}; {reasons}");
                    }
                }
                (Err(error @ Error::Download { .. }), none) => *none = Some(error),
                (Err(error), _) => return Err(error),
            }
        }
        Err(failure.unwrap_or(Error::Cancelled))
    }

    /// Holds the checkpoint of `entry` against its known checksum. `None` when
    /// no checksum is known; the found one otherwise, which equals the known.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when it differs or the file is missing.
    pub fn verify(&self, entry: &Entry, monitor: &Monitor<'_>) -> Result<Option<String>> {
        let Some(path) = self.locate(entry) else {
            return self.resolve(&entry.id).map(|_| None);
        };
        let file = entry.files.iter().find(|file| path.ends_with(&file.name));
        let Some(wanted) = file.and_then(File::checksum) else {
            return Ok(None);
        };
        let found = sha256(&path, monitor)?;
        if found.starts_with(wanted) {
            return Ok(Some(found));
        }
        Err(Error::Checkpoint(format!(
            "{} is damaged or another file: its SHA-256 is {found} instead of {wanted}; delete it and run \
             `rilievo models download {}`",
            path.display(),
            entry.id
        )))
    }

    /// Copies a checkpoint into the first folder under the name it is looked
    /// for. Returns where it lies then. Reports the stage `import`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`], [`Error::Cancelled`], or
    /// [`Error::Invalid`] when the name is taken.
    pub fn import(&self, entry: &Entry, file: &Path, monitor: &Monitor<'_>) -> Result<PathBuf> {
        let folder = self.home()?;
        let extension = file
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let target = folder.join(format!(
            "{}.{}",
            entry.id,
            if ["safetensors", "pt", "onnx"].contains(&&*extension) {
                &*extension
            } else {
                "pth"
            }
        ));
        if target.exists() {
            return Err(Error::invalid(format!(
                "{} is there already; delete it first",
                target.display()
            )));
        }
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let unread = |error| Error::io(file, error);
        let unwritten = |error| Error::io(folder, error);
        let mut source = fs::File::open(file).map_err(unread)?;
        let total = source.metadata().map_err(unread)?.len();
        let mut copy = AtomicFile::create(&target)?;
        let mut buffer = vec![0; 1 << 20];
        let mut done = 0;
        loop {
            let count = source.read(&mut buffer).map_err(unread)?;
            if count == 0 {
                break;
            }
            copy.file().write_all(&buffer[..count]).map_err(unwritten)?;
            done += count as u64;
            monitor.report(Stage::Import, done, total)?;
        }
        copy.file().sync_all().map_err(unwritten)?;
        copy.commit_new()?;
        Ok(target)
    }

    /// Where a file is put: where the reference looks for it as well, if that place is there.
    fn target(&self, entry: &Entry, file: &File) -> Result<PathBuf> {
        let home = self.home()?;
        let shared = entry.folder.as_ref().map(|folder| home.join(folder));
        let folder = shared.filter(|folder| folder.is_dir());
        Ok(folder
            .unwrap_or_else(|| home.to_owned())
            .join(target_name(entry, file)))
    }

    fn home(&self) -> Result<&Path> {
        self.folders
            .first()
            .map(PathBuf::as_path)
            .ok_or_else(|| Error::invalid("no models folder was given"))
    }
}

/// A bare `model.safetensors` says nothing about which network it is, so it
/// lives in a folder of the network's own name.
fn target_name(entry: &Entry, file: &File) -> PathBuf {
    if file.is_generic() {
        Path::new(&entry.id).join(&file.name)
    } else {
        PathBuf::from(&file.name)
    }
}

fn candidates(folder: &Path, entry: &Entry) -> Vec<PathBuf> {
    let sub = entry.folder.as_ref().map(|sub| folder.join(sub));
    let places = || std::iter::once(folder).chain(sub.as_deref());
    let mut paths = Vec::new();
    for file in &entry.files {
        for place in places() {
            paths.push(place.join(target_name(entry, file)));
            paths.push(place.join(&entry.id).join(&file.name));
            paths.extend(file.also.iter().map(|name| place.join(name)));
        }
        for (repository, path) in file.sources.iter().filter_map(|source| hub::mirrored(source)) {
            paths.push(folder.join(repository).join(path));
            if let Some((_, name)) = repository.split_once('/') {
                paths.push(folder.join(name).join(path));
            }
        }
    }
    let extensions = ["safetensors", "pth", "pt", "onnx"];
    paths.extend(extensions.map(|extension| folder.join(format!("{}.{extension}", entry.id))));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> Store {
        let hub = Hub {
            endpoint: "http://127.0.0.1:9".into(),
            token: None,
            offline: Some("unset RILIEVO_OFFLINE".into()),
            cache: None,
        };
        Store::new(vec![folder.to_owned()], hub)
    }

    #[test]
    fn auto_takes_the_best_network_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(store.resolve("auto").unwrap().0.id, "pocket");

        let path = folder
            .path()
            .join("depth_anything_v2")
            .join("depth_anything_v2_vits.pth");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"weights").unwrap();
        let (entry, found) = store.resolve("auto").unwrap();
        assert_eq!(
            (entry.id.as_str(), found),
            ("depth_anything_v2_small", Some(path))
        );
    }

    #[test]
    fn a_missing_network_says_how_to_get_it() {
        let message = store(Path::new("models"))
            .resolve("depth_anything_v2_large")
            .unwrap_err()
            .to_string();
        for part in [
            "models download depth_anything_v2_large",
            "depth_anything_v2_vitl.pth",
            "1341",
            "--weights",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn offline_is_a_sentence_not_an_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let entry = catalog::find("depth_anything_v2_small").unwrap();
        let error = store(folder.path())
            .download(entry, |_, _| Ok(()), &Monitor::silent())
            .unwrap_err();
        assert!(error.to_string().contains("RILIEVO_OFFLINE"), "{error}");
    }

    #[test]
    fn an_imported_file_is_found_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("somewhere.PTH");
        fs::write(&file, b"weights").unwrap();
        let store = store(&folder.path().join("models"));
        let entry = catalog::find("depth_anything").unwrap();
        let target = store.import(entry, &file, &Monitor::silent()).unwrap();
        assert_eq!(store.locate(entry), Some(target));
        assert!(store.import(entry, &file, &Monitor::silent()).is_err());
    }

    #[test]
    fn the_hubs_cache_counts_as_installed() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = folder
            .path()
            .join("models--depth-anything--Depth-Anything-V2-Small")
            .join("snapshots")
            .join("main");
        fs::create_dir_all(&snapshot).unwrap();
        fs::write(snapshot.join("depth_anything_v2_vits.pth"), b"weights").unwrap();
        let mut store = store(&folder.path().join("none"));
        store.hub.cache = Some(folder.path().to_owned());
        assert!(store.has(catalog::find("depth_anything_v2_small").unwrap()));
    }

    #[test]
    fn a_cancelled_import_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("somewhere.pt");
        fs::write(&file, b"weights").unwrap();
        let models = folder.path().join("models");
        let entry = catalog::find("depth_anything").unwrap();
        let result = store(&models).import(entry, &file, &Monitor::new(None, Some(&|| true)));
        assert!(matches!(result, Err(Error::Cancelled)));
        assert_eq!(fs::read_dir(&models).unwrap().count(), 0);
    }

    /// Files as other programs keep them, below the folder given to the store.
    #[test]
    fn what_other_programs_have_fetched_is_found() {
        for (id, place) in [
            // The reference, in a WebUI's models folder.
            ("midas_v21", "midas/midas_v21-f6b98070.pt"),
            ("depth_anything", "depth_anything/depth_anything_vitl14.pth"),
            (
                "depth_anything_v2_base",
                "depth_anything_v2/depth_anything_v2_vitb.pth",
            ),
            // ComfyUI's Depth Anything nodes, in a folder of their own.
            (
                "depth_anything_v2_small",
                "depth_anything_v2_vits_fp16.safetensors",
            ),
            // ControlNet preprocessors, which mirror the hub.
            (
                "depth_anything_v2_large",
                "depth-anything/Depth-Anything-V2-Large/depth_anything_v2_vitl.pth",
            ),
            // A repository fetched by hand.
            (
                "depth_anything_v2_small",
                "Depth-Anything-V2-Small-hf/model.safetensors",
            ),
            // An older download of ours.
            (
                "depth_anything_v2_small",
                "depth_anything_v2_small/model.safetensors",
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"weights").unwrap();
            let entry = catalog::find(id).unwrap();
            assert_eq!(store(folder.path()).locate(entry), Some(path), "{id}");
        }
    }

    #[test]
    fn a_download_goes_where_the_reference_looks_too() {
        let folder = tempfile::tempdir().unwrap();
        let entry = catalog::find("midas_v21").unwrap();
        let target = || store(folder.path()).target(entry, &entry.files[0]).unwrap();
        assert_eq!(target(), folder.path().join("midas_v21-f6b98070.pt"));
        fs::create_dir(folder.path().join("midas")).unwrap();
        assert_eq!(target(), folder.path().join("midas/midas_v21-f6b98070.pt"));
    }
}
