//! Atomic file writes: a file appears whole under its name, or not at all.

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// A file under a temporary name in its own folder. [`commit`](Self::commit)
/// gives it its name; dropped before that, by an error, a crash or the caller's
/// wish, it is gone, and what was under that name stays as it was.
pub(crate) struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file that will be at `path`, whose folder must exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `path` is no file name, [`Error::NotFound`] if the
    /// folder does not exist, [`Error::Io`] if it cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = folder(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".rilievo-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Temporary files are private; a result is as readable as any new file.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder
            .tempfile_in(folder)
            // Its own words name the temporary file, which says nothing to anybody.
            .map_err(|error| Error::io(folder, error.kind().into()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// As [`create`](Self::create), but makes the folder if need be.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with_folder(path: &Path) -> Result<Self> {
        let folder = folder(path)?;
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        Self::create(path)
    }

    /// Where the bytes go.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// The file's name once it is whole.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle to the same file, for an encoder to keep. Windows wants it
    /// closed before the commit.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no more handles.
    pub fn handle(&self) -> Result<File> {
        let handle = self.file.as_file().try_clone();
        handle.map_err(|error| Error::io(&self.path, error))
    }

    /// Lets an encoder write through a buffer.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk or the encoder refuses.
    pub fn encode<E: Into<Box<dyn StdError + Send + Sync>>>(
        &mut self,
        encode: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
    ) -> Result<()> {
        let mut out = BufWriter::new(self.file.as_file_mut());
        let written = encode(&mut out).map_err(Into::into);
        let written = written.and_then(|()| Ok(out.flush()?));
        drop(out);
        written.map_err(|error| self.failed(error))
    }

    /// What an encoder says, as an error of this file.
    pub fn failed(&self, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::io(&self.path, io::Error::other(error))
    }

    /// Gives the file its name; what had it before is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, such as where a folder has that name.
    pub fn commit(self) -> Result<()> {
        let Self { file, path } = self;
        file.persist(&path)
            .map_err(|error| Error::io(&path, error.error))?;
        Ok(())
    }

    /// As [`commit`](Self::commit), but replaces nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses, or there is a file of that name.
    pub fn commit_new(self) -> Result<()> {
        let Self { file, path } = self;
        file.persist_noclobber(&path)
            .map_err(|error| Error::io(&path, error.error))?;
        Ok(())
    }
}

fn folder(path: &Path) -> Result<&Path> {
    if path.file_name().is_none() {
        return Err(Error::invalid(format!(
            "{}: this is no file name; give a folder and a name",
            path.display()
        )));
    }
    Ok(match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/mesh.obj");
        assert!(matches!(AtomicFile::create(&path), Err(Error::NotFound(_))));
        let write = |bytes: &[u8]| {
            let mut file = AtomicFile::create_with_folder(&path).unwrap();
            file.file().write_all(bytes).unwrap();
            file
        };
        write(b"old").commit().unwrap();
        drop(write(b"half"));
        assert!(write(b"new").commit_new().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        write(b"new").commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert!(AtomicFile::create(Path::new("/")).is_err());
        assert!(AtomicFile::create(folder.path()).unwrap().commit().is_err());
    }
}
