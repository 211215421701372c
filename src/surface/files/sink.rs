//! An atomic file, formatted in parallel and in bounded memory.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use crate::files::AtomicFile;
use crate::monitor::Stage;
use crate::{Error, Monitor, Result};

/// Items formatted into one buffer.
const CHUNK: usize = 8192;

/// Lets `write` fill the file at `path`, whose folder is made if need be.
pub(super) fn write_atomically(
    path: &Path,
    monitor: &Monitor,
    write: impl FnOnce(&mut Sink) -> Result<()>,
) -> Result<()> {
    let mut file = AtomicFile::create_with_folder(path)?;
    write(&mut Sink {
        file: file.file(),
        path,
        monitor,
    })?;
    file.commit()
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
        stage: Stage,
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
            sink.chunks(Stage::Faces, items, format)
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
        assert!(write_atomically(&path, &monitor, |sink| sink.chunks(Stage::Faces, items, format)).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
