//! The Hugging Face hub: addresses, the cache on disk, and the environment
//! variables its own tools obey.

use std::path::{Path, PathBuf};

use crate::env;

/// What the environment says about the hub.
#[derive(Clone, Debug)]
pub struct Hub {
    /// `HF_ENDPOINT`, without a slash at the end.
    pub endpoint: String,
    /// `HF_TOKEN`, or the token file that `hf auth login` left.
    pub token: Option<String>,
    /// What switches downloads on again, where `HF_HUB_OFFLINE` or
    /// `RILIEVO_OFFLINE` is set: `unset HF_HUB_OFFLINE`, `leave out --offline`.
    pub offline: Option<String>,
    /// The folder of cached repositories.
    pub cache: Option<PathBuf>,
}

impl Hub {
    /// Reads the environment.
    pub fn from_environment() -> Self {
        Self::from_variables(env::read)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let user = || variable(env::HOME).map(PathBuf::from).or_else(std::env::home_dir);
        let path = |name: &str| {
            let value = variable(name)?;
            match (value.strip_prefix("~/"), user()) {
                (Some(rest), Some(user)) => Some(user.join(rest)),
                _ => Some(PathBuf::from(value)),
            }
        };
        let is_set = |name: &str| {
            variable(name).is_some_and(|value| {
                !["0", "false", "no", "off"].contains(&value.trim().to_lowercase().as_str())
            })
        };
        let home = path(env::HF_HOME).or_else(|| {
            let cache = path(env::XDG_CACHE_HOME).or_else(|| Some(user()?.join(".cache")));
            Some(cache?.join("huggingface"))
        });
        let token_file = path(env::HF_TOKEN_PATH).or_else(|| Some(home.as_ref()?.join("token")));
        let token = variable(env::HF_TOKEN).or_else(|| {
            // The saved token may not be sent without being asked for.
            match is_set(env::HF_HUB_DISABLE_IMPLICIT_TOKEN) {
                true => None,
                false => std::fs::read_to_string(token_file?).ok(),
            }
        });
        Self {
            endpoint: variable(env::HF_ENDPOINT)
                .unwrap_or_else(|| "https://huggingface.co".into())
                .trim()
                .trim_end_matches('/')
                .to_owned(),
            token: token
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())),
            offline: {
                // A command that was given `--offline` says so in its own environment.
                let remedies = [env::HF_HUB_OFFLINE, env::RILIEVO_OFFLINE]
                    .into_iter()
                    .filter(|name| is_set(name))
                    .map(|name| match variable(name) {
                        Some(flag) if flag.starts_with("--") => format!("leave out {flag}"),
                        _ => format!("unset {name}"),
                    });
                Some(remedies.collect::<Vec<_>>().join(" and ")).filter(|text| !text.is_empty())
            },
            cache: path(env::HF_HUB_CACHE)
                .or_else(|| path(env::HUGGINGFACE_HUB_CACHE))
                .or_else(|| Some(home?.join("hub"))),
        }
    }

    /// The address of a source of the catalog.
    pub fn address(&self, source: &str) -> String {
        match Source::parse(source) {
            Some(Source {
                repository,
                revision,
                path,
            }) => {
                format!("{}/{repository}/resolve/{revision}/{path}", self.endpoint)
            }
            None => source.to_owned(),
        }
    }

    /// Where the hub's own tools have put a source, if they fetched it.
    ///
    /// The cache keeps every commit of a repository that was ever fetched in
    /// `snapshots`; `refs` say which commit a branch was at last. A file that
    /// is only in another snapshot than the branch's last counts as well.
    pub fn cached(&self, source: &str) -> Option<PathBuf> {
        let Source {
            repository,
            revision,
            path,
        } = Source::parse(source)?;
        let (kind, repository) = match repository.strip_prefix("spaces/") {
            Some(repository) => ("spaces", repository),
            None => ("models", repository),
        };
        let folder = self
            .cache
            .as_ref()?
            .join(format!("{kind}--{}", repository.replace('/', "--")));
        let there = |commit: &Path| Some(commit.join(path)).filter(|file| file.is_file());
        let snapshots = folder.join("snapshots");
        let last = std::fs::read_to_string(folder.join("refs").join(revision)).ok();
        let last = last.as_deref().map_or(revision, str::trim);
        if last.contains(['/', '\\']) || last.starts_with('.') {
            return None;
        }
        there(&snapshots.join(last)).or_else(|| {
            let mut commits: Vec<PathBuf> = std::fs::read_dir(&snapshots)
                .ok()?
                .filter_map(|commit| Some(commit.ok()?.path()))
                .collect();
            commits.sort();
            let is_commit = revision.len() >= 7 && revision.bytes().all(|digit| digit.is_ascii_hexdigit());
            commits
                .iter()
                .filter(|commit| {
                    let name = commit.file_name().unwrap_or_default().to_string_lossy();
                    !is_commit || name.starts_with(revision)
                })
                .find_map(|commit| there(commit))
        })
    }
}

/// Repository and path of a source in a folder that mirrors the hub.
pub(super) fn mirrored(source: &str) -> Option<(&str, &str)> {
    let Source { repository, path, .. } = Source::parse(source)?;
    Some((repository.strip_prefix("spaces/").unwrap_or(repository), path))
}

/// `hf:[spaces/]OWNER/REPOSITORY[@REVISION]:PATH`
struct Source<'a> {
    repository: &'a str,
    revision: &'a str,
    path: &'a str,
}

impl<'a> Source<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (repository, path) = text.strip_prefix("hf:")?.split_once(':')?;
        let (repository, revision) = repository.split_once('@').unwrap_or((repository, "main"));
        Some(Self {
            repository,
            revision,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(cache: Option<PathBuf>) -> Hub {
        Hub {
            endpoint: "https://mirror.example".into(),
            token: None,
            offline: None,
            cache,
        }
    }

    #[test]
    fn addresses_follow_the_endpoint_and_the_revision() {
        let hub = hub(None);
        assert_eq!(
            hub.address("hf:a/b:c/d.pth"),
            "https://mirror.example/a/b/resolve/main/c/d.pth"
        );
        assert_eq!(
            hub.address("hf:a/b@5bc80e:d.pth"),
            "https://mirror.example/a/b/resolve/5bc80e/d.pth"
        );
        assert_eq!(
            hub.address("https://example.org/x.pt"),
            "https://example.org/x.pt"
        );
    }

    #[test]
    fn a_file_in_the_cache_is_found_through_its_ref() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("models--a--b");
        let snapshot = repository.join("snapshots").join("0123abcd");
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(repository.join("refs")).unwrap();
        std::fs::write(snapshot.join("net.pth"), b"x").unwrap();
        let hub = hub(Some(folder.path().to_owned()));
        assert_eq!(
            hub.cached("hf:a/b@0123abcd:net.pth"),
            Some(snapshot.join("net.pth"))
        );
        std::fs::write(repository.join("refs").join("main"), "0123abcd\n").unwrap();
        assert_eq!(hub.cached("hf:a/b:net.pth"), Some(snapshot.join("net.pth")));
        assert_eq!(hub.cached("hf:a/b:other.pth"), None);
        // The branch has moved on since: what is there is not fetched again.
        std::fs::write(repository.join("refs").join("main"), "99999999").unwrap();
        assert_eq!(hub.cached("hf:a/b:net.pth"), Some(snapshot.join("net.pth")));
        // The beginning of a commit stands for it, and for no other.
        assert_eq!(
            hub.cached("hf:a/b@0123abc:net.pth"),
            Some(snapshot.join("net.pth"))
        );
        assert_eq!(hub.cached("hf:a/b@0123abc4:net.pth"), None);
        std::fs::write(repository.join("refs").join("main"), "../../..").unwrap();
        assert_eq!(hub.cached("hf:a/b:net.pth"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_is_read_as_the_hubs_tools_lay_it_out() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("spaces--a--b");
        let snapshot = repository.join("snapshots").join("0123abcd").join("checkpoints");
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::create_dir_all(repository.join("blobs")).unwrap();
        std::os::unix::fs::symlink("../../../blobs/feed", snapshot.join("net.pth")).unwrap();
        let hub = hub(Some(folder.path().to_owned()));
        let source = "hf:spaces/a/b:checkpoints/net.pth";
        assert_eq!(hub.cached(source), None, "the blob is not there yet");
        std::fs::write(repository.join("blobs").join("feed"), b"x").unwrap();
        assert_eq!(hub.cached(source), Some(snapshot.join("net.pth")));
        assert_eq!(
            hub.address(source),
            "https://mirror.example/spaces/a/b/resolve/main/checkpoints/net.pth"
        );
    }

    #[test]
    fn the_environment_is_read_as_the_hubs_tools_do() {
        let read = |variables: &[(&str, &str)]| {
            Hub::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let user = tempfile::tempdir().unwrap();
        let home = user.path().to_str().unwrap();
        let plain = read(&[("HOME", home)]);
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert_eq!(plain.cache, Some(user.path().join(".cache/huggingface/hub")));
        assert!(plain.token.is_none() && plain.offline.is_none());

        let moved = read(&[
            ("HOME", home),
            ("HF_HOME", "~/hf"),
            ("HF_ENDPOINT", "https://mirror.example/"),
            ("HF_HUB_OFFLINE", "1"),
            ("HF_TOKEN", " hf_abc\n"),
        ]);
        assert_eq!(moved.cache, Some(user.path().join("hf/hub")));
        assert_eq!(moved.endpoint, "https://mirror.example");
        assert_eq!(moved.token.as_deref(), Some("hf_abc"));
        assert_eq!(moved.offline.as_deref(), Some("unset HF_HUB_OFFLINE"));
        let flag = read(&[("HF_HUB_OFFLINE", "yes"), ("RILIEVO_OFFLINE", "--offline")]);
        assert_eq!(
            flag.offline.as_deref(),
            Some("unset HF_HUB_OFFLINE and leave out --offline")
        );
        let elsewhere = read(&[("HF_HOME", "/x"), ("HF_HUB_CACHE", "/y"), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!(elsewhere.cache, Some(PathBuf::from("/y")));
        assert_eq!(elsewhere.offline, None);

        std::fs::create_dir_all(user.path().join("hf")).unwrap();
        std::fs::write(user.path().join("hf/token"), "hf_saved\n").unwrap();
        let saved = [("HOME", home), ("HF_HOME", "~/hf")];
        assert_eq!(read(&saved).token.as_deref(), Some("hf_saved"));
        let discreet = [saved[0], saved[1], ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(read(&discreet).token, None);
    }
}
