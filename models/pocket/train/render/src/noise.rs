//! Periodic value noise.

use glam::Vec2;

fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x8da6_b343)
        ^ (y as u32).wrapping_mul(0xd816_3841)
        ^ seed.wrapping_mul(0xcb1a_b31f);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

/// One octave in 0..1 that repeats after `period` lattice cells.
pub fn value(p: Vec2, period: i32, seed: u32) -> f32 {
    let cell = p.floor();
    let f = p - cell;
    let f = f * f * (Vec2::splat(3.0) - f * 2.0);
    let (x, y) = (cell.x as i32, cell.y as i32);
    let at = |i: i32, j: i32| lattice((x + i).rem_euclid(period), (y + j).rem_euclid(period), seed);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * f.x;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * f.x;
    top + (bottom - top) * f.y
}

/// Fractal noise over the unit square, repeating, `base` cells in the first of `octaves`; mean 0.5, mostly 0..1.
pub fn fractal(p: Vec2, base: i32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut amplitude, mut cells) = (0.0, 0.0, 1.0, base);
    for octave in 0..octaves {
        sum += amplitude * value(p * cells as f32, cells, seed.wrapping_add(octave));
        weight += amplitude;
        amplitude *= 0.55;
        cells *= 2;
    }
    (0.5 + (sum / weight - 0.5) * 1.6).clamp(0.0, 1.0)
}
