//! The Hugging Face hub: addresses, the cache on disk, and the environment
//! variables its own tools obey.

use std::path::{Path, PathBuf};

/// What the environment says about the hub.
#[derive(Clone, Debug)]
pub struct Hub {
    /// `HF_ENDPOINT`, without a slash at the end.
    pub endpoint: String,
    /// `HF_TOKEN`, or the token file that `hf auth login` left.
    pub token: Option<String>,
    /// `HF_HUB_OFFLINE` or `RILIEVO_OFFLINE` is set.
    pub offline: bool,
    /// The folder of cached repositories.
    pub cache: Option<PathBuf>,
}

impl Hub {
    /// Reads the environment.
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let home = variable("HF_HOME").map(PathBuf::from).or_else(|| {
            let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
            Some(
                cache
                    .or_else(|| Some(std::env::home_dir()?.join(".cache")))?
                    .join("huggingface"),
            )
        });
        let token_file = variable("HF_TOKEN_PATH")
            .map(PathBuf::from)
            .or(home.as_ref().map(|home| home.join("token")));
        Self {
            endpoint: variable("HF_ENDPOINT")
                .unwrap_or_else(|| "https://huggingface.co".into())
                .trim_end_matches('/')
                .to_owned(),
            token: variable("HF_TOKEN").or_else(|| {
                let token = std::fs::read_to_string(token_file?).ok()?;
                Some(token.trim().to_owned()).filter(|token| !token.is_empty())
            }),
            offline: ["HF_HUB_OFFLINE", "RILIEVO_OFFLINE"].iter().any(|name| {
                variable(name).is_some_and(|value| {
                    !["0", "false", "no", "off"].contains(&value.to_lowercase().as_str())
                })
            }),
            cache: variable("HF_HUB_CACHE")
                .map(PathBuf::from)
                .or(home.map(|home| home.join("hub"))),
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
    pub fn cached(&self, source: &str) -> Option<PathBuf> {
        let Source {
            repository,
            revision,
            path,
        } = Source::parse(source)?;
        let folder = self
            .cache
            .as_ref()?
            .join(format!("models--{}", repository.replace('/', "--")));
        let commit = std::fs::read_to_string(folder.join("refs").join(revision))
            .map(|commit| commit.trim().to_owned())
            .unwrap_or_else(|_| revision.to_owned());
        if commit.contains(['/', '\\']) || commit.starts_with('.') {
            return None;
        }
        Some(folder.join("snapshots").join(commit).join(Path::new(path))).filter(|file| file.is_file())
    }
}

/// `hf:OWNER/REPOSITORY[@REVISION]:PATH`
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
            offline: false,
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
        assert_eq!(hub.cached("hf:a/b:net.pth"), None);
        std::fs::write(repository.join("refs").join("main"), "0123abcd\n").unwrap();
        assert_eq!(hub.cached("hf:a/b:net.pth"), Some(snapshot.join("net.pth")));
        assert_eq!(
            hub.cached("hf:a/b@0123abcd:net.pth"),
            Some(snapshot.join("net.pth"))
        );
        std::fs::write(repository.join("refs").join("main"), "../../..").unwrap();
        assert_eq!(hub.cached("hf:a/b:net.pth"), None);
    }
}
