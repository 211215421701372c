//! The fill that paints background into the openings (disocclusions).

use rayon::prelude::*;

use super::eyes::{BlankRow, EyeRows, Row};
use super::nearness::{DepthSample, Nearness};
use super::options::{Shift, StereoOptions};
use super::warp::WarpedRow;
use crate::image::resize::catmull_rom;
use crate::paint::{Level, SEEN, inpaint, sharpen_by_colour};
use crate::{Monitor, Result};

/// Steps of fewer pixels of parallax are not worth tearing a surface apart for.
const JUMP: f64 = 2.5;

/// Surfaces are stretched up to this before they are torn: depth that rises
/// steeply without an edge in the picture.
const TEAR: f64 = 3.0;

/// Draws both eyes.
pub(super) fn draw<const C: usize, D: DepthSample>(
    pixels: &[[u8; C]],
    nearness: &Nearness<D>,
    options: &StereoOptions,
    eyes: EyeRows,
    monitor: &Monitor,
) -> Result<()> {
    let (height, width) = nearness.dim();
    let mut plane = vec![0.0; width * height];
    plane.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0.0; width],
        |row, (y, out)| {
            nearness.row(y, row);
            for (to, from) in out.iter_mut().zip(row) {
                *to = *from as f32;
            }
        },
    );
    let pixels_apart = (options.divergence / 100.0 * width as f64).abs();
    sharpen_by_colour(&mut plane, pixels, width, (JUMP / pixels_apart) as f32);
    for (eye, shift) in eyes.into_iter().zip(options.shifts(width)) {
        monitor.check()?;
        let Some(rows) = eye else { continue };
        let mut rows: Vec<Row> = rows.into_iter().map(BlankRow::open).collect();
        match shift {
            Some(shift) => draw_eye(pixels, &plane, width, shift, &mut rows, monitor)?,
            None => {
                for (row, pixels) in rows.iter_mut().zip(pixels.chunks(width)) {
                    row.pixels.copy_from_slice(pixels.as_flattened());
                }
            }
        }
    }
    Ok(())
}

fn draw_eye<const C: usize>(
    pixels: &[[u8; C]],
    nearness: &[f32],
    width: usize,
    shift: Shift,
    rows: &mut [Row],
    monitor: &Monitor,
) -> Result<()> {
    let height = nearness.len() / width;
    let mut level = Level {
        width,
        height,
        colours: vec![[0; 4]; width * height],
        nearness: vec![0.0; width * height],
        limits: vec![SEEN; width * height],
    };
    level
        .colours
        .par_chunks_mut(width)
        .zip(level.nearness.par_chunks_mut(width))
        .enumerate()
        .for_each_init(
            || (WarpedRow::default(), Vec::new()),
            |(warped, row), (y, (colours, seen))| {
                row.clear();
                row.extend(nearness[y * width..][..width].iter().map(|&n| f64::from(n)));
                warped.warp(row, shift, TEAR);
                seen.copy_from_slice(&warped.nearness);
                let row = &pixels[y * width..][..width];
                for (colour, &column) in colours.iter_mut().zip(&warped.columns) {
                    if column >= 0.0 {
                        let sampled = sample(row, column);
                        colour[..C].copy_from_slice(&sampled);
                    }
                }
            },
        );
    for (row, nearness) in rows.iter_mut().zip(level.nearness.chunks(width)) {
        for (hole, &n) in row
            .holes
            .iter_mut()
            .flat_map(|holes| holes.iter_mut())
            .zip(nearness)
        {
            *hole = n < 0.0;
        }
    }
    level.find_backgrounds();
    inpaint(&mut level, monitor)?;
    for (row, colours) in rows.iter_mut().zip(level.colours.chunks(width)) {
        for (out, colour) in row.pixels.chunks_exact_mut(C).zip(colours) {
            out.copy_from_slice(&colour[..C]);
        }
    }
    Ok(())
}

/// The colour at a place between pixels: a Catmull-Rom spline.
fn sample<const C: usize>(row: &[[u8; C]], at: f32) -> [u8; C] {
    let (taps, weights) = catmull_rom(at, row.len());
    std::array::from_fn(|c| {
        let sum: f32 = taps
            .iter()
            .zip(weights)
            .map(|(&tap, weight)| f32::from(row[tap][c]) * weight)
            .sum();
        (sum + 0.5) as u8
    })
}
