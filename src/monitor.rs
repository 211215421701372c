//! Long work reports and stops: one callback, one cancel flag.

use std::fmt;

use candle_core::Tensor;

use crate::{Error, Result};

/// A progress callback: the name of a [`Stage`], steps done, steps in all.
pub type Report<'a> = dyn Fn(&str, u64, u64) + Sync + 'a;

/// Asked now and then: should the work stop?
pub type Cancel<'a> = dyn Fn() -> bool + Sync + 'a;

/// Sees an intermediate result of a network: its name in the official
/// checkpoint, and its values.
pub type Inspect<'a> = dyn Fn(&str, &Tensor) + Sync + 'a;

/// Hears what went otherwise than asked, in one sentence.
pub type Warn<'a> = dyn Fn(&str) + Sync + 'a;

/// What is being done. Callbacks see its name; what follows a colon there is a
/// part of the same stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `download`, in bytes.
    Download,
    /// `waiting for another download of this file`, of unknown length.
    DownloadElsewhere,
    /// `checksum`, in bytes.
    Checksum,
    /// `import`, in bytes.
    Import,
    /// `prepare`: a picture becomes the input of a network.
    Prepare,
    /// `network`.
    Network,
    /// `upsample`: a network's output becomes as large as the picture.
    Upsample,
    /// `boost: whole picture`.
    BoostWhole,
    /// `boost: patch 3 of 20`.
    BoostPatch {
        /// The patch, counted from 1.
        patch: usize,
        /// How many there are.
        patches: usize,
    },
    /// `stereo`, in rows.
    Stereo,
    /// `depth of field`, in rows.
    DepthOfField,
    /// `fog`.
    Fog,
    /// `parallax`, in frames.
    Parallax,
    /// `vertices`, of a mesh file.
    Vertices,
    /// `texture coordinates`, of a mesh file.
    TextureCoordinates,
    /// `colours`, of a mesh file.
    Colours,
    /// `faces`, of a mesh file.
    Faces,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Download => "download",
            Self::DownloadElsewhere => "waiting for another download of this file",
            Self::Checksum => "checksum",
            Self::Import => "import",
            Self::Prepare => "prepare",
            Self::Network => "network",
            Self::Upsample => "upsample",
            Self::BoostWhole => "boost: whole picture",
            Self::BoostPatch { patch, patches } => return write!(f, "boost: patch {patch} of {patches}"),
            Self::Stereo => "stereo",
            Self::DepthOfField => "depth of field",
            Self::Fog => "fog",
            Self::Parallax => "parallax",
            Self::Vertices => "vertices",
            Self::TextureCoordinates => "texture coordinates",
            Self::Colours => "colours",
            Self::Faces => "faces",
        })
    }
}

/// What long-running functions report to and stop for.
///
/// ```
/// use rilievo::Monitor;
/// use rilievo::monitor::Stage;
/// let seen = std::sync::Mutex::new(Vec::new());
/// let report = |stage: &str, done: u64, total: u64| seen.lock().unwrap().push((stage.to_owned(), done, total));
/// let monitor = Monitor::new(Some(&report), None);
/// monitor.report(Stage::Network, 1, 2)?;
/// assert_eq!(*seen.lock().unwrap(), [("network".to_owned(), 1, 2)]);
///
/// let stopped = Monitor::new(None, Some(&|| true));
/// assert!(matches!(stopped.check(), Err(rilievo::Error::Cancelled)));
/// # Ok::<(), rilievo::Error>(())
/// ```
#[derive(Clone, Copy, Default)]
pub struct Monitor<'a> {
    report: Option<&'a Report<'a>>,
    cancel: Option<&'a Cancel<'a>>,
    warn: Option<&'a Warn<'a>>,
    inspect: Option<&'a Inspect<'a>>,
}

impl<'a> Monitor<'a> {
    /// A monitor that calls `report`, and stops once `cancel` answers true.
    pub fn new(report: Option<&'a Report<'a>>, cancel: Option<&'a Cancel<'a>>) -> Self {
        Self {
            report,
            cancel,
            warn: None,
            inspect: None,
        }
    }

    /// The same monitor, which reports to `report` instead.
    pub fn reporting_to<'b>(&self, report: &'b Report<'b>) -> Monitor<'b>
    where
        'a: 'b,
    {
        Monitor {
            report: Some(report),
            ..*self
        }
    }

    /// The same monitor, which also calls `warn`.
    pub fn with_warnings(self, warn: &'a Warn<'a>) -> Self {
        Self {
            warn: Some(warn),
            ..self
        }
    }

    /// The same monitor, which also shows intermediate results to `inspect`.
    pub fn with_inspector(self, inspect: &'a Inspect<'a>) -> Self {
        Self {
            inspect: Some(inspect),
            ..self
        }
    }

    /// A monitor that hears nothing and never stops anything.
    pub fn silent() -> Self {
        Self::default()
    }

    /// One that stops as this one does but hears nothing: for parts of a stage
    /// that is reported as a whole.
    pub fn muted(&self) -> Self {
        Self {
            report: None,
            ..*self
        }
    }

    /// Says that `done` of `total` steps of `stage` are finished.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller asked to stop.
    pub fn report(&self, stage: Stage, done: u64, total: u64) -> Result<()> {
        if let Some(report) = self.report {
            report(&stage.to_string(), done, total);
        }
        self.check()
    }

    /// Shows an intermediate result. Costs nothing where nobody looks.
    pub fn show(&self, name: impl fmt::Display, x: &Tensor) {
        if let Some(inspect) = self.inspect {
            inspect(&name.to_string(), x);
        }
    }

    /// Says in one sentence what goes otherwise than asked; the work goes on.
    pub fn warn(&self, sentence: &str) {
        if let Some(warn) = self.warn {
            warn(sentence);
        }
    }

    /// Stops here if the caller asked for it. Cheap enough for inner loops
    /// over rows or tiles.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller asked to stop.
    pub fn check(&self) -> Result<()> {
        match self.cancel {
            Some(cancel) if cancel() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}
