//! Inpainting of holes, from coarse to fine (Wexler et al., PAMI 2007).

use rayon::prelude::*;

use super::level::Level;
use super::patch_match::Sources;
use crate::{Monitor, Result};

/// Inpaints the holes of a picture. On entry their pixels have some colour, the
/// nearness of their background and a limit.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled) when `monitor` says so.
pub(crate) fn inpaint(level: &mut Level, monitor: &Monitor) -> Result<()> {
    // Halve until the holes are a few pixels wide.
    let widest = widest_hole(level);
    let mut levels = Vec::new();
    while widest >> levels.len() > 4 {
        let next = levels.last().unwrap_or(level).halve();
        levels.push(next);
    }
    let mut coarse: Option<(Level, Sources)> = None;
    while let Some(mut half) = levels.pop() {
        let sources = solve(&mut half, coarse.as_ref(), 8, monitor)?;
        coarse = Some((half, sources));
    }
    solve(level, coarse.as_ref(), 4, monitor)?;
    Ok(())
}

fn solve(
    level: &mut Level,
    coarse: Option<&(Level, Sources)>,
    rounds: u64,
    monitor: &Monitor,
) -> Result<Sources> {
    let mut sources = Sources::new(level, coarse.map(|(level, sources)| (level, sources)));
    if coarse.is_some() {
        sources.vote(level);
    }
    for round in 0..rounds {
        sources.improve(level, 48, round, monitor)?;
        sources.vote(level);
    }
    Ok(sources)
}

fn widest_hole(level: &Level) -> usize {
    (0..level.height)
        .into_par_iter()
        .map(|y| {
            let row = &level.limits[y * level.width..][..level.width];
            row.chunk_by(|a, b| (*a >= 0.0) == (*b >= 0.0))
                .filter(|run| run[0] >= 0.0)
                .map(<[f32]>::len)
                .max()
        })
        .max()
        .flatten()
        .unwrap_or(0)
}
