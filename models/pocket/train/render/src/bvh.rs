//! Bounding volume hierarchy over boxes (binned surface-area heuristic, Wald 2007), used for both levels of a
//! scene: the triangles of a model and the instances of a scene.

use glam::{Vec3, Vec3A};

/// An axis-aligned box.
#[derive(Clone, Copy, Debug)]
pub struct Aabb {
    pub min: Vec3,
    pub max: Vec3,
}

impl Aabb {
    pub const EMPTY: Self = Self {
        min: Vec3::INFINITY,
        max: Vec3::NEG_INFINITY,
    };

    pub fn around(points: impl IntoIterator<Item = Vec3>) -> Self {
        points.into_iter().fold(Self::EMPTY, |b, p| Self {
            min: b.min.min(p),
            max: b.max.max(p),
        })
    }

    pub fn union(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    pub fn centre(self) -> Vec3 {
        (self.min + self.max) * 0.5
    }

    pub fn size(self) -> Vec3 {
        self.max - self.min
    }

    fn half_area(self) -> f32 {
        let d = self.size().max(Vec3::ZERO);
        d.x * d.y + d.y * d.z + d.z * d.x
    }
}

/// A ray; `direction` need not have unit length, distances are in units of it.
#[derive(Clone, Copy)]
pub struct Ray {
    pub origin: Vec3A,
    pub direction: Vec3A,
}

struct Node {
    min: Vec3A,
    max: Vec3A,
    /// Leaf: first item. Inner: index of the right child (the left one follows its parent).
    link: u32,
    /// Items of a leaf; 0 for an inner node.
    count: u32,
}

impl Node {
    /// Where a ray enters the box, if it does so before `limit`.
    #[inline(always)]
    fn entry(&self, origin: Vec3A, inverse: Vec3A, limit: f32) -> Option<f32> {
        let a = (self.min - origin) * inverse;
        let b = (self.max - origin) * inverse;
        let near = a.min(b).max_element().max(0.0);
        let far = a.max(b).min_element().min(limit);
        (near <= far).then_some(near)
    }
}

/// The hierarchy. Items are known by their index in the list it was built from.
pub struct Bvh {
    nodes: Vec<Node>,
    order: Vec<u32>,
}

const LEAF: usize = 4;
const BINS: usize = 12;

impl Bvh {
    pub fn build(boxes: &[Aabb]) -> Self {
        let mut bvh = Self {
            nodes: Vec::with_capacity(boxes.len()),
            order: (0..boxes.len() as u32).collect(),
        };
        if !boxes.is_empty() {
            bvh.split(boxes, 0, boxes.len());
        }
        bvh
    }

    pub fn bounds(&self) -> Aabb {
        self.nodes.first().map_or(Aabb::EMPTY, |n| Aabb {
            min: n.min.into(),
            max: n.max.into(),
        })
    }

    fn split(&mut self, boxes: &[Aabb], from: usize, to: usize) {
        let items = &self.order[from..to];
        let bounds = items.iter().fold(Aabb::EMPTY, |b, &i| b.union(boxes[i as usize]));
        let node = self.nodes.len();
        self.nodes.push(Node {
            min: bounds.min.into(),
            max: bounds.max.into(),
            link: from as u32,
            count: (to - from) as u32,
        });
        if to - from <= LEAF {
            return;
        }
        let centres = Aabb::around(items.iter().map(|&i| boxes[i as usize].centre()));
        let middle = match best_plane(boxes, items, centres) {
            Some((axis, plane)) => partition(&mut self.order[from..to], |i| {
                boxes[i as usize].centre()[axis] < plane
            }),
            None => (to - from) / 2,
        };
        let middle = from
            + if middle == 0 || middle == to - from {
                (to - from) / 2
            } else {
                middle
            };
        self.nodes[node].count = 0;
        self.split(boxes, from, middle);
        self.nodes[node].link = self.nodes.len() as u32;
        self.split(boxes, middle, to);
    }

    /// Calls `visit(item, limit)` for every item whose leaf the ray reaches before `limit`, near ones first;
    /// `visit` returns the new limit (the same one when it missed). Stops when the limit becomes negative.
    #[inline]
    pub fn walk(&self, ray: Ray, mut limit: f32, mut visit: impl FnMut(usize, f32) -> f32) {
        let Some(root) = self.nodes.first() else { return };
        let inverse = ray.direction.recip();
        if root.entry(ray.origin, inverse, limit).is_none() {
            return;
        }
        let mut stack = [(0u32, 0.0f32); 96];
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let (index, near) = stack[depth];
            if near > limit {
                continue;
            }
            let node = &self.nodes[index as usize];
            if node.count > 0 {
                for &item in &self.order[node.link as usize..(node.link + node.count) as usize] {
                    limit = visit(item as usize, limit);
                    if limit < 0.0 {
                        return;
                    }
                }
                continue;
            }
            let (left, right) = (index + 1, node.link);
            let a = self.nodes[left as usize].entry(ray.origin, inverse, limit);
            let b = self.nodes[right as usize].entry(ray.origin, inverse, limit);
            let (first, second) = match (a, b) {
                (Some(x), Some(y)) if x <= y => (Some((left, x)), Some((right, y))),
                (Some(x), Some(y)) => (Some((right, y)), Some((left, x))),
                (x, y) => (x.map(|t| (left, t)).or(y.map(|t| (right, t))), None),
            };
            for child in [second, first].into_iter().flatten() {
                // A tree deeper than the stack cannot come from `build`, whose halving fallback bounds it in
                // practice; a child that would not fit is dropped rather than written past the end.
                if depth < stack.len() {
                    stack[depth] = child;
                    depth += 1;
                }
            }
        }
    }
}

/// The axis and position of the cheapest split, or none when all centres coincide.
fn best_plane(boxes: &[Aabb], items: &[u32], centres: Aabb) -> Option<(usize, f32)> {
    let size = centres.size();
    let axis = if size.x >= size.y && size.x >= size.z {
        0
    } else if size.y >= size.z {
        1
    } else {
        2
    };
    if size[axis] <= 0.0 {
        return None;
    }
    let scale = BINS as f32 / size[axis];
    let mut bins = [(Aabb::EMPTY, 0usize); BINS];
    for &i in items {
        let b = boxes[i as usize];
        let bin = (((b.centre()[axis] - centres.min[axis]) * scale) as usize).min(BINS - 1);
        bins[bin] = (bins[bin].0.union(b), bins[bin].1 + 1);
    }
    let mut right = [0.0f32; BINS];
    let (mut bounds, mut count) = (Aabb::EMPTY, 0);
    for i in (1..BINS).rev() {
        bounds = bounds.union(bins[i].0);
        count += bins[i].1;
        right[i] = if count > 0 {
            bounds.half_area() * count as f32
        } else {
            0.0
        };
    }
    let (mut bounds, mut count) = (Aabb::EMPTY, 0);
    let mut best = (f32::INFINITY, 1);
    for i in 1..BINS {
        bounds = bounds.union(bins[i - 1].0);
        count += bins[i - 1].1;
        let cost = right[i]
            + if count > 0 {
                bounds.half_area() * count as f32
            } else {
                0.0
            };
        if cost < best.0 {
            best = (cost, i);
        }
    }
    Some((axis, centres.min[axis] + best.1 as f32 / scale))
}

/// Moves the items for which `left` holds to the front; returns how many there are.
fn partition(items: &mut [u32], left: impl Fn(u32) -> bool) -> usize {
    let mut front = 0;
    for i in 0..items.len() {
        if left(items[i]) {
            items.swap(front, i);
            front += 1;
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn walk_reaches_every_box_that_the_ray_meets() {
        let mut rng = Rng::new(3, 1);
        let boxes: Vec<Aabb> = (0..300)
            .map(|_| {
                let centre = rng.direction() * rng.range(0.0, 5.0);
                let half = Vec3::splat(rng.range(0.01, 0.5));
                Aabb {
                    min: centre - half,
                    max: centre + half,
                }
            })
            .collect();
        let bvh = Bvh::build(&boxes);
        for _ in 0..30 {
            let ray = Ray {
                origin: (rng.direction() * 8.0).into(),
                direction: rng.direction().into(),
            };
            // Boxes that contain a point of the ray, found by walking along it in small steps.
            let expected: Vec<usize> = (0..boxes.len())
                .filter(|&i| {
                    (0..3000)
                        .map(|k| Vec3::from(ray.origin + ray.direction * (k as f32 * 0.006)))
                        .any(|p| p.cmpge(boxes[i].min).all() && p.cmple(boxes[i].max).all())
                })
                .collect();
            let mut seen = Vec::new();
            bvh.walk(ray, 1e9, |i, limit| {
                seen.push(i);
                limit
            });
            assert!(
                expected.iter().all(|i| seen.contains(i)),
                "a box that is hit was never visited"
            );
        }
    }
}
