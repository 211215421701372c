//! Downloads from a server that misbehaves in every way there is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rilievo::weights::download::{Download, Patience, sha256};
use rilievo::{Error, Monitor};

/// What a request asked for.
#[derive(Clone, Debug, Default)]
struct Asked {
    path: String,
    /// First byte of the range asked for.
    from: Option<usize>,
    if_range: Option<String>,
    authorized: bool,
}

/// A server that answers the n-th request with whatever `answer(n, asked)` says, then hangs up.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                let reply = answer(number, &request);
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(&reply);
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Asked {
    let mut asked = Asked::default();
    for (number, line) in BufReader::new(stream).lines().enumerate() {
        let line = line.unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if number == 0 {
            asked.path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some(range) = lower.strip_prefix("range: bytes=") {
            asked.from = range.trim_end_matches('-').parse().ok();
        } else if lower.starts_with("if-range:") {
            asked.if_range = line.split_once(": ").map(|(_, tag)| tag.to_owned());
        } else if lower.starts_with("authorization: bearer ") {
            asked.authorized = true;
        }
    }
    asked
}

fn body() -> Vec<u8> {
    (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn whole(bytes: &[u8], headers: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        bytes.len()
    );
    [head.as_bytes(), bytes].concat()
}

fn status(line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n{headers}Connection: close\r\n\r\n").into_bytes()
}

fn rest(bytes: &[u8], from: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\nConnection: close\r\n\r\n",
        bytes.len() - from,
        bytes.len() - 1,
        bytes.len()
    );
    [head.as_bytes(), &bytes[from..]].concat()
}

const PATIENCE: Patience = Patience {
    tries: 3,
    stall: Duration::from_millis(600),
    pause: Duration::from_millis(5),
};

struct Place {
    _folder: tempfile::TempDir,
    target: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("models").join("net.pth");
    Place {
        _folder: folder,
        target,
    }
}

fn download(place: &Place, sources: &[&str]) -> Download {
    Download {
        sources: sources.iter().map(|&source| source.to_owned()).collect(),
        target: place.target.clone(),
        sha256: None,
        token: None,
        token_host: None,
    }
}

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(place.target.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_arrives_whole_and_is_fetched_once() {
    let server = Server::new(|_, _| whole(&body(), ""));
    let place = place();
    let download = download(&place, &[&server.address]);
    let last = Mutex::new((0, 0));
    let report = |_: &str, done: u64, total: u64| *last.lock().unwrap() = (done, total);
    download
        .run(&PATIENCE, &Monitor::new(Some(&report), None))
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(*last.lock().unwrap(), (100_000, 100_000));
    download.run(&PATIENCE, &Monitor::silent()).unwrap();
    assert_eq!(server.asked().len(), 1);
    assert_eq!(names(&place), ["net.pth", "net.pth.lock"]);
}

#[test]
fn a_dropped_connection_goes_on_where_it_stopped() {
    let server = Server::new(|number, asked| {
        let bytes = body();
        match number {
            0 => whole(&bytes, "ETag: \"v1\"\r\n")[..40_000].to_vec(),
            _ => rest(&bytes, asked.from.expect("asks for the rest")),
        }
    });
    let place = place();
    download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    let asked = server.asked();
    assert_eq!(asked[1].if_range.as_deref(), Some("\"v1\""));
    assert!(asked[1].from.unwrap() > 30_000);
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_stopped() {
    let broken = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n")[..40_000].to_vec());
    let place = place();
    let once = Patience { tries: 1, ..PATIENCE };
    let error = download(&place, &[&broken.address])
        .run(&once, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("connection broke"), "{error}");
    assert!(!place.target.exists());

    let server = Server::new(|_, asked| rest(&body(), asked.from.unwrap()));
    download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_the_start() {
    let server = Server::new(|number, _| match number {
        0 => whole(&[1; 90_000], "ETag: \"v1\"\r\n")[..40_000].to_vec(),
        _ => whole(&body(), "ETag: \"v2\"\r\n"),
    });
    let place = place();
    download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn without_a_tag_or_checksum_nothing_is_pieced_together() {
    let server = Server::new(|number, asked| {
        assert_eq!(asked.from, None);
        let reply = whole(&body(), "");
        if number == 0 {
            reply[..40_000].to_vec()
        } else {
            reply
        }
    });
    let place = place();
    download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn a_wrong_checksum_is_thrown_away_and_the_next_source_tried() {
    let bad = Server::new(|_, _| whole(&[7; 100_000], ""));
    let good = Server::new(|_, _| whole(&body(), ""));
    let place = place();
    let reference = place.target.with_extension("reference");
    std::fs::create_dir_all(reference.parent().unwrap()).unwrap();
    std::fs::write(&reference, body()).unwrap();
    let wanted = sha256(&reference, &Monitor::silent()).unwrap();

    let mut request = download(&place, &[&bad.address]);
    request.sha256 = Some(wanted);
    let error = request
        .run(&PATIENCE, &Monitor::silent())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("wrong checksum") && !place.target.exists(),
        "{error}"
    );
    request.sources.push(good.address.clone());
    request.run(&PATIENCE, &Monitor::silent()).unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn errors_say_what_happened_at_every_source() {
    for (reply, part) in [
        (status("403 Forbidden", ""), "HF_TOKEN"),
        (status("404 Not Found", ""), "404"),
        (
            whole(
                b"<html>log in</html>",
                "Content-Type: text/html; charset=utf-8\r\n",
            ),
            "web page",
        ),
        (status("302 Found", "Location: /around\r\n"), "redirect"),
        (b"this is not HTTP\r\n\r\n".to_vec(), "no connection"),
        (Vec::new(), "no connection"),
    ] {
        let server = Server::new(move |_, _| reply.clone());
        let place = place();
        let error = download(&place, &[&server.address])
            .run(&PATIENCE, &Monitor::silent())
            .unwrap_err();
        let text = error.to_string().to_lowercase();
        assert!(
            text.contains(&part.to_lowercase()) && text.contains(&server.address),
            "{part}: {text}"
        );
        assert!(matches!(error, Error::Download { .. }));
        assert!(!place.target.exists());
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    for line in [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
    ] {
        let server = Server::new(move |number, _| match number {
            0 => status(line, "Retry-After: 0\r\n"),
            1 => status(line, ""),
            _ => whole(&body(), ""),
        });
        let place = place();
        download(&place, &[&server.address])
            .run(&PATIENCE, &Monitor::silent())
            .unwrap();
        assert_eq!(server.asked().len(), 3);
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let held = Arc::new(Mutex::new(Vec::new()));
    let streams = held.clone();
    std::thread::spawn(move || {
        for stream in silent.incoming() {
            let mut stream = stream.unwrap();
            read_request(&stream);
            stream.write_all(&whole(&body(), "")[..20_000]).unwrap();
            streams.lock().unwrap().push(stream);
        }
    });
    let place = place();
    let patience = Patience { tries: 1, ..PATIENCE };
    let error = download(&place, &[&address])
        .run(&patience, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("connection broke"), "{error}");
}

#[test]
fn more_bytes_than_announced_are_not_believed() {
    let server = Server::new(|_, _| {
        let mut reply = whole(&body(), "");
        reply.extend([0; 5000]);
        reply
    });
    let place = place();
    download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn a_token_goes_to_its_own_host_only() {
    let other = Server::new(|_, _| whole(&body(), ""));
    let elsewhere = other.address.replace("127.0.0.1", "localhost");
    let server = Server::new(move |_, _| status("302 Found", &format!("Location: {elsewhere}/file\r\n")));
    let place = place();
    let mut request = download(&place, &[&server.address]);
    request.token = Some("secret".into());
    request.token_host = Some("127.0.0.1".into());
    request.run(&PATIENCE, &Monitor::silent()).unwrap();
    assert!(server.asked()[0].authorized);
    assert!(!other.asked()[0].authorized);
}

#[test]
fn a_cancelled_download_keeps_what_it_has() {
    let server = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n"));
    let place = place();
    let error = download(&place, &[&server.address])
        .run(&PATIENCE, &Monitor::new(None, Some(&|| true)))
        .unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    assert!(!place.target.exists());
    assert!(
        std::fs::metadata(place.target.with_extension("pth.part"))
            .unwrap()
            .len()
            > 0
    );
}

#[test]
fn two_downloads_of_one_file_do_not_fight() {
    let server = Server::new(|_, _| {
        std::thread::sleep(Duration::from_millis(150));
        whole(&body(), "")
    });
    let place = place();
    let request = download(&place, &[&server.address]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| request.run(&PATIENCE, &Monitor::silent()).unwrap());
        }
    });
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(server.asked().len(), 1);
}
