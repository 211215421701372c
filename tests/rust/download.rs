//! Downloads from a server that misbehaves in every way there is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rilievo::weights::catalog;
use rilievo::weights::download::{Download, Patience, Unreachable, sha256};
use rilievo::weights::hub::Hub;
use rilievo::weights::{Checkpoint, Store};
use rilievo::{Error, Monitor, Result, networks};

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
    window: Duration::from_secs(60),
    crawl: 1000,
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
        megabytes: None,
        unreachable: Unreachable::default(),
        token: None,
        token_origin: None,
    }
}

/// For tests whose files hold no network.
fn any(_: &Path) -> Result<()> {
    Ok(())
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
        .run(&any, &PATIENCE, &Monitor::new(Some(&report), None))
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(*last.lock().unwrap(), (100_000, 100_000));
    download.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
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
        .run(&any, &PATIENCE, &Monitor::silent())
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
        .run(&any, &once, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("connection broke"), "{error}");
    assert!(!place.target.exists());

    let server = Server::new(|_, asked| rest(&body(), asked.from.unwrap()));
    download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
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
        .run(&any, &PATIENCE, &Monitor::silent())
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
        .run(&any, &PATIENCE, &Monitor::silent())
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
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("wrong checksum") && !place.target.exists(),
        "{error}"
    );
    request.sources.push(good.address.clone());
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
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
            .run(&any, &PATIENCE, &Monitor::silent())
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
            .run(&any, &PATIENCE, &Monitor::silent())
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
        .run(&any, &patience, &Monitor::silent())
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
        .run(&any, &PATIENCE, &Monitor::silent())
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
    request.token_origin = Some(server.address.clone());
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    assert!(server.asked()[0].authorized);
    assert!(!other.asked()[0].authorized);

    // Another port of the same host is another server.
    let place = self::place();
    request.target = place.target.clone();
    request.sources = vec![other.address.clone()];
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    assert!(!other.asked()[1].authorized);
}

#[test]
fn a_token_follows_a_redirect_on_its_own_host() {
    let server = Server::new(|number, _| match number {
        0 => status("307 Temporary Redirect", "Location: /renamed/file\r\n"),
        _ => whole(&body(), ""),
    });
    let place = place();
    let mut request = download(&place, &[&format!("{}/old/file", server.address)]);
    request.token = Some("secret".into());
    request.token_origin = Some(server.address.clone());
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    let asked = server.asked();
    assert_eq!(
        (asked[1].path.as_str(), asked[1].authorized),
        ("/renamed/file", true)
    );
}

#[test]
fn a_cancelled_download_keeps_what_it_has() {
    let server = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n"));
    let place = place();
    let error = download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::new(None, Some(&|| true)))
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
            scope.spawn(|| request.run(&any, &PATIENCE, &Monitor::silent()).unwrap());
        }
    });
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(server.asked().len(), 1);
}

/// SHA-256 of [`body`].
fn body_sha256() -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), body()).unwrap();
    sha256(file.path(), &Monitor::silent()).unwrap()
}

#[test]
fn the_checksum_that_the_hub_tells_on_the_way_is_held_to() {
    for (content, sound) in [(body(), true), (vec![7; 100_000], false)] {
        let store = Server::new(move |_, _| whole(&content, ""));
        let elsewhere = store.address.clone();
        let hub = Server::new(move |_, _| {
            let headers = format!(
                "Location: {elsewhere}/blob\r\nX-Linked-Etag: \"{}\"\r\n",
                body_sha256()
            );
            status("302 Found", &headers)
        });
        let place = place();
        let result = download(&place, &[&hub.address]).run(&any, &PATIENCE, &Monitor::silent());
        assert_eq!(place.target.is_file(), sound);
        if !sound {
            assert!(result.unwrap_err().to_string().contains("wrong checksum"));
        }
    }
}

#[test]
fn the_first_digits_of_a_checksum_are_enough_to_tell() {
    for (digits, sound) in [
        (body_sha256()[..8].to_owned(), true),
        ("01234567".to_owned(), false),
    ] {
        let server = Server::new(|_, _| whole(&body(), ""));
        let place = place();
        let mut request = download(&place, &[&server.address]);
        request.sha256 = Some(digits);
        assert_eq!(request.run(&any, &PATIENCE, &Monitor::silent()).is_ok(), sound);
        assert_eq!(place.target.is_file(), sound);
    }
}

#[test]
fn a_slow_drip_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&stream);
            let reply = whole(&body(), "");
            let _ = stream.write_all(&reply[..200]);
            for byte in &reply[200..] {
                std::thread::sleep(Duration::from_millis(20));
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
    });
    let place = place();
    let patience = Patience {
        tries: 1,
        window: Duration::from_millis(300),
        ..PATIENCE
    };
    let error = download(&place, &[&address])
        .run(&any, &patience, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("too slowly"), "{error}");
}

#[test]
fn a_server_that_drops_every_time_is_given_up() {
    // A byte a try must not keep it going for ever.
    let server = Server::new(|_, asked| {
        let from = asked.from.unwrap_or(0);
        let reply = match from {
            0 => whole(&body(), "ETag: \"v1\"\r\n"),
            _ => rest(&body(), from),
        };
        let head = reply.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        reply[..head + 5].to_vec()
    });
    let place = place();
    let error = download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err();
    assert!(matches!(error, Error::Download { .. }), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_web_page_by_any_other_type_is_still_one() {
    for page in [
        "<!DOCTYPE html><p>log in",
        "  \n<HTML>",
        "<?xml version='1.0'?><Error/>",
    ] {
        let server =
            Server::new(move |_, _| whole(page.as_bytes(), "Content-Type: application/octet-stream\r\n"));
        let place = place();
        let error = download(&place, &[&server.address])
            .run(&any, &PATIENCE, &Monitor::silent())
            .unwrap_err();
        assert!(error.to_string().contains("web page"), "{error}");
        assert_eq!(names(&place), ["net.pth.lock"]);
    }
}

#[test]
fn compressed_bytes_are_not_taken_for_the_file() {
    let server = Server::new(|_, _| whole(&body(), "Content-Encoding: gzip\r\n"));
    let place = place();
    let error = download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("gzip"), "{error}");
}

#[test]
fn a_file_larger_than_the_disk_is_not_begun() {
    let server = Server::new(|_, _| {
        let mut reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000\r\n\r\n".to_vec();
        reply.extend([0; 1000]);
        reply
    });
    let place = place();
    let error = download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("make room") && error.contains("net.pth"),
        "{error}"
    );
    assert_eq!(
        (server.asked().len(), names(&place)),
        (1, vec!["net.pth.lock".to_owned()])
    );
}

#[test]
fn mirrors_are_asked_in_order() {
    let gone = Server::new(|_, _| status("404 Not Found", ""));
    let broken = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n")[..70_000].to_vec());
    let good = Server::new(|_, asked| match asked.from {
        Some(from) if asked.if_range.as_deref() == Some("\"v1\"") => rest(&body(), from),
        _ => whole(&body(), ""),
    });
    let place = place();
    let patience = Patience { tries: 1, ..PATIENCE };
    download(&place, &[&gone.address, &broken.address, &good.address])
        .run(&any, &patience, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    let counts = [gone.asked().len(), broken.asked().len(), good.asked().len()];
    // The second mirror is asked again, as it had brought something.
    assert_eq!(counts, [1, 2, 1]);
    assert!(good.asked()[0].from.is_some(), "the second mirror's part is kept");
}

#[cfg(unix)]
#[test]
fn a_planted_link_is_not_written_through() {
    let server = Server::new(|_, _| whole(&body(), ""));
    let place = place();
    let folder = place.target.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let victim = folder.join("victim");
    std::fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, place.target.with_extension("pth.part")).unwrap();
    download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

/// Runs one of the tests below in a process of its own, where the environment can be changed.
fn in_another_process(test: &str, environment: &[(&str, &str)]) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        &format!("download::{test}"),
        "--ignored",
        "--nocapture",
    ]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by a_proxy_is_used"]
fn fetch_from_nowhere() {
    let place = place();
    let once = Patience { tries: 1, ..PATIENCE };
    download(&place, &["http://hub.invalid/net.pth"])
        .run(&any, &once, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
}

#[test]
fn a_proxy_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        // A tunnel is asked for, then the file through it.
        for reply in [b"HTTP/1.1 200 Connected\r\n\r\n".to_vec(), whole(&body(), "")] {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            seen.lock().unwrap().push(String::from_utf8(request).unwrap());
            stream.write_all(&reply).unwrap();
        }
    });
    in_another_process("fetch_from_nowhere", &[("HTTP_PROXY", &address)]);
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("CONNECT hub.invalid:80 "), "{asked:?}");
    assert!(asked[1].starts_with("GET /net.pth "), "{asked:?}");
}

/// What a server can send with status 200 that is no checkpoint, and what is said about it.
fn impostors() -> Vec<(Vec<u8>, &'static str)> {
    let wide = |text: &str| {
        [
            vec![0xff, 0xfe],
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ]
        .concat()
    };
    vec![
        (br#"{"error":"gated repo"}"#.to_vec(), "JSON"),
        (br#"{"data":{"message":1}}"#.to_vec(), "JSON"),
        (b"[\n  \"a list of names\"\n]".to_vec(), "JSON"),
        (Vec::new(), "empty"),
        (b"\xef\xbb\xbf<html>log in</html>".to_vec(), "web page"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html>".to_vec(), "web page"),
        (wide("<html>log in</html>"), "web page"),
        (b"<Error><Code>AccessDenied</Code></Error>".to_vec(), "web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec(),
            "Git LFS pointer",
        ),
        (b"502 Bad Gateway\n".to_vec(), "text"),
        (b"Repository not found".to_vec(), "text"),
    ]
}

#[test]
fn what_is_no_checkpoint_never_gets_the_name() {
    for (content, part) in impostors() {
        for headers in [
            "",
            "Content-Type: application/octet-stream\r\n",
            "ETag: \"v1\"\r\n",
        ] {
            let reply = whole(&content, headers);
            let server = Server::new(move |_, _| reply.clone());
            let place = place();
            let error = download(&place, &[&server.address])
                .run(&any, &PATIENCE, &Monitor::silent())
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(part) && error.contains(&server.address),
                "{part}: {error}"
            );
            assert_eq!(names(&place), ["net.pth.lock"]);
        }
    }
}

#[test]
fn what_an_older_version_left_is_replaced_and_said() {
    for (content, _) in impostors() {
        let server = Server::new(|_, _| whole(&body(), ""));
        let place = place();
        std::fs::create_dir_all(place.target.parent().unwrap()).unwrap();
        std::fs::write(&place.target, content).unwrap();
        let said = Mutex::new(Vec::new());
        let warn = |sentence: &str| said.lock().unwrap().push(sentence.to_owned());
        download(&place, &[&server.address])
            .run(&any, &PATIENCE, &Monitor::silent().with_warnings(&warn))
            .unwrap();
        assert_eq!(std::fs::read(&place.target).unwrap(), body());
        let said = said.into_inner().unwrap();
        assert!(
            said.len() == 1 && said[0].contains("net.pth is replaced"),
            "{said:?}"
        );
    }
}

#[test]
fn content_that_does_not_fit_never_gets_the_name() {
    let zip = |names: &[&str]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut archive = zip::ZipWriter::new(&mut bytes);
        for name in names {
            archive
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
        }
        archive.finish().unwrap();
        bytes.into_inner()
    };
    let safetensors = |header: &str| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes
    };
    let other = r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
    let entry = catalog::find("depth_anything_v2_small").unwrap();
    for (content, part) in [
        (body(), "neither"),
        (zip(&["readme.txt"]), "was thrown away"),
        (zip(&["a/data.pkl"])[..40].to_vec(), "was thrown away"),
        (safetensors(other), "its tensors are others"),
        (safetensors(other)[..30].to_vec(), "header"),
        (b"\x08\x07\x12\x03abc".to_vec(), "was thrown away"),
    ] {
        let reply = whole(&content, "");
        let server = Server::new(move |_, _| reply.clone());
        let place = place();
        let error = download(&place, &[&server.address])
            .run(
                &|path| networks::check(entry, path),
                &PATIENCE,
                &Monitor::silent(),
            )
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert!(!error.contains(".part"), "{error}");
        assert_eq!(names(&place), ["net.pth.lock"]);
    }
}

#[test]
fn a_file_of_another_size_is_refused() {
    let endless = |_: usize, _: &Asked| [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![7; 3_000_000]].concat();
    for (reply, part) in [
        (whole(&body(), ""), "100000 bytes instead of 2 MB"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n".to_vec(),
            "announces 9000 MB, but the file has 2 MB",
        ),
        (endless(0, &Asked::default()), "of at most 2 MB"),
    ] {
        let server = Server::new(move |_, _| reply.clone());
        let place = place();
        let mut request = download(&place, &[&server.address]);
        request.megabytes = Some(2);
        let error = request
            .run(&any, &PATIENCE, &Monitor::silent())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert_eq!(
            (server.asked().len(), names(&place)),
            (1, vec!["net.pth.lock".to_owned()])
        );
    }
}

#[test]
fn wrong_ranges_end_after_a_few_tries() {
    // Each try from the start brings more than a crawl, so the tries alone must not start over.
    for range in [
        status("416 Range Not Satisfiable", ""),
        rest(&body(), 77),
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\n12345".to_vec(),
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 9-3/2\r\n\r\n12345"
            .to_vec(),
    ] {
        let server = Server::new(move |_, asked| match asked.from {
            Some(_) => range.clone(),
            None => whole(&body(), "ETag: \"v1\"\r\n")[..60_000].to_vec(),
        });
        let place = place();
        let error = download(&place, &[&server.address])
            .run(&any, &PATIENCE, &Monitor::silent())
            .unwrap_err();
        assert!(matches!(error, Error::Download { .. }), "{error}");
        assert!(server.asked().len() <= 4, "{} requests", server.asked().len());
        assert!(!place.target.exists());
    }
}

#[test]
fn all_sources_together_send_a_few_times_the_file_at_most() {
    // Without a tag every try begins anew, and gets a little farther than the one before.
    let server = Server::new(|number, _| {
        let reply = whole(&vec![7; 1_000_000], "");
        reply[..(100_000 + 10_000 * number).min(900_000)].to_vec()
    });
    let place = place();
    let mut request = download(&place, &[&server.address, &format!("{}/again", server.address)]);
    request.megabytes = Some(1);
    let error = request
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err()
        .to_string();
    assert!(error.contains("MB have been sent"), "{error}");
    let sent: usize = (0..server.asked().len())
        .map(|number| 100_000 + 10_000 * number)
        .sum();
    assert!(sent < 6_000_000, "{sent} bytes");
}

#[cfg(unix)]
#[test]
fn links_and_pipes_beside_the_target_are_not_followed() {
    for extension in ["lock", "part", "etag"] {
        for hard in [false, true] {
            let server = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n"));
            let place = place();
            let folder = place.target.parent().unwrap();
            std::fs::create_dir_all(folder).unwrap();
            let (victim, planted) = (folder.join("victim"), folder.join(format!("net.pth.{extension}")));
            std::fs::write(&victim, "mine").unwrap();
            match hard {
                true => std::fs::hard_link(&victim, planted).unwrap(),
                false => std::os::unix::fs::symlink(&victim, planted).unwrap(),
            }
            download(&place, &[&server.address])
                .run(&any, &PATIENCE, &Monitor::silent())
                .unwrap();
            assert_eq!(std::fs::read(&victim).unwrap(), b"mine", "{extension}");
            assert_eq!(std::fs::read(&place.target).unwrap(), body());
        }
        let server = Server::new(|_, _| whole(&body(), "ETag: \"v1\"\r\n"));
        let place = place();
        let folder = place.target.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(format!("net.pth.{extension}")))
            .status();
        assert!(made.unwrap().success());
        download(&place, &[&server.address])
            .run(&any, &PATIENCE, &Monitor::silent())
            .unwrap();
        assert_eq!(std::fs::read(&place.target).unwrap(), body());
    }
}

#[cfg(unix)]
#[test]
fn a_target_that_is_a_link_is_replaced_not_written_through() {
    let server = Server::new(|_, _| whole(&body(), ""));
    let place = place();
    let folder = place.target.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let victim = folder.join("victim");
    std::os::unix::fs::symlink(&victim, &place.target).unwrap();
    let request = download(&place, &[&server.address]);
    // It leads to nothing.
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    assert!(!victim.exists() && !place.target.is_symlink());
    // It leads to something that is no checkpoint.
    std::fs::remove_file(&place.target).unwrap();
    std::fs::write(&victim, "not a checkpoint").unwrap();
    std::os::unix::fs::symlink(&victim, &place.target).unwrap();
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"not a checkpoint");
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    // It leads to a file that may be one: that is used, and nothing is asked.
    std::fs::rename(&place.target, &victim).unwrap();
    std::os::unix::fs::symlink(&victim, &place.target).unwrap();
    request.run(&any, &PATIENCE, &Monitor::silent()).unwrap();
    assert!(place.target.is_symlink() && server.asked().len() == 2);
}

#[test]
fn a_folder_in_the_place_of_the_file_is_said_before_anything_is_asked() {
    let server = Server::new(|_, _| whole(&body(), ""));
    let place = place();
    std::fs::create_dir_all(&place.target).unwrap();
    let error = download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("is a folder"), "{error}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_machine_without_a_network_says_so_at_once_and_once() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for host in [
        format!("127.0.0.1:{}", closed.port()),
        "nowhere.invalid".to_owned(),
    ] {
        let place = place();
        let sources = [format!("http://{host}/a"), format!("http://{host}/b")];
        let started = Instant::now();
        let error = download(&place, &[&sources[0], &sources[1]])
            .run(&any, &Patience::default(), &Monitor::silent())
            .unwrap_err()
            .to_string();
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(error.matches("is this machine online?").count(), 1, "{error}");
    }
}

#[test]
fn the_store_gives_no_name_to_what_does_not_fit_and_replaces_what_is_none() {
    let server = Server::new(|_, _| whole(br#"{"error":"gated repo"}"#, ""));
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub {
        endpoint: server.address.clone(),
        token: None,
        offline: None,
        cache: None,
    };
    let store = Store::new(vec![folder.path().to_owned()], hub);
    let entry = catalog::find("depth_anything_v2_small").unwrap();
    let file = folder.path().join("depth_anything_v2_vits.pth");
    std::fs::write(&file, "{\"error\":\"left by an older version\"}").unwrap();
    // It is neither taken by `auto` nor by name, and the sentence says why.
    assert_eq!(store.best().id, "pocket");
    let missing = store.resolve(&entry.id).unwrap_err().to_string();
    assert!(
        missing.contains("is not used: this is JSON") && missing.contains("download depth_anything_v2_small"),
        "{missing}"
    );
    assert_eq!(store.impostors(entry).len(), 1);
    let error = store
        .download(entry, networks::check, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("JSON"), "{error}");
    // A file that may be one but is damaged is nobody's to delete but its owner's.
    std::fs::write(&file, b"PK\x03\x04 cut off").unwrap();
    let error = store
        .download(entry, networks::check, &Monitor::silent())
        .unwrap_err();
    assert!(error.to_string().contains("delete it"), "{error}");
    assert!(Checkpoint::open(&file).is_err());
}

/// The target of the tests that are run in another process.
fn given_target() -> PathBuf {
    PathBuf::from(std::env::var_os("RILIEVO_TEST_TARGET").unwrap())
}

#[test]
#[ignore = "run in another process"]
fn fetch_to_the_given_target() {
    let request = Download {
        sources: vec![std::env::var("RILIEVO_TEST_SOURCE").unwrap()],
        target: given_target(),
        sha256: None,
        megabytes: None,
        unreachable: Unreachable::default(),
        token: None,
        token_origin: None,
    };
    let patience = Patience {
        stall: Duration::from_secs(30),
        ..PATIENCE
    };
    request.run(&any, &patience, &Monitor::silent()).unwrap();
}

fn another_download(place: &Place, source: &str) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "download::fetch_to_the_given_target", "--ignored"])
        .env("RILIEVO_TEST_TARGET", &place.target)
        .env("RILIEVO_TEST_SOURCE", source)
        .env("NO_PROXY", "127.0.0.1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_download_that_was_killed_goes_on_in_the_next_process() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let held = Arc::new(Mutex::new(Vec::new()));
    let streams = held.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&stream);
            stream
                .write_all(&whole(&body(), "ETag: \"v1\"\r\n")[..60_000])
                .unwrap();
            streams.lock().unwrap().push(stream);
        }
    });
    let place = place();
    let mut child = another_download(&place, &address);
    let part = place.target.with_extension("pth.part");
    let started = Instant::now();
    while std::fs::metadata(&part).map_or(0, |part| part.len()) < 30_000 {
        assert!(started.elapsed() < Duration::from_secs(20), "nothing arrives");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.target.exists());

    let server = Server::new(|_, asked| rest(&body(), asked.from.unwrap()));
    download(&place, &[&server.address])
        .run(&any, &PATIENCE, &Monitor::silent())
        .unwrap();
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(names(&place), ["net.pth", "net.pth.lock"]);
}

#[test]
fn two_processes_fetch_one_file_once() {
    let server = Server::new(|_, _| {
        std::thread::sleep(Duration::from_millis(400));
        whole(&body(), "")
    });
    let place = place();
    let children = [0, 1].map(|_| another_download(&place, &server.address));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(std::fs::read(&place.target).unwrap(), body());
    assert_eq!(server.asked().len(), 1);
}
