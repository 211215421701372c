//! Textures with mip levels. Stored as display values; sampled as light (gamma 2).

use glam::{Vec2, Vec3};

/// Display colour plus opacity, each 0..1.
pub type Texel = [f32; 4];

struct Level {
    width: usize,
    height: usize,
    texels: Vec<[u8; 4]>,
}

/// A picture that repeats in both directions.
pub struct Texture {
    levels: Vec<Level>,
    /// Whether any texel is see-through.
    pub has_holes: bool,
}

impl Texture {
    /// Fills a texture from `f(x, y)`, both in 0..1 with y downwards.
    pub fn from_fn(width: usize, height: usize, f: impl Fn(f32, f32) -> Texel) -> Self {
        let texels = (0..width * height)
            .map(|k| {
                let (x, y) = ((k % width) as f32 + 0.5, (k / width) as f32 + 0.5);
                f(x / width as f32, y / height as f32).map(|c| (c.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
            })
            .collect();
        Self::new(width, height, texels)
    }

    pub fn new(width: usize, height: usize, texels: Vec<[u8; 4]>) -> Self {
        let has_holes = texels.iter().any(|t| t[3] < 128);
        let mut levels = vec![Level {
            width,
            height,
            texels,
        }];
        while let Some(next) = levels.last().and_then(halve) {
            levels.push(next);
        }
        Self { levels, has_holes }
    }

    /// Light reflected at `uv` (in repeats) when one pixel covers `footprint` repeats.
    pub fn sample(&self, uv: Vec2, footprint: f32) -> Vec3 {
        let wanted = (footprint * self.levels[0].width as f32).max(1.0).log2().round() as usize;
        let level = &self.levels[wanted.min(self.levels.len() - 1)];
        let (x, y) = (
            uv.x.rem_euclid(1.0) * level.width as f32 - 0.5,
            uv.y.rem_euclid(1.0) * level.height as f32 - 0.5,
        );
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let get = |dx: i32, dy: i32| {
            let i = (x0 as i32 + dx).rem_euclid(level.width as i32) as usize;
            let j = (y0 as i32 + dy).rem_euclid(level.height as i32) as usize;
            let [r, g, b, _] = level.texels[j * level.width + i];
            let c = Vec3::new(f32::from(r), f32::from(g), f32::from(b)) / 255.0;
            c * c
        };
        (get(0, 0) * (1.0 - fx) + get(1, 0) * fx) * (1.0 - fy)
            + (get(0, 1) * (1.0 - fx) + get(1, 1) * fx) * fy
    }

    /// Whether the texture is solid at `uv`.
    pub fn solid(&self, uv: Vec2) -> bool {
        let level = &self.levels[0];
        let i = ((uv.x.rem_euclid(1.0) * level.width as f32) as usize).min(level.width - 1);
        let j = ((uv.y.rem_euclid(1.0) * level.height as f32) as usize).min(level.height - 1);
        level.texels[j * level.width + i][3] >= 128
    }
}

fn halve(level: &Level) -> Option<Level> {
    let (width, height) = ((level.width / 2).max(1), (level.height / 2).max(1));
    if level.width == 1 && level.height == 1 {
        return None;
    }
    let texels = (0..width * height)
        .map(|k| {
            let (x, y) = (k % width * level.width / width, k / width * level.height / height);
            let (x1, y1) = ((x + 1).min(level.width - 1), (y + 1).min(level.height - 1));
            let corners =
                [(x, y), (x1, y), (x, y1), (x1, y1)].map(|(i, j)| level.texels[j * level.width + i]);
            std::array::from_fn(|c| (corners.iter().map(|t| u16::from(t[c])).sum::<u16>() / 4) as u8)
        })
        .collect();
    Some(Level {
        width,
        height,
        texels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_levels_hold_the_mean_colour() {
        let t = Texture::from_fn(8, 8, |x, _| {
            if x < 0.5 {
                [0.0, 0.0, 0.0, 1.0]
            } else {
                [1.0, 1.0, 1.0, 1.0]
            }
        });
        let mean = t.sample(Vec2::ZERO, 100.0).x.sqrt();
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!(t.sample(Vec2::new(0.25, 0.3), 0.0).x < 0.01);
    }
}
