//! Light and sky of the scenes.

use crate::kit::Kit;
use crate::model::{Backdrop, Lamp, Light, Sun};
use crate::patterns::hsv;
use crate::rng::Rng;
use glam::Vec3;

/// Lamp light between candle and daylight.
fn lamp_colour(rng: &mut Rng) -> Vec3 {
    Vec3::new(1.0, rng.range(0.72, 1.0), rng.range(0.45, 1.05))
}

/// Daylight under a sky: clear, overcast, sunset or night. Also says whether it is night.
pub fn outdoors(rng: &mut Rng, kit: &Kit, haze: f32) -> (Light, Backdrop, bool) {
    let night = rng.chance(0.09);
    let sunset = !night && rng.chance(0.15);
    let overcast = !night && rng.chance(0.35);
    let (mut zenith, mut horizon) = (
        hsv(rng.normal(213.0, 6.0), rng.range(0.3, 0.75), rng.range(0.6, 1.0)),
        hsv(rng.normal(205.0, 12.0), rng.range(0.0, 0.3), rng.range(0.85, 1.0)),
    );
    if overcast {
        zenith = hsv(210.0, rng.range(0.0, 0.12), rng.range(0.6, 0.95));
        horizon = hsv(210.0, rng.range(0.0, 0.08), rng.range(0.8, 1.0));
    }
    if sunset {
        horizon = hsv(rng.range(15.0, 45.0), rng.range(0.3, 0.7), 1.0);
    }
    let elevation = if sunset {
        rng.range(0.06, 0.25)
    } else {
        rng.range(0.3, 1.4)
    };
    let azimuth = rng.range(0.0, std::f32::consts::TAU);
    let direction = Vec3::new(
        azimuth.cos() * elevation.cos(),
        elevation.sin(),
        azimuth.sin() * elevation.cos(),
    );
    let mut sun = Vec3::new(1.0, 0.95, 0.86) * rng.range(0.8, 1.8);
    if sunset {
        sun *= Vec3::new(1.0, 0.65, 0.4);
    }
    if overcast {
        sun *= 0.35;
    }
    let mut above = (zenith * zenith).lerp(Vec3::ONE, 0.3) * rng.range(0.3, 0.7);
    if overcast {
        above = Vec3::splat(rng.range(0.7, 1.1));
    }
    let mut lamps = Vec::new();
    if night {
        zenith *= 0.12;
        horizon *= rng.range(0.1, 0.35);
        above *= 0.08;
        sun *= 0.0;
        for _ in 0..2 {
            let position = Vec3::new(rng.normal(0.0, 5.0), rng.range(2.5, 7.0), rng.range(2.0, 16.0));
            let power = lamp_colour(rng) * position.y * position.y * rng.range(0.7, 2.0);
            lamps.push(Lamp {
                position,
                spread: Vec3::splat(0.15),
                power,
            });
        }
    }
    let light = Light {
        sun: (!night).then_some(Sun {
            direction,
            light: sun,
            radius: if overcast { 0.6 } else { rng.range(0.01, 0.08) },
        }),
        lamps,
        above,
        below: above * rng.range(0.3, 0.6),
        occlusion_reach: rng.range(0.8, 2.5),
    };
    let backdrop = Backdrop {
        texture: (!night && !kit.vistas.is_empty() && rng.chance(0.12))
            .then(|| rng.pick(&kit.vistas).clone()),
        zenith: zenith * zenith,
        horizon: horizon * horizon,
        clouds: if rng.chance(0.7) { rng.range(0.2, 0.9) } else { 0.0 },
        cloud_noise: rng.pick(&kit.clouds).clone(),
        haze: if rng.chance(0.3) {
            haze * rng.log_range(0.15, 1.0)
        } else {
            haze * rng.log_range(1.0, 10.0)
        },
    };
    (light, backdrop, night)
}

/// Light in a room between the corners `low` and `high`: ceiling or standing lamps, windows as large lamps.
/// Also says whether it is dark outside.
pub fn indoors(rng: &mut Rng, kit: &Kit, low: Vec3, high: Vec3) -> (Light, Backdrop, bool) {
    let night = rng.chance(0.35);
    let size = high - low;
    let mut lamps = Vec::new();
    let area = size.x * size.z;
    if !night {
        // A window wall.
        let x = rng.chance(0.5);
        let mut position = low + size * Vec3::new(rng.unit(), 0.6, rng.unit());
        if x {
            position.x = if rng.chance(0.5) {
                low.x + 0.3
            } else {
                high.x - 0.3
            }
        } else {
            position.z = if rng.chance(0.5) {
                low.z + 0.3
            } else {
                high.z - 0.3
            }
        }
        let power = Vec3::new(rng.range(0.85, 1.0), 0.97, rng.range(0.95, 1.1)) * area * rng.range(0.08, 0.3);
        let spread = if x {
            Vec3::new(0.05, 0.6, 0.8)
        } else {
            Vec3::new(0.8, 0.6, 0.05)
        };
        lamps.push(Lamp {
            position,
            spread,
            power,
        });
    }
    if night || rng.chance(0.5) {
        let position = low
            + size
                * Vec3::new(
                    rng.range(0.2, 0.8),
                    if rng.chance(0.7) {
                        0.95
                    } else {
                        rng.range(0.4, 0.8)
                    },
                    rng.range(0.2, 0.8),
                );
        let power = lamp_colour(rng) * area * rng.range(0.06, 0.25);
        lamps.push(Lamp {
            position,
            spread: Vec3::new(1.0, 0.2, 1.0) * rng.range(0.05, 0.4),
            power,
        });
    }
    let level = if night {
        rng.range(0.05, 0.35)
    } else {
        rng.range(0.15, 0.6)
    };
    let above = lamp_colour(rng).lerp(Vec3::ONE, 0.5) * level;
    let light = Light {
        sun: None,
        lamps,
        above,
        below: above * rng.range(0.5, 1.0),
        occlusion_reach: rng.range(0.3, 1.2),
    };
    (light, indoor_backdrop(kit, rng), night)
}

fn indoor_backdrop(kit: &Kit, rng: &mut Rng) -> Backdrop {
    Backdrop {
        texture: None,
        zenith: Vec3::splat(0.8),
        horizon: Vec3::splat(0.9),
        clouds: 0.0,
        cloud_noise: rng.pick(&kit.clouds).clone(),
        haze: f32::INFINITY,
    }
}
