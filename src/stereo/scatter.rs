//! The whole-pixel fills: `none`, `naive` and `naive_interpolating`.

use super::options::Shift;

/// Moves every pixel of a row by its shift, cut off to whole pixels toward
/// zero. Nearer pixels come later and cover what is there. Fills `out` and
/// `landed` completely: what nothing landed on is black and `false`.
pub(super) fn scatter<const C: usize>(
    nearness: &[f64],
    row: &[[u8; C]],
    shift: Shift,
    out: &mut [[u8; C]],
    landed: &mut [bool],
) {
    out.fill([0; C]);
    landed.fill(false);
    let pixels = row.iter().zip(nearness).enumerate();
    let land = |(x, (pixel, nearness)): (usize, (&[u8; C], &f64))| {
        let to = x as i64 + (nearness * shift.divergence + shift.separation) as i64;
        if let Ok(to) = usize::try_from(to)
            && let (Some(out), Some(landed)) = (out.get_mut(to), landed.get_mut(to))
        {
            *out = *pixel;
            *landed = true;
        }
    };
    if shift.divergence < 0.0 {
        pixels.for_each(land);
    } else {
        pixels.rev().for_each(land);
    }
}

/// Repeats the nearest pixel that something landed on, the right one if both
/// are equally near, as far as the greatest possible shift plus one. Farther
/// pixels stay black.
pub(super) fn repeat_nearest<const C: usize>(shift: Shift, out: &mut [[u8; C]], landed: &[bool]) {
    let reach = shift.divergence.abs() as usize + 1;
    for (from, to) in openings(landed) {
        let left = from.checked_sub(1).and_then(|x| out.get(x)).copied();
        let right = out.get(to).copied();
        for (x, pixel) in out.iter_mut().enumerate().take(to).skip(from) {
            let (to_left, to_right) = (x + 1 - from, to - x);
            let right = right.filter(|_| to_right <= reach);
            let left = left.filter(|_| to_left <= reach);
            let nearest = if to_right <= to_left {
                right.or(left)
            } else {
                left.or(right)
            };
            *pixel = nearest.unwrap_or(*pixel);
        }
    }
}

/// Runs of pixels that nothing landed on, as `from..to`.
fn openings(landed: &[bool]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at + landed.get(at..)?.iter().position(|&landed| !landed)?;
        let length = landed.get(from..)?.iter().position(|&landed| landed);
        at = length.map_or(landed.len(), |length| from + length);
        Some((from, at))
    })
}

/// Draws a ramp across every opening, between the pixel to its left and the
/// next pixel to its right that something landed on and that is not black. A
/// black border counts as missing; the other one is repeated then.
pub(super) fn interpolate<const C: usize>(out: &mut [[u8; C]], landed: &[bool]) {
    let is_black = |pixel: &[u8; C]| *pixel == [0; C];
    let mut x = 0;
    while let Some(next) = landed
        .get(x..)
        .and_then(|rest| rest.iter().position(|&landed| !landed))
    {
        x += next;
        if !out.get(x).is_some_and(is_black) {
            x += 1;
            continue;
        }
        let end = (x + 1..out.len())
            .find(|&x| landed[x] && !is_black(&out[x]))
            .unwrap_or(out.len());
        let border = |x: Option<usize>| x.and_then(|x| out.get(x)).filter(|pixel| !is_black(pixel));
        let (left, right) = (border(x.checked_sub(1)), border(Some(end)));
        let left_or_right = left.or(right).copied().unwrap_or([0; C]).map(f64::from);
        let right_or_left = right.or(left).copied().unwrap_or([0; C]).map(f64::from);
        let steps = (end - x + 1) as f64;
        for (k, pixel) in out[x..end].iter_mut().enumerate() {
            *pixel = std::array::from_fn(|c| {
                let step = (right_or_left[c] - left_or_right[c]) / steps;
                (left_or_right[c] as i32 + (step * (k + 1) as f64) as i32) as u8
            });
        }
        x = end;
    }
}
