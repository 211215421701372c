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
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use crate::monitor::Stage;
use crate::{Error, Monitor, Result};

/// What to fetch, from where, to where.
#[derive(Clone, Debug)]
pub struct Download {
    /// Addresses of the same file, tried in this order.
    pub sources: Vec<String>,
    /// Where the finished file goes.
    pub target: PathBuf,
    /// Its SHA-256 in lower-case hex, or the first digits of it, where known.
    pub sha256: Option<String>,
    /// Sent as a bearer token to addresses of `token_origin` only.
    pub token: Option<String>,
    /// Scheme, host and port the token belongs to, such as `https://huggingface.co`.
    pub token_origin: Option<String>,
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
    /// Fewer bytes than [`crawl`](Self::crawl) in this time count as a broken connection.
    pub window: Duration,
    /// See [`window`](Self::window).
    pub crawl: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 4,
            stall: Duration::from_secs(20),
            pause: Duration::from_secs(1),
            window: Duration::from_secs(60),
            crawl: 30 << 10,
        }
    }
}

/// More redirects than this lead in a circle.
const MAX_REDIRECTS: usize = 10;
/// Room that must stay free on the disk.
const SPARE_BYTES: u64 = 64 << 20;

/// Why one try failed.
enum Failure {
    /// Another try at the same source may help, after at least this long.
    Again(String, Option<Duration>),
    /// This source will not help; the next may.
    NextSource(String),
    /// No source will help.
    Final(Error),
}

/// What a server answered in the end.
struct Answer {
    response: Response<Body>,
    /// The file's SHA-256, as the hub tells it before it leads to where the file is kept.
    sha256: Option<String>,
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
            match self.one_try(agent, source, patience, monitor) {
                Err(Failure::Again(reason, wait)) => {
                    // A try that brought something counts as the first: a line that drops every
                    // few megabytes still gets there.
                    if length(&self.part()) > before.saturating_add(patience.crawl) {
                        (tries, pause) = (1, patience.pause);
                    } else {
                        tries += 1;
                    }
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

    fn one_try(
        &self,
        agent: &Agent,
        source: &str,
        patience: &Patience,
        monitor: &Monitor<'_>,
    ) -> Result<(), Failure> {
        self.unlink();
        let tag = fs::read_to_string(self.tag()).ok();
        if tag.is_none() && self.sha256.is_none() {
            // Nothing could tell the rest of this file from the rest of a newer one.
            self.discard();
        }
        let have = length(&self.part());
        let Answer { response, sha256 } = self.ask(agent, source, have, tag.as_deref())?;
        let wanted = self.sha256.as_ref().or(sha256.as_ref());
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
                return if wanted.is_some() && self.verify(wanted, monitor).is_ok() {
                    Ok(())
                } else {
                    self.discard();
                    Err(again("the unfinished download did not fit the file"))
                };
            }
            status => return Err(refused(status, &response)),
        };
        if is_web_page(&response) {
            return Err(web_page());
        }
        if let Some(encoding) = header_text(&response, header::CONTENT_ENCODING)
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(Failure::NextSource(format!(
                "the server sent the file compressed ({encoding}), which was not asked for"
            )));
        }
        if start == 0 {
            self.discard();
            self.remember_tag(&response);
        }
        self.check_space(total.map(|total| total.saturating_sub(start)))?;
        self.receive(response.into_body(), start, total, patience, monitor)?;
        self.verify(wanted, monitor)
    }

    /// Asks for the file from byte `have` on, and follows where the server leads.
    fn ask(&self, agent: &Agent, source: &str, have: u64, tag: Option<&str>) -> Result<Answer, Failure> {
        let mut address = source.to_owned();
        let mut sha256 = None;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = agent.get(&address);
            if have > 0 {
                request = request.header(header::RANGE, format!("bytes={have}-"));
                if let Some(tag) = tag {
                    request = request.header(header::IF_RANGE, tag);
                }
            }
            if let (Some(token), true) = (&self.token, self.token_belongs_to(&address)) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(connection)?;
            sha256 = sha256.or_else(|| linked_sha256(&response));
            let status = response.status().as_u16();
            let next = match header_text(&response, header::LOCATION) {
                Some(next) if matches!(status, 301 | 302 | 303 | 307 | 308) => next,
                _ => return Ok(Answer { response, sha256 }),
            };
            address = redirected(&address, next).ok_or_else(|| {
                Failure::NextSource(format!("the server leads to {next:?}, which is no place to go"))
            })?;
        }
        Err(Failure::NextSource(format!(
            "there were more than {MAX_REDIRECTS} redirects; they lead in a circle"
        )))
    }

    fn receive(
        &self,
        body: Body,
        start: u64,
        total: Option<u64>,
        patience: &Patience,
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
            if done == 0 && starts_as_web_page(&buffer[..count]) {
                self.discard();
                return Err(web_page());
            }
            file.write_all(&buffer[..count]).map_err(io)?;
            done += count as u64;
            monitor.report(Stage::Download, done, total.unwrap_or(0))?;
            if total.is_some_and(|total| done > total) {
                self.discard();
                return Err(again("the server sent more than it announced"));
            }
            if window.elapsed() > patience.window {
                if done - window_start < patience.crawl {
                    return Err(again("the server sends too slowly"));
                }
                (window, window_start) = (Instant::now(), done);
            }
        }
        match total {
            Some(total) if done < total => Err(again(format!(
                "the connection ended after {done} of {total} bytes"
            ))),
            // On the disk before it gets its name: a crash must not leave an empty file under it.
            _ => file.sync_all().map_err(io),
        }
    }

    /// Holds the finished part against its checksum; a wrong one is thrown away.
    fn verify(&self, wanted: Option<&String>, monitor: &Monitor<'_>) -> Result<(), Failure> {
        let Some(wanted) = wanted else { return Ok(()) };
        let found = sha256(&self.part(), monitor)?;
        if found.starts_with(wanted) {
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
                    monitor.report(Stage::DownloadElsewhere, 0, 0)?;
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

    fn token_belongs_to(&self, address: &str) -> bool {
        let home = self.token_origin.as_deref().and_then(origin);
        home.is_some() && home == origin(address)
    }

    fn remember_tag(&self, response: &Response<Body>) {
        // A weak tag ("W/...") does not promise equal bytes, so it is no ground for going on.
        let tag = header_text(response, header::ETAG);
        if let Some(tag) = tag.filter(|tag| !tag.starts_with("W/")) {
            let _ = fs::write(self.tag(), tag);
        }
    }

    /// Whoever can put a link where the part goes must not choose what is written over.
    fn unlink(&self) {
        for path in [self.part(), self.tag()] {
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
                let _ = fs::remove_file(&path);
            }
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
        monitor.report(Stage::Checksum, done, total)?;
    }
}

fn agent(patience: &Patience) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        // Followed here, one by one: the token must not travel along, and the hub tells a file's
        // checksum only on the way.
        .max_redirects(0)
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
    let wait = header_text(response, header::RETRY_AFTER)
        .and_then(|value| value.trim().parse().ok())
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

fn web_page() -> Failure {
    Failure::NextSource(
        "the server sent a web page instead of the file (a login page, or a proxy's message)".into(),
    )
}

fn is_web_page(response: &Response<Body>) -> bool {
    let kind = header_text(response, header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// No checkpoint begins like this, whatever the server calls it.
fn starts_as_web_page(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    ["<!doctype", "<html", "<head", "<?xml"].iter().any(|sign| {
        start
            .get(..sign.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(sign.as_bytes()))
    })
}

fn header_text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// The checksum that the hub gives of a file it keeps elsewhere.
fn linked_sha256(response: &Response<Body>) -> Option<String> {
    let tag = response.headers().get("x-linked-etag")?.to_str().ok()?;
    let digits = tag.trim_matches('"').to_ascii_lowercase();
    let is_sha256 = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_sha256.then_some(digits)
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    header_text(response, header::CONTENT_LENGTH)?.trim().parse().ok()
}

/// Scheme, host and port.
fn origin(address: &str) -> Option<(String, String, u16)> {
    let uri = address.parse::<Uri>().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = match (uri.port_u16(), scheme.as_str()) {
        (Some(port), _) => port,
        (None, "https") => 443,
        (None, "http") => 80,
        _ => return None,
    };
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// Where `next` leads from `address`; nowhere if that is no web address, or gives up encryption.
fn redirected(address: &str, next: &str) -> Option<String> {
    let from = address.parse::<Uri>().ok()?;
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let next = next.trim();
    let target = if next.contains("://") {
        next.to_owned()
    } else if next.starts_with("//") {
        format!("{scheme}:{next}")
    } else if next.starts_with('/') {
        format!("{scheme}://{authority}{next}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{next}")
    };
    let (to, ..) = origin(&target)?;
    (to == "https" || to == scheme).then_some(target)
}

/// The first byte and the length of the whole file, from `bytes 5-9/10`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let range = header_text(response, header::CONTENT_RANGE)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved_and_never_give_up_encryption() {
        let from = "https://hub.example:8443/a/b/c?x=1";
        for (next, target) in [
            ("https://cdn.example/y?s=1", Some("https://cdn.example/y?s=1")),
            ("//cdn.example/y", Some("https://cdn.example/y")),
            ("/y", Some("https://hub.example:8443/y")),
            ("y", Some("https://hub.example:8443/a/b/y")),
            ("http://cdn.example/y", None),
            ("file:///etc/passwd", None),
            ("ftp://cdn.example/y", None),
            ("https://", None),
        ] {
            assert_eq!(redirected(from, next).as_deref(), target, "{next}");
        }
        assert!(redirected("http://a.example/x", "https://b.example/y").is_some());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://Hub.example"), origin("https://hub.example:443/x"));
        for other in [
            "http://hub.example",
            "https://hub.example:444",
            "https://hub.example.evil",
        ] {
            assert_ne!(origin("https://hub.example"), origin(other), "{other}");
        }
    }
}
