//! Floor 3: hidden surfaces: depth edges, layered depth images (LDI), inpainting.
//!
//! A picture does not show what lies behind its near things; an eye or a camera
//! that moves uncovers it. What the rooms above share is here: ramps of depth
//! become steps, the far side is carried on under the near side
//! ([`LayeredDepth`]), and holes are filled with the texture of the background
//! ([`inpaint()`]).

// Loops over the channels of a pixel walk several arrays side by side: an index reads best.
#![allow(clippy::needless_range_loop)]

mod edges;
mod inpaint;
mod layers;
mod level;
mod patch_match;

pub(crate) use edges::sharpen_by_colour;
pub(crate) use inpaint::inpaint;
pub(crate) use layers::{LayeredDepth, NOTHING};
pub(crate) use level::{Level, SEEN};
