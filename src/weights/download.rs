//! Fetching a file so that it arrives whole, or not at all.
//!
//! The bytes go to `<target>.part` and are renamed once their number, where
//! known their SHA-256, and what they hold are right. A broken download goes on
//! where it stopped, in this run or the next; several sources are tried in turn,
//! and all of them together may send no more than a few times the file's size.
//! A lock file keeps two processes from fetching the same thing at once.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use super::checkpoint::{impostor, text};
use crate::monitor::Stage;
use crate::{Error, Monitor, Result};

/// Whether a file holds what it was fetched for: an error says why not.
pub type Fits<'a> = dyn Fn(&Path) -> Result<()> + 'a;

/// The hosts that could not be reached.
pub type Unreachable = Arc<Mutex<BTreeSet<String>>>;

/// What to fetch, from where, to where.
#[derive(Clone, Debug)]
pub struct Download {
    /// Addresses of the same file, tried in this order.
    pub sources: Vec<String>,
    /// Where the finished file goes.
    pub target: PathBuf,
    /// Its SHA-256 in lower-case hex, or the first digits of it, where known.
    pub sha256: Option<String>,
    /// Its size in megabytes, roughly: a file that is a quarter smaller or larger is another.
    pub megabytes: Option<u32>,
    /// Hosts that are not asked, as they did not answer; downloads that share this share what
    /// they find out.
    pub unreachable: Unreachable,
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
/// The most that is taken of a file whose size nobody knows.
const MOST_BYTES: u64 = 16 << 30;
/// How long a name server may take. A machine without a network should say so at once.
const RESOLVE: Duration = Duration::from_millis(1500);
/// Bytes after which a beginning can be told from a checkpoint's.
const TELLING: usize = 16;

/// Why one try failed.
enum Failure {
    /// Another try at the same source may help, after at least this long.
    Again(String, Option<Duration>),
    /// This source will not help; the next may.
    NextSource(String),
    /// Neither this source nor another at the same host will help.
    Unreachable(String),
    /// No source will help.
    Final(Error),
}

/// What a server answered in the end.
struct Answer {
    response: Response<Body>,
    /// The file's SHA-256, as the hub tells it before it leads to where the file is kept.
    sha256: Option<String>,
}

/// What all tries have in common.
struct Context<'a> {
    agent: Agent,
    fits: &'a Fits<'a>,
    patience: &'a Patience,
    monitor: &'a Monitor<'a>,
    /// Bytes received in all tries together.
    received: Cell<u64>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Download {
    /// Fetches the file. Does nothing if it is there already, unless what is
    /// there is plainly no checkpoint (empty, a web page, a server's message):
    /// that is replaced, with a warning.
    ///
    /// `fits` looks into the file before it gets its name.
    /// Reports bytes done of bytes in all as stage `download`.
    ///
    /// # Errors
    /// [`Error::Download`] naming every source and what went wrong there;
    /// [`Error::Io`] when the folder cannot be written; [`Error::Invalid`] when
    /// the disk is full or the target a folder;
    /// [`Error::Cancelled`], after which the next call goes on where this one
    /// stopped.
    pub fn run(&self, fits: &Fits<'_>, patience: &Patience, monitor: &Monitor<'_>) -> Result<()> {
        if self.is_there(None)? {
            return Ok(());
        }
        if let Some(folder) = self.target.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        let _lock = self.lock(monitor)?;
        // The process that held the lock may have been fetching this very file.
        if self.is_there(Some(monitor))? {
            return Ok(());
        }
        let context = Context {
            agent: agent(patience),
            fits,
            patience,
            monitor,
            received: Cell::new(0),
        };
        let mut reasons: Vec<String> = Vec::new();
        for source in &self.sources {
            let reason = match self.try_source(&context, source) {
                Ok(()) => return self.publish(),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Unreachable(host)) => {
                    self.unreachable().insert(host.clone());
                    format!("{host} cannot be found or reached; is this machine online?")
                }
                Err(Failure::Again(reason, _) | Failure::NextSource(reason)) => format!("{source}: {reason}"),
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        Err(Error::Download {
            name: self.name(),
            folder: self.folder().to_owned(),
            reasons: reasons.join("; "),
        })
    }

    /// Whether the file is there; a warning says that one is which is none.
    fn is_there(&self, monitor: Option<&Monitor<'_>>) -> Result<bool> {
        if self.target.is_dir() {
            return Err(Error::invalid(format!(
                "{} is a folder, but a file belongs there; rename or remove it",
                self.target.display()
            )));
        }
        let why = impostor(&self.target);
        if let (Some(why), Some(monitor)) = (why, monitor) {
            monitor.warn(&format!(
                "{} is replaced: {}",
                self.target.display(),
                first_part(why)
            ));
        }
        Ok(why.is_none() && self.target.is_file())
    }

    fn unreachable(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_source(&self, context: &Context<'_>, source: &str) -> Result<(), Failure> {
        let Context {
            patience, monitor, ..
        } = context;
        let mut pause = patience.pause;
        let mut tries = 1;
        // A part that was thrown away and fetched anew brings nothing new.
        let mut most = length(&self.part());
        loop {
            match self.one_try(context, source) {
                Err(Failure::Again(reason, wait)) => {
                    // A try that brought something counts as the first: a line that drops every
                    // few megabytes still gets there.
                    let have = length(&self.part());
                    if have > most.saturating_add(patience.crawl) {
                        (tries, pause, most) = (1, patience.pause, have);
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

    fn one_try(&self, context: &Context<'_>, source: &str) -> Result<(), Failure> {
        self.unlink()?;
        let tag = fs::read_to_string(self.tag()).ok();
        if tag.is_none() && self.sha256.is_none() {
            // Nothing could tell the rest of this file from the rest of a newer one.
            self.discard();
        }
        let have = length(&self.part());
        let Answer { response, sha256 } = self.ask(&context.agent, source, have, tag.as_deref())?;
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
                return if wanted.is_some() && self.admit(wanted, context).is_ok() {
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
        if let Some(encoding) = header_text(&response, header::CONTENT_ENCODING)
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(Failure::NextSource(format!(
                "the server sent the file compressed ({encoding}), which was not asked for"
            )));
        }
        if let (Some(total), Some(megabytes)) = (total, self.megabytes)
            && total > self.most()
        {
            return Err(Failure::NextSource(format!(
                "the server announces {} MB, but the file has {megabytes} MB",
                total / 1_000_000
            )));
        }
        if start == 0 {
            self.discard();
            self.remember_tag(&response);
        }
        self.check_space(total.map(|total| total.saturating_sub(start)))?;
        self.receive(response.into_body(), start, total, context)?;
        self.admit(wanted, context)
    }

    /// The most bytes the file can have.
    fn most(&self) -> u64 {
        self.megabytes
            .map_or(MOST_BYTES, |megabytes| u64::from(megabytes) * 1_250_000)
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
            let host = host(&address);
            if self.unreachable().contains(&host) {
                return Err(Failure::Unreachable(host));
            }
            let response = request.call().map_err(|error| connection(error, host))?;
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
        context: &Context<'_>,
    ) -> Result<(), Failure> {
        let Context {
            patience,
            monitor,
            received,
            ..
        } = context;
        let part = self.part();
        let io = |error| Failure::Final(self.unwritten(error));
        // A new part is a new file: not one that somebody has put there since the old one was removed.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(start == 0)
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
            if done == 0
                && count >= TELLING
                && let Some(what) = text(&buffer[..count])
            {
                return Err(self.throw_away(what));
            }
            received.set(received.get() + count as u64);
            done += count as u64;
            if done > self.most() || received.get() / u64::from(patience.tries.max(1)) > self.most() {
                self.discard();
                return Err(Failure::NextSource(format!(
                    "{} MB have been sent, of a file of at most {} MB",
                    received.get() / 1_000_000,
                    self.most() / 1_000_000
                )));
            }
            file.write_all(&buffer[..count]).map_err(io)?;
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

    /// Whether the finished part is the file: its checksum, its content, its size. What is not is
    /// thrown away.
    fn admit(&self, wanted: Option<&String>, context: &Context<'_>) -> Result<(), Failure> {
        let part = self.part();
        if let Some(what) = impostor(&part) {
            return Err(self.throw_away(what));
        }
        let bytes = length(&part);
        if let Some(megabytes) = self.megabytes
            && bytes < u64::from(megabytes) * 750_000
        {
            return Err(self.throw_away(&format!("it has {bytes} bytes instead of {megabytes} MB")));
        }
        if let Some(wanted) = wanted {
            let found = sha256(&part, context.monitor)?;
            if !found.starts_with(wanted) {
                self.discard();
                return Err(Failure::NextSource(format!(
                    "the file arrived with the wrong checksum (SHA-256 {found} instead of {wanted}) and was thrown away"
                )));
            }
        }
        (context.fits)(&part).map_err(|error| match error {
            Error::Cancelled | Error::Io { .. } | Error::NotFound(_) => Failure::Final(error),
            Error::Unreadable { reason, .. } => self.throw_away(&reason),
            other => {
                let part = part.display().to_string();
                self.throw_away(&other.to_string().replace(&part, "it"))
            }
        })
    }

    /// What arrived is not the file.
    fn throw_away(&self, why: &str) -> Failure {
        self.discard();
        Failure::NextSource(format!(
            "what arrived is not the file and was thrown away: {}",
            first_part(why)
        ))
    }

    fn publish(&self) -> Result<()> {
        fs::rename(self.part(), &self.target).map_err(|error| Error::io(&self.target, error))?;
        let _ = fs::remove_file(self.tag());
        Ok(())
    }

    /// Holds the lock file, which is never written and stays.
    fn lock(&self, monitor: &Monitor<'_>) -> Result<File> {
        let path = self.beside("lock");
        unlink(&path)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| Error::io(&path, error))?;
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
        if let (Some(needed), Ok(free)) = (needed, fs4::available_space(self.folder()))
            && free < needed + SPARE_BYTES
        {
            return Err(Failure::Final(Error::invalid(format!(
                "{} needs {} MB but only {} MB are free in {}; make room, or choose another folder with --models-dir",
                self.name(),
                needed >> 20,
                free >> 20,
                self.folder().display()
            ))));
        }
        Ok(())
    }

    /// What to say when the part cannot be written.
    fn unwritten(&self, error: std::io::Error) -> Error {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded => Error::invalid(format!(
                "there is no more room for {} in {}; make room and try again (it goes on where it stopped), or choose \
                 another folder with --models-dir",
                self.name(),
                self.folder().display()
            )),
            _ => Error::io(self.part(), error),
        }
    }

    fn name(&self) -> String {
        let name = self.target.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn folder(&self) -> &Path {
        let folder = self.target.parent().unwrap_or(Path::new("."));
        if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        }
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

    fn unlink(&self) -> Result<()> {
        unlink(&self.part())?;
        unlink(&self.tag())
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

/// Removes what is at `path` unless it is a file of that one name: whoever can put a link there must
/// not choose what is written over, and a pipe would wait for a reader.
fn unlink(path: &Path) -> Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    #[cfg(unix)]
    let is_ours = found.is_file() && std::os::unix::fs::MetadataExt::nlink(&found) == 1;
    #[cfg(not(unix))]
    let is_ours = found.is_file();
    if is_ours {
        return Ok(());
    }
    fs::remove_file(path).map_err(|error| Error::io(path, error))
}

/// A reason without its remedy, which is for files that lie on the disk.
fn first_part(reason: &str) -> &str {
    reason.split(';').next().unwrap_or(reason)
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
        .timeout_resolve(Some(RESOLVE))
        .timeout_connect(Some(patience.stall))
        .timeout_recv_response(Some(patience.stall))
        .timeout_per_read(Some(patience.stall))
        .build()
        .into()
}

fn connection(error: ureq::Error, host: String) -> Failure {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    let is_off = |error: &std::io::Error| {
        [ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable].contains(&error.kind())
            // The standard library has no kind for what the resolver says.
            || error.to_string().starts_with("failed to lookup address")
    };
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(ureq::Timeout::Resolve) => Failure::Unreachable(host),
        ureq::Error::Io(error) if is_off(&error) => Failure::Unreachable(host),
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

fn is_web_page(response: &Response<Body>) -> bool {
    let kind = header_text(response, header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
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

/// Host, and port where the address names one.
fn host(address: &str) -> String {
    let authority = address
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.into_parts().authority);
    authority.map_or(String::new(), |authority| match authority.port_u16() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    })
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
    fn a_full_disk_is_a_sentence_with_a_remedy() {
        let download = Download {
            sources: Vec::new(),
            target: "models/net.pth".into(),
            sha256: None,
            megabytes: None,
            unreachable: Unreachable::default(),
            token: None,
            token_origin: None,
        };
        let said = |kind: std::io::ErrorKind| download.unwritten(kind.into()).to_string();
        let full = said(std::io::ErrorKind::StorageFull);
        assert!(full.contains("make room") && full.contains("net.pth"), "{full}");
        let denied = said(std::io::ErrorKind::PermissionDenied);
        assert!(denied.contains("net.pth.part"), "{denied}");
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
