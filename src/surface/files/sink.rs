//! A file that appears whole under its name or not at all, written in parallel
//! and in bounded memory.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use tempfile::Builder;

use crate::{Error, Monitor, Result};

/// Items formatted into one buffer.
const CHUNK: usize = 8192;

/// Lets `write` fill a file with a temporary name in the folder of `path`, which
/// is made if need be, and renames it to `path` once that succeeds. If it fails,
/// or the program dies, what was at `path` before is untouched.
pub(super) fn write_atomically(
    path: &Path,
    monitor: &Monitor,
    write: impl FnOnce(&mut Sink) -> Result<()>,
) -> Result<()> {
    let Some(name) = path.file_name() else {
        return Err(Error::invalid(format!(
            "{}: this is no file name; give a folder and a name",
            path.display()
        )));
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".part");
    // A temporary file is private; a result is as readable as any new file.
    #[cfg(unix)]
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(readable);
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| Error::io(folder, error))?;
    write(&mut Sink {
        file: file.as_file_mut(),
        path,
        monitor,
    })?;
    file.persist(path).map_err(|error| Error::io(path, error.error))?;
    Ok(())
}

/// Where the bytes of one file go.
pub(super) struct Sink<'a> {
    file: &'a mut File,
    path: &'a Path,
    monitor: &'a Monitor<'a>,
}

impl Sink<'_> {
    /// Writes these bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io(self.path, error))
    }

    /// Writes what `format` turns ranges of `0..items` into, in order, and
    /// reports it as `stage`. While one batch of buffers is being written, the
    /// next one is being formatted on all threads.
    pub(super) fn chunks(
        &mut self,
        stage: &str,
        items: usize,
        format: impl Fn(Range<usize>, &mut Vec<u8>) + Sync,
    ) -> Result<()> {
        let chunks: Vec<_> = (0..items)
            .step_by(CHUNK)
            .map(|start| start..items.min(start + CHUNK))
            .collect();
        let mut formatted = vec![Vec::new(); 2 * rayon::current_num_threads()];
        let mut formatting = formatted.clone();
        let mut done = 0;
        // The empty batch at the end writes what the last one formatted.
        for batch in chunks.chunks(formatted.len()).chain([&[][..]]) {
            let (written, ()) = rayon::join(
                || formatted.iter().try_for_each(|bytes| self.file.write_all(bytes)),
                || {
                    formatting.par_iter_mut().enumerate().for_each(|(index, bytes)| {
                        bytes.clear();
                        if let Some(range) = batch.get(index) {
                            format(range.clone(), bytes);
                        }
                    });
                },
            );
            written.map_err(|error: io::Error| Error::io(self.path, error))?;
            std::mem::swap(&mut formatted, &mut formatting);
            self.monitor.report(stage, done as u64, items as u64)?;
            done = batch.last().map_or(items, |range| range.end);
        }
        Ok(())
    }

    /// Hands the file to an encoder of its own.
    pub(super) fn encode<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &mut self,
        encode: impl FnOnce(&mut io::BufWriter<&mut File>) -> Result<(), E>,
    ) -> Result<()> {
        let mut out = io::BufWriter::new(&mut *self.file);
        encode(&mut out)
            .map_err(io::Error::other)
            .and_then(|()| out.flush())
            .map_err(|error| Error::io(self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/mesh.obj");
        let silent = Monitor::silent();
        write_atomically(&path, &silent, |sink| sink.bytes(b"old")).unwrap();
        let failed = write_atomically(&path, &silent, |sink| {
            sink.bytes(b"half")?;
            Err(Error::Cancelled)
        });
        assert!(matches!(failed, Err(Error::Cancelled)));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(write_atomically(Path::new("/"), &silent, |_| Ok(())).is_err());
        assert!(write_atomically(folder.path(), &silent, |_| Ok(())).is_err());
    }

    #[test]
    fn chunks_come_in_order_and_stop_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        let items = 20 * CHUNK + 17;
        let format = |range: Range<usize>, out: &mut Vec<u8>| {
            for number in range {
                out.extend_from_slice(&(number as u32).to_le_bytes());
            }
        };
        write_atomically(&path, &Monitor::silent(), |sink| {
            sink.chunks("numbers", items, format)
        })
        .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let numbers = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes));
        assert!(numbers.eq(0..items as u32));

        std::fs::remove_file(&path).unwrap();
        let stop = || true;
        let monitor = Monitor::new(None, Some(&stop));
        assert!(write_atomically(&path, &monitor, |sink| sink.chunks("numbers", items, format)).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
