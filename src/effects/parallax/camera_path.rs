//! The camera path: where the camera is at a time, and where that puts the
//! points of a picture.

use std::f32::consts::TAU;

use super::Preset;

/// A loop of the camera.
pub(super) struct CameraPath {
    preset: Preset,
    /// Pixels that nearness 1 moves against nearness 0 at most.
    farthest: f32,
    focus: f32,
    size: [f32; 2],
}

/// The camera at one time of its loop.
///
/// Relative to the picture's centre a point at `p` of nearness `n` is seen at
/// `zoom * (p * scale(n) + shift * (n - focus))`.
pub(super) struct Viewpoint {
    centre: [f32; 2],
    zoom: f32,
    shift: [f32; 2],
    focus: f32,
    /// How far into the picture it went: 1 is up to the nearest point.
    forward: f32,
}

impl CameraPath {
    pub fn new(preset: Preset, farthest: f32, focus: f32, size: [f32; 2]) -> Self {
        Self {
            preset,
            farthest,
            focus,
            size,
        }
    }

    /// The camera at `time`, 0 to 1.
    pub fn at(&self, time: f32) -> Viewpoint {
        let (sin, cos) = (time * TAU).sin_cos();
        // Half a side away from the centre a dolly moves the nearest point by `farthest`.
        let forward = (1.0 - cos) / 2.0 * 2.0 * self.farthest / self.size[0].max(self.size[1]);
        let (shift, forward) = match self.preset {
            Preset::Circle => ([sin, cos], 0.0),
            Preset::Horizontal => ([sin, 0.0], 0.0),
            Preset::Vertical => ([0.0, sin], 0.0),
            Preset::Dolly | Preset::DollyZoom => ([0.0; 2], forward),
        };
        let mut camera = Viewpoint {
            centre: self.size.map(|side| (side - 1.0) / 2.0),
            zoom: self.zoom(),
            shift: shift.map(|part| part * self.farthest),
            focus: self.focus,
            forward,
        };
        if self.preset == Preset::DollyZoom {
            camera.zoom /= camera.scale(self.focus);
        }
        camera
    }

    /// The enlargement that keeps the borders out of sight all the way.
    fn zoom(&self) -> f32 {
        let reach = self.farthest * self.focus.max(1.0 - self.focus);
        let [width, height] = self.size;
        let side = match self.preset {
            Preset::Circle => width.min(height),
            Preset::Horizontal => width,
            Preset::Vertical => height,
            Preset::Dolly => return 1.0,
            Preset::DollyZoom => return 1.0 / (1.0 - self.focus * 2.0 * self.farthest / width.max(height)),
        };
        1.0 / (1.0 - 2.0 * reach / side).max(0.5)
    }
}

impl Viewpoint {
    /// Things of this nearness are so much larger than before the camera went forward.
    fn scale(&self, nearness: f32) -> f32 {
        1.0 / (1.0 - self.forward * nearness)
    }

    /// The place in the picture that is seen at `at` if its nearness is `nearness`.
    #[inline]
    pub fn source(&self, at: [f32; 2], nearness: f32) -> [f32; 2] {
        let shrink = 1.0 - self.forward * nearness;
        let shift = nearness - self.focus;
        std::array::from_fn(|i| {
            let seen = (at[i] - self.centre[i]) / self.zoom;
            self.centre[i] + (seen - self.shift[i] * shift) * shrink
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_stay_out_of_sight() {
        let size = [300.0, 200.0];
        for preset in Preset::ALL {
            for focus in [0.0, 0.3, 1.0] {
                let path = CameraPath::new(preset, 9.0, focus, size);
                for time in 0..16 {
                    let camera = path.at(time as f32 / 16.0);
                    for corner in [[0.0, 0.0], [299.0, 0.0], [0.0, 199.0], [299.0, 199.0]] {
                        for nearness in [0.0, 0.5, 1.0] {
                            let [x, y] = camera.source(corner, nearness);
                            assert!(
                                x > -0.6 && x < 299.6 && y > -0.6 && y < 199.6,
                                "{preset} {focus} {x} {y}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_plane_in_focus_stays_where_it_is() {
        for preset in [
            Preset::Circle,
            Preset::Horizontal,
            Preset::Vertical,
            Preset::DollyZoom,
        ] {
            let path = CameraPath::new(preset, 9.0, 0.4, [300.0, 200.0]);
            let at = |time| path.at(time).source([40.0, 50.0], 0.4);
            for time in 1..8 {
                let (there, here) = (at(time as f32 / 8.0), at(0.0));
                assert!(
                    (0..2).all(|i| (there[i] - here[i]).abs() < 1e-3),
                    "{preset} {time}"
                );
            }
        }
    }
}
