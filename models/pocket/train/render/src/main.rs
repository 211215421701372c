//! Renders the training pictures of the embedded depth network. `pocket-render help` lists what it can do.

mod bvh;
mod camera;
mod kit;
mod library;
mod mesh;
mod model;
mod noise;
mod obj;
mod patterns;
mod post;
mod props;
mod render;
mod rng;
mod scenes;
mod shard;
mod sheet;
mod texture;
mod view;

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;
use kit::Kit;
use library::Library;
use pico_args::Arguments;
use rayon::prelude::*;
use rng::Rng;
use scenes::{KINDS, Kind, Stock};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HELP: &str = "\
pocket-render shards --out DIR [--first N] [--count N] [--ahead N] [--size WIDTHxHEIGHT]
    Writes shards of 64 pictures, 256x192 by default, every third one upright. With --ahead, waits while N
    shards lie unread in DIR.
pocket-render contact-sheet --out FILE.png [--columns N] [--rows N] [--kind KIND]
    Pictures with their depth below.
pocket-render speed [--count N]
    Pictures a second of every kind.

Common: [--seed N] [--textures DIR of JPEG photos] [--models DIR with models.tsv] [--threads N]
The same seed, textures and models give the same pictures, whatever the number of threads.";

/// Pictures in a shard.
const SHARD: usize = 64;

fn main() -> Result<()> {
    let mut arguments = Arguments::from_env();
    let command = arguments.subcommand()?.unwrap_or_default();
    let seed: u64 = arguments.opt_value_from_str("--seed")?.unwrap_or(0);
    let photos = match arguments.opt_value_from_str::<_, PathBuf>("--textures")? {
        Some(folder) => load_photos(&folder)?,
        None => Vec::new(),
    };
    let library = match arguments.opt_value_from_str::<_, PathBuf>("--models")? {
        Some(folder) => Library::load(&folder)?,
        None => Library::default(),
    };
    if let Some(threads) = arguments.opt_value_from_str("--threads")? {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    let studio = Studio {
        seed,
        photos,
        library,
    };
    match command.as_str() {
        "shards" => {
            let out: PathBuf = arguments.value_from_str("--out")?;
            let first = arguments.opt_value_from_str("--first")?.unwrap_or(0);
            let count = arguments.opt_value_from_str("--count")?.unwrap_or(1);
            let ahead = arguments.opt_value_from_str("--ahead")?.unwrap_or(usize::MAX);
            let size = arguments
                .opt_value_from_fn("--size", size_named)?
                .unwrap_or((256, 192));
            expect_no_more(arguments)?;
            studio.shards(&out, first, count, ahead, size)
        }
        "contact-sheet" => {
            let out: PathBuf = arguments.value_from_str("--out")?;
            let columns = arguments.opt_value_from_str("--columns")?.unwrap_or(6);
            let rows = arguments.opt_value_from_str("--rows")?.unwrap_or(4);
            let kind = arguments.opt_value_from_fn("--kind", kind_named)?;
            expect_no_more(arguments)?;
            let pairs = studio.many(0, kind, columns * rows, (256, 192));
            sheet::draw(&pairs, columns, (256, 192))
                .save(&out)
                .with_context(|| format!("{} cannot be written", out.display()))
        }
        "speed" => {
            let count = arguments.opt_value_from_str("--count")?.unwrap_or(32);
            expect_no_more(arguments)?;
            for (kind, _) in KINDS {
                let start = Instant::now();
                let made = studio.many(0, Some(kind), count, (256, 192)).len();
                println!(
                    "{kind:?}: {:.1} pictures/s",
                    made as f32 / start.elapsed().as_secs_f32()
                );
            }
            Ok(())
        }
        _ => {
            println!("{HELP}");
            Ok(())
        }
    }
}

/// What all pictures of a run share.
struct Studio {
    seed: u64,
    photos: Vec<RgbImage>,
    library: Library,
}

impl Studio {
    /// Pictures per independent piece of work.
    const CHUNK: usize = 8;

    /// What `many` makes, on this thread.
    fn batch(&self, index: u64, kind: Option<Kind>, count: usize, size: (usize, usize)) -> Vec<view::Pair> {
        let (kit, chunks) = self.chunks(index, count);
        let stock = Stock {
            kit: &kit,
            library: &self.library,
        };
        chunks
            .into_iter()
            .flat_map(|(mut rng, n)| view::pairs(&mut rng, stock, kind, n, size))
            .collect()
    }

    /// The textures of a shard, and its pieces of work: where each starts, and how many pictures it makes.
    fn chunks(&self, index: u64, count: usize) -> (Kit, Vec<(Rng, usize)>) {
        let mut rng = Rng::new(self.seed, index + 1);
        let kit = Kit::new(&mut rng, &self.photos);
        let chunks = (0..count)
            .step_by(Self::CHUNK)
            .map(|at| (rng.fork(), Self::CHUNK.min(count - at)))
            .collect();
        (kit, chunks)
    }

    /// `count` pairs, made on all threads; `index` tells the shards of a run apart.
    fn many(&self, index: u64, kind: Option<Kind>, count: usize, size: (usize, usize)) -> Vec<view::Pair> {
        let (kit, chunks) = self.chunks(index, count);
        let stock = Stock {
            kit: &kit,
            library: &self.library,
        };
        chunks
            .into_par_iter()
            .flat_map_iter(|(mut rng, n)| view::pairs(&mut rng, stock, kind, n, size))
            .collect()
    }

    /// Every thread makes shards of its own, so that none waits for the slowest picture of a shard.
    fn shards(
        &self,
        out: &Path,
        first: usize,
        count: usize,
        ahead: usize,
        (width, height): (usize, usize),
    ) -> Result<()> {
        std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
        let next = AtomicUsize::new(first);
        let end = first.saturating_add(count);
        (0..rayon::current_num_threads())
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(|_| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= end {
                        return Ok(());
                    }
                    while unread(out)? >= ahead {
                        std::thread::sleep(Duration::from_millis(500));
                    }
                    let size = if index % 3 == 2 {
                        (height, width)
                    } else {
                        (width, height)
                    };
                    let pairs = self.batch(index as u64, None, SHARD, size);
                    shard::write(out, &format!("{index:06}"), &pairs, size)?;
                }
            })
    }
}

/// Complete shards in `folder`.
fn unread(folder: &Path) -> Result<usize> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    Ok(entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().ends_with(".inv.npy"))
        .count())
}

fn load_photos(folder: &Path) -> Result<Vec<RgbImage>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "jpg"))
        .collect();
    paths.sort();
    ensure!(!paths.is_empty(), "{} holds no .jpg files", folder.display());
    paths
        .iter()
        .map(|p| {
            Ok(image::open(p)
                .with_context(|| format!("{} is not a readable picture", p.display()))?
                .to_rgb8())
        })
        .collect()
}

fn kind_named(name: &str) -> Result<Kind> {
    let found = KINDS
        .iter()
        .map(|k| k.0)
        .find(|k| format!("{k:?}").eq_ignore_ascii_case(name));
    found.with_context(|| {
        let all: Vec<String> = KINDS
            .iter()
            .map(|k| format!("{:?}", k.0).to_lowercase())
            .collect();
        format!("there is no kind {name:?}; kinds are {}", all.join(", "))
    })
}

fn size_named(text: &str) -> Result<(usize, usize)> {
    let sides = text
        .split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match sides {
        Some((w, h)) if (16..=4096).contains(&w) && (16..=4096).contains(&h) => Ok((w, h)),
        _ => bail!("{text:?} is no size such as 256x192 with sides from 16 to 4096"),
    }
}

fn expect_no_more(arguments: Arguments) -> Result<()> {
    let rest = arguments.finish();
    if !rest.is_empty() {
        bail!("unknown arguments {rest:?}; see pocket-render help");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_pictures_and_another_seed_others() {
        let made = |seed| {
            let studio = Studio {
                seed,
                photos: Vec::new(),
                library: Library::default(),
            };
            let pairs = studio.many(0, None, 10, (64, 48));
            pairs
                .into_iter()
                .map(|p| (p.picture.into_raw(), p.inverse_depth))
                .collect::<Vec<_>>()
        };
        assert!(made(1) == made(1));
        assert!(made(1) != made(2));
    }

    #[test]
    fn every_kind_of_scene_shows_finite_depth() {
        let studio = Studio {
            seed: 5,
            photos: Vec::new(),
            library: Library::default(),
        };
        for (kind, _) in KINDS {
            for pair in studio.many(0, Some(kind), 4, (64, 48)) {
                assert!(pair.inverse_depth.iter().all(|v| v.is_finite() && *v >= 0.0));
                assert!(
                    pair.inverse_depth.iter().any(|v| *v > 0.0),
                    "{kind:?} shows nothing"
                );
            }
        }
    }
}
