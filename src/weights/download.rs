//! Fetching a file so that it arrives whole, or not at all.
//!
//! The bytes go to `<target>.part` and are renamed once their number and, where
//! known, their SHA-256 are right. A broken download goes on where it stopped,
//! in this run or the next; several sources are tried in turn. A lock file
//! keeps two processes from fetching the same thing at once.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::{Error, Monitor, Result};

/// What to fetch, from where, to where.
#[derive(Clone, Debug)]
pub struct Download {
    /// Addresses of the same file, tried in this order.
    pub sources: Vec<String>,
    /// Where the finished file goes.
    pub target: PathBuf,
    /// Its SHA-256 in lower-case hex, where known.
    pub sha256: Option<String>,
    /// Sent as a bearer token to hosts of `token_host` only.
    pub token: Option<String>,
    /// The host the token belongs to.
    pub token_host: Option<String>,
}

/// How patient a download is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries per source, the first included.
    pub tries: u32,
    /// How long to wait for a connection, or for the next byte.
    pub stall: Duration,
    /// The wait before the second try; doubled for each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 4,
            stall: Duration::from_secs(20),
            pause: Duration::from_secs(1),
        }
    }
}

/// Slower than this over [`SLOW_WINDOW`] counts as stalled.
const SLOW_BYTES_PER_SECOND: f64 = 512.0;
const SLOW_WINDOW: Duration = Duration::from_secs(60);
/// Room that must stay free on the disk.
const SPARE_BYTES: u64 = 64 << 20;
const STAGE: &str = "download";

/// Why one try failed.
enum Failure {
    /// Another try at the same source may help, after at least this long.
    Again(String, Option<Duration>),
    /// This source will not help; the next may.
    NextSource(String),
    /// No source will help.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Download {
    /// Fetches the file. Does nothing if it is there already.
    ///
    /// Reports bytes done of bytes in all as stage `download`.
    ///
    /// # Errors
    /// [`Error::Download`] naming every source and what went wrong there;
    /// [`Error::Io`] when the disk is full or the folder cannot be written;
    /// [`Error::Cancelled`], after which the next call goes on where this one
    /// stopped.
    pub fn run(&self, patience: &Patience, monitor: &Monitor<'_>) -> Result<()> {
        if self.target.is_file() {
            return Ok(());
        }
        if let Some(folder) = self.target.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        let _lock = self.lock(monitor)?;
        // The process that held the lock may have been fetching this very file.
        if self.target.is_file() {
            return Ok(());
        }
        let agent = agent(patience);
        let mut reasons = Vec::new();
        for source in &self.sources {
            match self.try_source(&agent, source, patience, monitor) {
                Ok(()) => return self.publish(),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Again(reason, _) | Failure::NextSource(reason)) => {
                    reasons.push(format!("{source}: {reason}"));
                }
            }
        }
        Err(Error::Download {
            name: self
                .target
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            folder: self.target.parent().unwrap_or(Path::new(".")).to_owned(),
            reasons: reasons.join("; "),
        })
    }

    fn try_source(
        &self,
        agent: &Agent,
        source: &str,
        patience: &Patience,
        monitor: &Monitor<'_>,
    ) -> Result<(), Failure> {
        let mut pause = patience.pause;
        let mut tries = 1;
        loop {
            let before = length(&self.part());
            match self.one_try(agent, source, monitor) {
                Err(Failure::Again(reason, wait)) => {
                    // A try that brought something new does not count: a line that drops every
                    // few megabytes still gets there.
                    tries = if length(&self.part()) > before {
                        1
                    } else {
                        tries + 1
                    };
                    if tries > patience.tries {
                        return Err(Failure::NextSource(reason));
                    }
                    sleep(wait.unwrap_or(pause).min(Duration::from_secs(60)), monitor)?;
                    pause *= 2;
                }
                other => return other,
            }
        }
    }

    fn one_try(&self, agent: &Agent, source: &str, monitor: &Monitor<'_>) -> Result<(), Failure> {
        let tag = fs::read_to_string(self.tag()).ok();
        if tag.is_none() && self.sha256.is_none() {
            // Nothing could tell the rest of this file from the rest of a newer one.
            self.discard();
        }
        let have = length(&self.part());
        let mut request = agent.get(source);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            if let Some(tag) = tag {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        if let (Some(token), true) = (&self.token, self.token_belongs_to(source)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.call().map_err(connection)?;
        let (start, total) = match response.status() {
            StatusCode::OK => (0, content_length(&response)),
            StatusCode::PARTIAL_CONTENT => match content_range(&response) {
                Some((start, total)) if start == have => (start, total),
                _ => {
                    self.discard();
                    return Err(again(
                        "the server answered with another part of the file than was asked for",
                    ));
                }
            },
            StatusCode::RANGE_NOT_SATISFIABLE => {
                // The part is as long as the file, or longer: only a checksum can tell which.
                return if self.sha256.is_some() && self.verify(monitor).is_ok() {
                    Ok(())
                } else {
                    self.discard();
                    Err(again("the unfinished download did not fit the file"))
                };
            }
            status => return Err(refused(status, &response)),
        };
        if is_web_page(&response) {
            return Err(Failure::NextSource(
                "the server sent a web page instead of the file (a login page, or a proxy's message)".into(),
            ));
        }
        if start == 0 {
            self.discard();
            self.remember_tag(&response);
        }
        self.check_space(total.map(|total| total.saturating_sub(start)))?;
        self.receive(response.into_body(), start, total, monitor)?;
        self.verify(monitor)
    }

    fn receive(
        &self,
        body: Body,
        start: u64,
        total: Option<u64>,
        monitor: &Monitor<'_>,
    ) -> Result<(), Failure> {
        let part = self.part();
        let io = |error| Failure::Final(Error::io(&part, error));
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&part)
            .map_err(io)?;
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 1 << 18];
        let mut done = start;
        let (mut window, mut window_start) = (Instant::now(), done);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(again(format!("the connection broke ({error})"))),
            };
            file.write_all(&buffer[..count]).map_err(io)?;
            done += count as u64;
            monitor.report(STAGE, done, total.unwrap_or(0))?;
            if total.is_some_and(|total| done > total) {
                self.discard();
                return Err(again("the server sent more than it announced"));
            }
            if window.elapsed() > SLOW_WINDOW {
                if ((done - window_start) as f64) < SLOW_BYTES_PER_SECOND * window.elapsed().as_secs_f64() {
                    return Err(again("the server sends too slowly"));
                }
                (window, window_start) = (Instant::now(), done);
            }
        }
        match total {
            Some(total) if done < total => Err(again(format!(
                "the connection ended after {done} of {total} bytes"
            ))),
            _ => Ok(()),
        }
    }

    /// Holds the finished part against the known checksum; a wrong one is thrown away.
    fn verify(&self, monitor: &Monitor<'_>) -> Result<(), Failure> {
        let Some(wanted) = &self.sha256 else { return Ok(()) };
        let found = sha256(&self.part(), monitor)?;
        if found == *wanted {
            return Ok(());
        }
        self.discard();
        Err(Failure::NextSource(format!(
            "the file arrived with the wrong checksum (SHA-256 {found} instead of {wanted}) and was thrown away"
        )))
    }

    fn publish(&self) -> Result<()> {
        fs::rename(self.part(), &self.target).map_err(|error| Error::io(&self.target, error))?;
        let _ = fs::remove_file(self.tag());
        Ok(())
    }

    fn lock(&self, monitor: &Monitor<'_>) -> Result<File> {
        let path = self.beside("lock");
        let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => {
                    monitor.report("waiting for another download of this file", 0, 0)?;
                    std::thread::sleep(Duration::from_millis(200));
                }
                // A network folder without locks: better unlocked than not at all.
                Err(fs::TryLockError::Error(_)) => return Ok(file),
            }
        }
    }

    fn check_space(&self, needed: Option<u64>) -> Result<(), Failure> {
        let folder = self.target.parent().unwrap_or(Path::new("."));
        if let (Some(needed), Ok(free)) = (needed, fs4::available_space(folder))
            && free < needed + SPARE_BYTES
        {
            return Err(Failure::Final(Error::invalid(format!(
                "{} needs {} MB but only {} MB are free in {}; make room, or choose another folder with --models-dir",
                self.target.file_name().unwrap_or_default().to_string_lossy(),
                needed >> 20,
                free >> 20,
                folder.display()
            ))));
        }
        Ok(())
    }

    fn token_belongs_to(&self, source: &str) -> bool {
        let host = source
            .parse::<ureq::http::Uri>()
            .ok()
            .and_then(|uri| uri.host().map(str::to_owned));
        host.is_some() && host == self.token_host
    }

    fn remember_tag(&self, response: &Response<Body>) {
        // A weak tag ("W/...") does not promise equal bytes, so it is no ground for going on.
        let tag = response
            .headers()
            .get(header::ETAG)
            .and_then(|tag| tag.to_str().ok());
        if let Some(tag) = tag.filter(|tag| !tag.starts_with("W/")) {
            let _ = fs::write(self.tag(), tag);
        }
    }

    fn discard(&self) {
        let _ = fs::remove_file(self.part());
        let _ = fs::remove_file(self.tag());
    }

    fn part(&self) -> PathBuf {
        self.beside("part")
    }

    fn tag(&self) -> PathBuf {
        self.beside("etag")
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.target.clone().into_os_string();
        name.push(format!(".{extension}"));
        name.into()
    }
}

/// The SHA-256 of a file in lower-case hex.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Io`], and [`Error::Cancelled`].
pub fn sha256(path: &Path, monitor: &Monitor<'_>) -> Result<String> {
    let io = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(io)?;
    let total = file.metadata().map_err(io)?.len();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let count = file.read(&mut buffer).map_err(io)?;
        if count == 0 {
            return Ok(hasher
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect());
        }
        hasher.update(&buffer[..count]);
        done += count as u64;
        monitor.report("checksum", done, total)?;
    }
}

fn agent(patience: &Patience) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(10)
        .user_agent(concat!("rilievo/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience.stall))
        .timeout_recv_response(Some(patience.stall))
        .timeout_per_read(Some(patience.stall))
        .build()
        .into()
}

fn connection(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound => {
            Failure::NextSource("this address cannot be found; is the machine online?".into())
        }
        ureq::Error::BadUri(reason) => Failure::NextSource(format!("this is no address ({reason})")),
        other => again(format!("no connection ({other})")),
    }
}

fn refused(status: StatusCode, response: &Response<Body>) -> Failure {
    let wait = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    match status.as_u16() {
        401 | 403 => Failure::NextSource(format!(
            "the server refuses this file ({status}); if its licence must be accepted first, do that on its page \
             and set HF_TOKEN"
        )),
        408 | 425 | 429 | 500..=599 => {
            Failure::Again(format!("the server is busy or broken ({status})"), wait)
        }
        _ => Failure::NextSource(format!("the server does not have this file ({status})")),
    }
}

fn again(reason: impl Into<String>) -> Failure {
    Failure::Again(reason.into(), None)
}

fn is_web_page(response: &Response<Body>) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    response
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The first byte and the length of the whole file, from `bytes 5-9/10`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = span.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Waits, but not for somebody who has asked to stop.
fn sleep(time: Duration, monitor: &Monitor<'_>) -> Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        monitor.check()?;
        std::thread::sleep(Duration::from_millis(50).min(until.saturating_duration_since(Instant::now())));
    }
    monitor.check()
}
