//! Every environment variable that Rust code here reads; `python/rilievo/env.py`
//! has those of the Python half, and `docs/environment.md` shows both to people.

/// Nothing is fetched, as with `--offline`.
pub const RILIEVO_OFFLINE: &str = "RILIEVO_OFFLINE";
/// Nothing is fetched, by any program that uses the hub.
pub const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// A mirror of the Hugging Face hub.
pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// A token for the hub, sent to its own address only, never along a redirect to another.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// The file of the token that `hf auth login` saved (default: `token` in `HF_HOME`).
pub const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// The saved token is not sent.
pub const HF_HUB_DISABLE_IMPLICIT_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// The folder of the hub's own tools (default: `huggingface` in `XDG_CACHE_HOME`).
pub const HF_HOME: &str = "HF_HOME";
/// What the hub's tools fetched, looked for models in (default: `hub` in `HF_HOME`).
pub const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// The former name of `HF_HUB_CACHE`.
pub const HUGGINGFACE_HUB_CACHE: &str = "HUGGINGFACE_HUB_CACHE";
/// Where other programs keep what they fetched (default: `~/.cache`).
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The person's own folder, `~` above.
pub const HOME: &str = "HOME";

/// The value of a variable, if it is set and is text.
pub fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
