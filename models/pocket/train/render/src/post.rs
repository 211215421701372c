//! From light to a camera's picture: focus, exposure, colour cast, noise, JPEG.

use crate::render::Frame;
use crate::rng::Rng;
use glam::Vec3;
use image::RgbImage;

/// Develops `frame` into a picture; `blur` is the chance that something is out of focus.
pub fn develop(frame: &Frame, blur: f32, rng: &mut Rng) -> RgbImage {
    let (w, h) = (frame.width, frame.height);
    let mut light = frame.light.clone();
    if rng.chance(blur) {
        defocus(&mut light, frame, rng);
    }
    expose(&mut light, rng);
    let vignette = if rng.chance(0.3) { rng.range(0.0, 0.5) } else { 0.0 };
    let contrast = rng.normal(1.0, 0.12).clamp(0.7, 1.4);
    let noise = if rng.chance(0.6) {
        rng.range(0.0, 0.03)
    } else {
        0.0
    };
    let (coarse, saturation) = (rng.chance(0.3), rng.normal(1.0, 0.15));
    let mut last = Vec3::ZERO;
    let mut bytes = Vec::with_capacity(w * h * 3);
    for (k, l) in light.iter().enumerate() {
        let (x, y) = ((k % w) as f32 / w as f32 - 0.5, (k / w) as f32 / h as f32 - 0.5);
        let l = *l * (1.0 - vignette * (x * x + y * y) * 2.0);
        // A film-like shoulder, then display gamma.
        let l = l * (1.0 + l * 0.15) / (1.0 + l * 0.75) * 1.2;
        let mut c = Vec3::new(l.x.max(0.0).sqrt(), l.y.max(0.0).sqrt(), l.z.max(0.0).sqrt());
        let grey = Vec3::splat(c.element_sum() / 3.0);
        c = grey + (c - grey) * saturation;
        c = (c - 0.45) * contrast + 0.45;
        if noise > 0.0 {
            let n = Vec3::new(
                rng.normal(0.0, noise),
                rng.normal(0.0, noise),
                rng.normal(0.0, noise),
            );
            last = if coarse { last * 0.6 + n } else { n };
            c += last;
        }
        let c = (c.clamp(Vec3::ZERO, Vec3::ONE) * 255.0).round();
        bytes.extend([c.x as u8, c.y as u8, c.z as u8]);
    }
    let picture =
        RgbImage::from_raw(w as u32, h as u32, bytes).unwrap_or_else(|| RgbImage::new(w as u32, h as u32));
    if rng.chance(0.7) {
        recompress(picture, rng.int(35, 96) as u8)
    } else {
        picture
    }
}

/// Scales the light so that a bright part of the picture is nearly white, with errors as cameras make them.
fn expose(light: &mut [Vec3], rng: &mut Rng) {
    let mut levels: Vec<f32> = light.iter().step_by(7).map(|l| l.max_element()).collect();
    levels.sort_by(f32::total_cmp);
    let bright = levels[(levels.len() * 9 / 10).min(levels.len() - 1)].max(0.02);
    let middle = levels[levels.len() / 2].max(0.01);
    let key = (0.85 / bright).min(0.6 / middle) * (rng.normal(0.0, 0.25)).exp();
    // A dim picture now and then: low light that no exposure makes up for.
    let dim = if rng.chance(0.06) {
        rng.range(0.1, 0.5)
    } else {
        1.0
    };
    let cast = Vec3::new(rng.normal(1.0, 0.06), 1.0, rng.normal(1.0, 0.08));
    for l in light {
        *l *= cast * key * dim;
    }
}

/// Focus on some depth of the picture; blur grows with the distance in inverse depth. Three blurred copies are
/// mixed by the size of the blur disc.
fn defocus(light: &mut [Vec3], frame: &Frame, rng: &mut Rng) {
    let (w, h) = (frame.width, frame.height);
    let at = |x: f32, y: f32| frame.inverse_depth[(y * h as f32) as usize * w + (x * w as f32) as usize];
    let focus = at(rng.range(0.3, 0.7), rng.range(0.35, 0.8));
    let nearest = frame.inverse_depth.iter().fold(1e-3f32, |m, &v| m.max(v));
    let strength = rng.range(1.0, 6.0);
    let radius: Vec<f32> = frame
        .inverse_depth
        .iter()
        .map(|v| ((v - focus).abs() / nearest * strength).min(4.0))
        .collect();
    let soft: Vec<Vec<Vec3>> = [1.0, 2.0, 4.0]
        .iter()
        .map(|&r| {
            let once = box_blur(light, &radius, frame, r);
            box_blur(&once, &radius, frame, r)
        })
        .collect();
    for (k, l) in light.iter_mut().enumerate() {
        let r = radius[k];
        let (low, high, f) = match r {
            r if r < 1.0 => (*l, soft[0][k], r),
            r if r < 2.0 => (soft[0][k], soft[1][k], r - 1.0),
            r => (soft[1][k], soft[2][k], (r - 2.0) * 0.5),
        };
        *l = low.lerp(high, f.clamp(0.0, 1.0));
    }
}

/// Mean over (2r+1)² pixels, leaving out pixels that are sharp themselves and lie behind nothing: they must not
/// bleed into what is blurred.
fn box_blur(light: &[Vec3], radius: &[f32], frame: &Frame, r: f32) -> Vec<Vec3> {
    let (w, h, n) = (frame.width, frame.height, r as usize);
    let weighted: Vec<(Vec3, f32)> = light
        .iter()
        .zip(radius)
        .map(|(l, q)| (*l, (q / r).clamp(0.05, 1.0)))
        .map(|(l, q)| (l * q, q))
        .collect();
    let pass = |source: &[(Vec3, f32)],
                step: usize,
                count: usize,
                position: &dyn Fn(usize) -> usize|
     -> Vec<(Vec3, f32)> {
        (0..source.len())
            .map(|k| {
                let p = position(k);
                let (from, to) = (n.min(p), n.min(count - 1 - p));
                (0..=from + to).fold((Vec3::ZERO, 0.0), |sum, i| {
                    let s = source[k + i * step - from * step];
                    (sum.0 + s.0, sum.1 + s.1)
                })
            })
            .collect()
    };
    let rows = pass(&weighted, 1, w, &|k| k % w);
    let both = pass(&rows, w, h, &|k| k / w);
    both.into_iter().map(|(l, q)| l / q).collect()
}

/// Through a JPEG file and back.
fn recompress(picture: RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    let coded = picture.write_with_encoder(encoder).ok();
    coded
        .and_then(|()| image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg).ok())
        .map_or(picture, |p| p.to_rgb8())
}
