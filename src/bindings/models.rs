//! Python doors of the catalog and the store.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::monitor::{Watch, watched};
use crate::networks::{self, Family};
use crate::weights::hub::Hub;
use crate::weights::{Store, catalog};

fn store(folders: Vec<PathBuf>) -> Store {
    Store::new(folders, Hub::from_environment())
}

/// Every network: the catalog's row, and whether and where it is installed.
#[pyfunction]
pub(super) fn models(py: Python<'_>, folders: Vec<PathBuf>) -> PyResult<Bound<'_, PyList>> {
    let store = store(folders);
    let best = store.best();
    let table = PyList::empty(py);
    for entry in catalog::entries() {
        let row = PyDict::new(py);
        let family = Family::of(entry)?;
        let path = store.locate(entry);
        row.set_item("id", &entry.id)?;
        row.set_item("role", entry.role.name())?;
        row.set_item("index", entry.index)?;
        row.set_item("title", &entry.title)?;
        row.set_item("family", &entry.family)?;
        row.set_item("kind", family.spec(&entry.config)?.map(|spec| spec.kind.name()))?;
        row.set_item("net_size", family.net_size(&entry.config)?)?;
        row.set_item("memory", entry.memory)?;
        row.set_item("licence", &entry.licence)?;
        row.set_item("commercial", entry.commercial)?;
        row.set_item("advice", &entry.advice)?;
        row.set_item("file", entry.files.first().map(|file| &file.name))?;
        row.set_item("megabytes", entry.files.first().map(|file| file.megabytes))?;
        let checksum = entry.files.first().and_then(|file| file.checksum());
        row.set_item(
            "sha256",
            checksum.or((!entry.files.is_empty()).then_some("unknown")),
        )?;
        row.set_item("installed", entry.files.is_empty() || path.is_some())?;
        row.set_item("path", path)?;
        row.set_item("default", entry.id == best.id)?;
        table.append(row)?;
    }
    Ok(table)
}

/// Files that lie where checkpoints belong but are plainly none: the network's id, the path, what is wrong.
#[pyfunction]
pub(super) fn unusable_models(folders: Vec<PathBuf>) -> Vec<(&'static str, PathBuf, &'static str)> {
    let store = store(folders);
    let of_entry = |entry: &'static catalog::Entry| {
        let found = store.impostors(entry).into_iter();
        found.map(|(path, why)| (entry.id.as_str(), path, why))
    };
    catalog::entries().iter().flat_map(of_entry).collect()
}

/// The id of the network meant by a name, a title or the reference's number.
#[pyfunction]
pub(super) fn find_model(name: &str) -> PyResult<&'static str> {
    Ok(&catalog::find(name)?.id)
}

/// A name (`auto` included) as a network's id and its file (`None`: embedded).
#[pyfunction]
pub(super) fn resolve_model(name: &str, folders: Vec<PathBuf>) -> PyResult<(&'static str, Option<PathBuf>)> {
    let (entry, path) = store(folders).resolve(name)?;
    Ok((&entry.id, path))
}

/// Fetches a network's file into the first folder; returns where it lies.
#[pyfunction]
#[pyo3(signature = (name, folders, watch = None))]
pub(super) fn download_model(
    py: Python<'_>,
    name: &str,
    folders: Vec<PathBuf>,
    watch: Option<Watch>,
) -> PyResult<PathBuf> {
    let entry = catalog::find(name)?;
    let store = store(folders);
    watched(py, watch, |monitor| {
        store.download(entry, networks::check, monitor)
    })
}

/// Holds a network's file against its known checksum; `None` if none is known, and then against
/// the network.
#[pyfunction]
#[pyo3(signature = (name, folders, watch = None))]
pub(super) fn verify_model(
    py: Python<'_>,
    name: &str,
    folders: Vec<PathBuf>,
    watch: Option<Watch>,
) -> PyResult<Option<String>> {
    let entry = catalog::find(name)?;
    let store = store(folders);
    watched(py, watch, |monitor| {
        let found = store.verify(entry, monitor)?;
        if let (None, Some(file)) = (&found, store.locate(entry)) {
            networks::check(entry, &file)?;
        }
        Ok(found)
    })
}

/// Copies a checkpoint into the first folder; returns the network's id and where it lies then.
/// Without a name the file's content says which network it is.
#[pyfunction]
#[pyo3(signature = (name, folders, file, watch = None))]
pub(super) fn import_model(
    py: Python<'_>,
    name: Option<&str>,
    folders: Vec<PathBuf>,
    file: PathBuf,
    watch: Option<Watch>,
) -> PyResult<(&'static str, PathBuf)> {
    let named = name.map(catalog::find).transpose()?;
    let store = store(folders);
    watched(py, watch, |monitor| {
        let entry = match named {
            Some(entry) => networks::check(entry, &file).map(|()| entry)?,
            None => networks::identify(&file)?,
        };
        Ok((entry.id.as_str(), store.import(entry, &file, monitor)?))
    })
}
