//! Procedural textures and crops of photos.

use crate::noise::{fractal, value};
use crate::rng::Rng;
use crate::texture::{Texel, Texture};
use glam::{Vec2, Vec3};
use image::RgbImage;
use std::f32::consts::TAU;
use std::sync::Arc;

const SIDE: usize = 128;

/// A display colour such as man-made and natural things have: mostly muted, warm more often than not.
pub fn colour(rng: &mut Rng) -> Vec3 {
    let hue = match rng.unit() {
        x if x < 0.45 => rng.normal(28.0, 14.0),
        x if x < 0.62 => rng.range(0.0, 360.0),
        x if x < 0.8 => rng.normal(100.0, 28.0),
        _ => rng.normal(215.0, 20.0),
    };
    let saturation = if rng.chance(0.15) {
        rng.unit() * 0.9
    } else {
        rng.unit().powi(2) * 0.7
    };
    hsv(hue, saturation, rng.range(0.15, 1.0))
}

/// A pale, nearly white colour (walls, ceilings, paper, porcelain).
pub fn pale(rng: &mut Rng) -> Vec3 {
    hsv(
        rng.normal(40.0, 30.0),
        rng.unit().powi(2) * 0.25,
        rng.range(0.65, 0.98),
    )
}

pub fn hsv(hue: f32, saturation: f32, value: f32) -> Vec3 {
    let channel = |n: f32| {
        let k = (n + hue.rem_euclid(360.0) / 60.0) % 6.0;
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    };
    Vec3::new(channel(5.0), channel(3.0), channel(1.0))
}

fn opaque(c: Vec3) -> Texel {
    [c.x, c.y, c.z, 1.0]
}

fn texture(f: impl Fn(Vec2) -> Vec3) -> Arc<Texture> {
    Arc::new(Texture::from_fn(SIDE, SIDE, |x, y| opaque(f(Vec2::new(x, y)))))
}

fn seed(rng: &mut Rng) -> u32 {
    rng.int(0, 1 << 30) as u32
}

/// Two colours mixed by noise of any scale.
pub fn mottled(rng: &mut Rng) -> Arc<Texture> {
    let (a, b, s) = (colour(rng), colour(rng), seed(rng));
    let (base, octaves, gain) = (1 << rng.int(1, 5), rng.int(2, 6) as u32, rng.range(0.3, 1.0));
    texture(|p| a.lerp(b, (fractal(p, base, octaves, s) - 0.5) * gain + 0.5))
}

/// One colour with faint stains.
pub fn plain(rng: &mut Rng, base: Vec3) -> Arc<Texture> {
    let (s, depth, octaves) = (seed(rng), rng.range(0.0, 0.18), rng.int(2, 6) as u32);
    let grain = rng.range(0.0, 0.06);
    texture(|p| base * (1.0 - depth * fractal(p, 2, octaves, s) - grain * value(p * 64.0, 64, s ^ 5)))
}

/// Boards with grain along v.
pub fn wood(rng: &mut Rng) -> Arc<Texture> {
    let base = hsv(rng.normal(27.0, 6.0), rng.range(0.2, 0.75), rng.range(0.2, 0.9));
    let (s, boards, stretch) = (seed(rng), rng.int(1, 7) as i32, rng.range(0.03, 0.12));
    let contrast = rng.range(0.15, 0.5);
    texture(|p| {
        let board = (p.x * boards as f32).floor();
        let gap = (p.x * boards as f32 - board).min(board + 1.0 - p.x * boards as f32);
        let tone = 0.8 + 0.3 * value(Vec2::new(board, 0.5), boards, s ^ 9);
        let grain = value(
            Vec2::new(
                p.x * 48.0 + 2.0 * value(p * 4.0, 4, s),
                p.y * 48.0 * stretch + board * 3.0,
            ),
            48,
            s,
        );
        let seam = if boards > 1 && gap < 0.03 { 0.5 } else { 1.0 };
        base * (tone * seam * (1.0 - contrast * grain))
    })
}

/// Bricks, tiles or paving.
pub fn masonry(rng: &mut Rng) -> Arc<Texture> {
    let stone = if rng.chance(0.4) {
        hsv(rng.normal(15.0, 6.0), rng.range(0.3, 0.7), rng.range(0.3, 0.8))
    } else {
        colour(rng)
    };
    let (mortar, s) = (pale(rng) * rng.range(0.4, 1.0), seed(rng));
    let rows = rng.int(2, 9) as f32;
    let columns = (rows * rng.range(0.4, 1.0)).round().max(1.0);
    let (shift, gap) = (if rng.chance(0.6) { 0.5 } else { 0.0 }, rng.range(0.03, 0.09));
    let variety = rng.range(0.0, 0.4);
    texture(|p| {
        let row = (p.y * rows).floor();
        let u = p.x * columns + if row as i32 % 2 == 1 { shift } else { 0.0 };
        let (fu, fv) = (u - u.floor(), p.y * rows - row);
        if fu < gap * columns / rows || fv < gap {
            mortar
        } else {
            let tone = value(Vec2::new(u.floor().rem_euclid(columns), row) + 0.5, 64, s);
            stone * (1.0 - variety * tone) * (0.85 + 0.3 * fractal(p, 8, 4, s))
        }
    })
}

/// Stripes, checks, dots, plaid: printed cloth and wallpaper.
pub fn print(rng: &mut Rng) -> Arc<Texture> {
    let (a, b, c) = (colour(rng), colour(rng), colour(rng));
    let (n, kind, s) = (rng.int(2, 11) as f32, rng.int(0, 6), seed(rng));
    let (duty, weave) = (rng.range(0.2, 0.8), rng.range(0.0, 0.25));
    texture(|p| {
        let q = p * n;
        let f = q - q.floor();
        let base = match kind {
            0 => {
                if f.x < duty {
                    a
                } else {
                    b
                }
            }
            1 => {
                if (q.x.floor() + q.y.floor()) as i32 % 2 == 0 {
                    a
                } else {
                    b
                }
            }
            2 => {
                if (f - 0.5).length() < duty * 0.5 {
                    a
                } else {
                    b
                }
            }
            3 => a.lerp(
                b,
                if f.x < duty { 0.5 } else { 0.0 } + if f.y < duty { 0.5 } else { 0.0 },
            ),
            4 => {
                if (f.x - 0.5).abs() + (f.y - 0.5).abs() < duty * 0.6 {
                    a
                } else {
                    b
                }
            }
            // A mirrored ornament, as on carpets and wallpaper.
            _ => {
                let m = (f - 0.5).abs() * 2.0;
                let k = fractal(Vec2::new(m.x.min(m.y), m.x.max(m.y)) * 0.5, 4, 3, s);
                if k < 0.42 {
                    a
                } else if k < 0.58 {
                    b
                } else {
                    c
                }
            }
        };
        base * (1.0 - weave * value(p * 64.0, 64, s))
    })
}

/// Ground: earth, gravel, asphalt, grass from above.
pub fn ground(rng: &mut Rng) -> Arc<Texture> {
    let base = match rng.int(0, 4) {
        0 => hsv(rng.normal(95.0, 15.0), rng.range(0.3, 0.7), rng.range(0.25, 0.6)),
        1 => hsv(rng.normal(32.0, 8.0), rng.range(0.2, 0.5), rng.range(0.3, 0.75)),
        2 => hsv(40.0, rng.range(0.0, 0.12), rng.range(0.2, 0.6)),
        _ => colour(rng),
    };
    let (s, fine, coarse) = (seed(rng), rng.range(0.1, 0.6), rng.range(0.1, 0.5));
    texture(|p| {
        base * (1.0 + fine * (value(p * 64.0, 64, s) - 0.5) + coarse * (fractal(p, 3, 5, s ^ 1) - 0.5))
    })
}

/// Lines of letter-like strokes on paper, with a headline and perhaps a block of colour.
pub fn page(rng: &mut Rng) -> Arc<Texture> {
    let (paper, ink) = if rng.chance(0.7) {
        (pale(rng), colour(rng) * 0.3)
    } else {
        (colour(rng), pale(rng))
    };
    let (s, rows, block) = (seed(rng), rng.int(5, 22) as f32, rng.chance(0.5));
    let (block_colour, top) = (colour(rng), rng.range(0.1, 0.5));
    texture(|p| {
        if p.x < 0.08 || p.x > 0.92 || p.y < 0.05 || p.y > 0.95 {
            return paper;
        }
        if block && p.y > top && p.y < top + 0.3 && p.x < 0.6 {
            return block_colour * (0.6 + 0.8 * fractal(p, 4, 4, s));
        }
        let headline = p.y < 0.18;
        let rows = if headline { rows * 0.35 } else { rows };
        let row = (p.y * rows).floor();
        let f = p.y * rows - row;
        let letter = value(Vec2::new(p.x * rows * 2.2, row * 7.0 + (f * 3.0).floor()), 97, s);
        let word = value(Vec2::new(p.x * rows * 0.5, row), 89, s ^ 3) > 0.22;
        let line_end = value(Vec2::new(row + 0.5, 0.5), 83, s ^ 7) * 0.5 + 0.5;
        if f > 0.25 && f < 0.8 && word && letter > 0.45 && p.x < line_end {
            ink
        } else {
            paper
        }
    })
}

/// A random part of a photo, sometimes faded.
pub fn photo(rng: &mut Rng, photos: &[RgbImage], least: f32) -> Option<Arc<Texture>> {
    if photos.is_empty() {
        return None;
    }
    let source = rng.pick(photos);
    let side = (rng.range(least, 0.95) * source.width().min(source.height()) as f32) as u32;
    let (x, y) = (
        rng.int(0, (source.width() - side) as usize) as u32,
        rng.int(0, (source.height() - side) as usize) as u32,
    );
    let crop = image::imageops::crop_imm(source, x, y, side.max(1), side.max(1)).to_image();
    let small = image::imageops::thumbnail(&crop, 192, 192);
    let (grey, flip) = (if rng.chance(0.2) { rng.unit() } else { 0.0 }, rng.chance(0.5));
    let texels = (0..192 * 192u32)
        .map(|k| {
            let (i, j) = (k % 192, k / 192);
            let [r, g, b] = small
                .get_pixel(if flip { 191 - i } else { i }, j)
                .0
                .map(f32::from);
            let mean = (r + g + b) / 3.0;
            let [r, g, b] = [r, g, b].map(|c| (c + (mean - c) * grey) as u8);
            [r, g, b, 255]
        })
        .collect();
    Some(Arc::new(Texture::new(192, 192, texels)))
}

/// A poster: big shapes, a few big letters.
pub fn poster(rng: &mut Rng) -> Arc<Texture> {
    let (a, b, c, s) = (colour(rng), colour(rng), colour(rng), seed(rng));
    let (discs, bands) = (rng.int(0, 6), rng.int(1, 6) as f32);
    let spots: Vec<(Vec2, f32)> = (0..discs)
        .map(|_| (Vec2::new(rng.unit(), rng.unit()), rng.range(0.05, 0.35)))
        .collect();
    texture(|p| {
        if spots.iter().any(|(q, r)| p.distance(*q) < *r) {
            return c * (0.7 + 0.5 * fractal(p, 4, 3, s));
        }
        let k = value(Vec2::new((p.x * 6.0).floor(), (p.y * bands * 2.0).floor()), 64, s);
        a.lerp(b, if k > 0.5 { 1.0 } else { p.y })
    })
}

/// Windows in a wall, for house fronts: one storey by one bay.
pub fn facade(rng: &mut Rng) -> Arc<Texture> {
    let (wall, frame) = (if rng.chance(0.5) { pale(rng) } else { colour(rng) }, pale(rng));
    let glass = hsv(215.0, rng.range(0.0, 0.4), rng.range(0.08, 0.6));
    let (s, rough) = (seed(rng), rng.range(0.05, 0.35));
    let (w, h, cross) = (rng.range(0.15, 0.4), rng.range(0.2, 0.4), rng.chance(0.6));
    texture(|p| {
        let q = (p - 0.5).abs();
        if q.x < w && q.y < h {
            let bar = cross && (q.x < 0.015 || (p.y - 0.4).abs() < 0.015);
            if bar || q.x > w - 0.025 || q.y > h - 0.025 {
                frame
            } else {
                glass * (0.6 + 0.8 * fractal(p, 3, 3, s))
            }
        } else if q.x < w + 0.03 && p.y > 0.5 + h && p.y < 0.54 + h {
            frame * 0.8
        } else {
            wall * (1.0 - rough * fractal(p, 8, 4, s))
        }
    })
}

/// See-through leaves on twigs; `density` 0..1.
pub fn leaves(rng: &mut Rng, density: f32) -> Arc<Texture> {
    let tone = match rng.int(0, 5) {
        0 => rng.normal(45.0, 15.0),
        1 => rng.normal(60.0, 20.0),
        _ => rng.normal(100.0, 15.0),
    };
    let base = hsv(tone, rng.range(0.3, 0.8), rng.range(0.25, 0.75));
    let count = (20.0 + 130.0 * density) as usize;
    let (length, slim) = (rng.range(0.05, 0.16), rng.range(0.25, 0.6));
    let blades: Vec<(Vec2, Vec2, f32)> = (0..count)
        .map(|_| {
            let r = rng.unit().sqrt() * 0.44;
            let at = Vec2::new(0.5, 0.5) + Vec2::from_angle(rng.range(0.0, TAU)) * r;
            (at, Vec2::from_angle(rng.range(0.0, TAU)), rng.range(0.55, 1.2))
        })
        .collect();
    Arc::new(Texture::from_fn(SIDE, SIDE, |x, y| {
        let p = Vec2::new(x, y);
        let leaf = blades.iter().rev().find(|(at, along, _)| {
            let d = p - *at;
            let (u, v) = (d.dot(*along) / length, d.perp_dot(*along) / (length * slim));
            u * u + v.abs() < 1.0 - 0.3 * u
        });
        match leaf {
            Some((_, _, tone)) => opaque(base * *tone),
            None => [base.x, base.y, base.z, 0.0],
        }
    }))
}

/// A tuft of grass or reeds that grows from the lower edge.
pub fn tuft(rng: &mut Rng) -> Arc<Texture> {
    let base = hsv(rng.normal(85.0, 22.0), rng.range(0.3, 0.75), rng.range(0.3, 0.8));
    let flower = hsv(rng.range(0.0, 360.0), rng.range(0.0, 0.9), 0.95);
    let flowers = rng.chance(0.35);
    let blades: Vec<[f32; 5]> = (0..rng.int(8, 40))
        .map(|_| {
            [
                rng.range(0.2, 0.8),
                rng.normal(0.0, 0.35),
                rng.range(0.3, 0.95),
                rng.range(0.008, 0.03),
                rng.range(0.6, 1.2),
            ]
        })
        .collect();
    Arc::new(Texture::from_fn(SIDE, SIDE, |x, y| {
        let h = 1.0 - y;
        for [root, bend, top, width, tone] in &blades {
            let centre = root + bend * h * h * 0.6;
            if h < *top && (x - centre).abs() < width * (1.0 - h / top) + 0.003 {
                return opaque(base * (*tone * (0.6 + 0.4 * h)));
            }
            if flowers
                && *tone > 0.95
                && Vec2::new(x - root - bend * top * top * 0.6, h - top).length() < 0.035
            {
                return opaque(flower);
            }
        }
        [base.x, base.y, base.z, 0.0]
    }))
}

/// Bars, lattice or wire: fences, railings, grilles.
pub fn lattice(rng: &mut Rng) -> Arc<Texture> {
    let base = if rng.chance(0.5) {
        colour(rng)
    } else {
        Vec3::splat(rng.range(0.05, 0.9))
    };
    let (n, thick, kind) = (rng.int(3, 9) as f32, rng.range(0.1, 0.4), rng.int(0, 3));
    Arc::new(Texture::from_fn(SIDE, SIDE, |x, y| {
        let bar = |t: f32| (t * n).rem_euclid(1.0) < thick;
        let solid = match kind {
            0 => bar(x) || !(0.08..0.92).contains(&y),
            1 => bar(x) || bar(y),
            _ => bar(x + y) || bar(x - y),
        };
        [base.x, base.y, base.z, if solid { 1.0 } else { 0.0 }]
    }))
}
