//! The point spread function (bokeh): what a point out of focus looks like is
//! the shape of the aperture.

/// Radii are told apart in steps of this many pixels.
const STEP: f32 = 0.25;
/// Lines that a row of pixels is sampled by.
const LINES: usize = 8;
/// Below this radius a point is one pixel.
const POINT: f32 = 0.5;

/// A row of a blurred point.
///
/// It covers a run of pixels evenly, the outermost two in part. A run is drawn
/// by adding to the *differences* between neighbouring pixels of a row: the
/// parts `start` from the pixel `from` on, the parts `end` from the pixel `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// First pixel, relative to the point.
    pub from: i32,
    /// Last pixel but one.
    pub to: i32,
    /// What begins at `from`, and one pixel later.
    pub start: [f32; 2],
    /// What ends at `to`, and one pixel later.
    pub end: [f32; 2],
}

/// A blurred point: a run for every row from `top` to `-top`. All in all it
/// gives 1.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub top: i32,
    pub runs: Vec<Run>,
}

/// All sizes of blurred points, behind and in front of the plane in focus.
pub(super) struct Aperture {
    spots: Vec<Spot>,
    /// A point in front is upside down; `None` where that makes no difference.
    flipped: Option<Vec<Spot>>,
}

impl Aperture {
    /// An aperture of `blades` straight blades (3 or more), 0 for a circle, that is
    /// at most `largest` pixels in radius. A polygon has the area of the circle.
    pub fn new(blades: u32, largest: f32) -> Self {
        let spots = |flip: f32| {
            let shape = Shape::new(blades, flip);
            (0..=size(largest))
                .map(|size| Spot::new(&shape, size as f32 * STEP))
                .collect()
        };
        Self {
            spots: spots(1.0),
            flipped: (blades % 2 == 1).then(|| spots(-1.0)),
        }
    }

    /// The number of a radius; negative radii are in front.
    pub fn number(&self, radius: f32) -> u32 {
        let number = 2 * size(radius.abs()).min(self.spots.len() - 1);
        (number + usize::from(radius < 0.0)) as u32
    }

    /// The blurred point of this number.
    pub fn spot(&self, number: u32) -> &Spot {
        let size = number as usize / 2;
        match &self.flipped {
            Some(flipped) if number % 2 == 1 => &flipped[size],
            _ => &self.spots[size],
        }
    }
}

fn size(radius: f32) -> usize {
    if radius < POINT {
        0
    } else {
        (radius / STEP).round() as usize
    }
}

/// A convex shape with the area of a circle of radius 1.
enum Shape {
    Circle,
    Polygon(Vec<[f32; 2]>),
}

impl Shape {
    fn new(blades: u32, flip: f32) -> Self {
        if blades == 0 {
            return Self::Circle;
        }
        let turn = std::f32::consts::TAU / blades as f32;
        let radius = (2.0 * std::f32::consts::PI / (blades as f32 * turn.sin())).sqrt();
        Self::Polygon(
            (0..blades)
                .map(|corner| {
                    let angle = corner as f32 * turn;
                    [radius * angle.sin(), -flip * radius * angle.cos()]
                })
                .collect(),
        )
    }

    /// How far from its centre it reaches up and down.
    fn reach(&self) -> f32 {
        match self {
            Self::Circle => 1.0,
            Self::Polygon(corners) => corners
                .iter()
                .fold(0.0, |reach, corner| reach.max(corner[1].abs())),
        }
    }

    /// From where to where it goes at the height `y`.
    fn across(&self, y: f32) -> Option<(f32, f32)> {
        match self {
            Self::Circle => {
                let half = (1.0 - y * y).max(0.0).sqrt();
                (half > 0.0).then_some((-half, half))
            }
            Self::Polygon(corners) => {
                let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
                for (i, a) in corners.iter().enumerate() {
                    let b = corners[(i + 1) % corners.len()];
                    if (a[1] <= y) != (b[1] <= y) {
                        let x = a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]);
                        low = low.min(x);
                        high = high.max(x);
                    }
                }
                (high > low).then_some((low, high))
            }
        }
    }
}

impl Spot {
    fn new(shape: &Shape, radius: f32) -> Self {
        if radius < POINT {
            return Self {
                top: 0,
                runs: vec![Run::new(-0.5, 0.5, 1.0)],
            };
        }
        let top = (radius * shape.reach() - 0.5).ceil().max(0.0) as i32;
        let rows: Vec<(f32, f32, f32)> = (-top..=top)
            .map(|row| {
                let lines = (0..LINES).filter_map(|line| {
                    let y = row as f32 - 0.5 + (line as f32 + 0.5) / LINES as f32;
                    shape.across(y / radius)
                });
                let (count, low, high) = lines.fold((0, 0.0, 0.0), |(count, low, high), line| {
                    (count + 1, low + line.0, high + line.1)
                });
                let (share, count) = (count as f32 / LINES as f32, (count as f32).max(1.0));
                (radius * low / count, radius * high / count, share)
            })
            .collect();
        let area: f32 = rows.iter().map(|(low, high, share)| (high - low) * share).sum();
        Self {
            top,
            runs: rows
                .into_iter()
                .map(|(low, high, share)| Run::new(low, high, share / area))
                .collect(),
        }
    }
}

impl Run {
    /// Evenly `weight` a pixel from `low` to `high`; pixel 0 reaches from -0.5 to 0.5.
    fn new(low: f32, high: f32, weight: f32) -> Self {
        let place = |at: f32| {
            let at = at + 0.5;
            let part = at - at.floor();
            (at.floor() as i32, [weight * (1.0 - part), weight * part])
        };
        let ((from, start), (to, end)) = (place(low), place(high));
        Self { from, to, start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spot as a picture of `2 * side + 1` pixels a side.
    fn drawn(spot: &Spot, side: i32) -> Vec<f32> {
        let width = (2 * side + 1) as usize;
        let mut picture = vec![0.0; width * width];
        for (i, run) in spot.runs.iter().enumerate() {
            let row = &mut picture[(side - spot.top + i as i32) as usize * width..][..width];
            for (at, parts, sign) in [(run.from, run.start, 1.0), (run.to, run.end, -1.0)] {
                row[(side + at) as usize] += sign * parts[0];
                row[(side + at + 1) as usize] += sign * parts[1];
            }
            let mut sum = 0.0;
            for value in row {
                sum += *value;
                *value = sum;
            }
        }
        picture
    }

    #[test]
    fn every_spot_gives_one_and_nothing_is_negative() {
        for blades in [0, 3, 5, 6, 9] {
            let aperture = Aperture::new(blades, 20.0);
            for step in 0..=80 {
                for sign in [1.0, -1.0] {
                    let spot = aperture.spot(aperture.number(sign * step as f32 * STEP));
                    let picture = drawn(spot, 40);
                    assert!(
                        (picture.iter().sum::<f32>() - 1.0).abs() < 1e-4,
                        "{blades} {step}"
                    );
                    assert!(picture.iter().all(|&value| value > -1e-5), "{blades} {step}");
                }
            }
        }
    }

    #[test]
    fn a_circle_is_even_and_round() {
        let aperture = Aperture::new(0, 10.0);
        let picture = drawn(aperture.spot(aperture.number(10.0)), 12);
        let level = 1.0 / (std::f32::consts::PI * 100.0);
        for y in -12..=12_i32 {
            for x in -12..=12_i32 {
                let value = picture[((y + 12) * 25 + x + 12) as usize];
                let far = ((x * x + y * y) as f32).sqrt();
                if far < 9.0 {
                    assert!((value / level - 1.0).abs() < 0.02, "{x} {y} {value}");
                } else if far > 11.3 {
                    assert!(value.abs() < 1e-6, "{x} {y} {value}");
                }
            }
        }
    }

    #[test]
    fn a_triangle_is_upside_down_in_front() {
        let aperture = Aperture::new(3, 12.0);
        let behind = drawn(aperture.spot(aperture.number(12.0)), 24);
        let front = drawn(aperture.spot(aperture.number(-12.0)), 24);
        let turned: Vec<f32> = front.chunks(49).rev().flatten().copied().collect();
        assert!(behind.iter().zip(&turned).all(|(a, b)| (a - b).abs() < 1e-5));
        assert!(behind.iter().zip(&front).any(|(a, b)| (a - b).abs() > 1e-4));
    }
}
