//! Contact sheets: pictures with their depth below, near bright.

use crate::view::Pair;
use image::{Rgb, RgbImage};

/// Draws `pairs` in rows of `columns`.
pub fn draw(pairs: &[Pair], columns: usize, (width, height): (usize, usize)) -> RgbImage {
    let (w, h) = (width as u32, height as u32);
    let rows = pairs.len().div_ceil(columns) as u32;
    let mut sheet = RgbImage::new(w * columns as u32, 2 * h * rows);
    for (k, pair) in pairs.iter().enumerate() {
        let (x, y) = ((k % columns) as u32 * w, (k / columns) as u32 * 2 * h);
        image::imageops::replace(&mut sheet, &pair.picture, i64::from(x), i64::from(y));
        let mut sorted = pair.inverse_depth.clone();
        sorted.sort_by(f32::total_cmp);
        let nearest = sorted[sorted.len() * 199 / 200].max(1e-6);
        for (i, v) in pair.inverse_depth.iter().enumerate() {
            let t = (v / nearest).clamp(0.0, 1.0);
            // Black through violet and orange to pale yellow.
            let colour = [
                1.5 * t,
                1.9 * t - 0.75,
                (1.6 * t).min(0.75 - t) + 1.2 * (2.0 * t - 1.1).max(0.0),
            ];
            let colour = Rgb(colour.map(|c| (c.clamp(0.0, 1.0) * 255.0) as u8));
            sheet.put_pixel(x + i as u32 % w, y + h + i as u32 / w, colour);
        }
    }
    sheet
}
