//! Cutting off what is too far and too near.

use crate::named::named;
use crate::options::{Called, options};
use crate::{Error, Result};

named! {
    /// What the ends of a clip are fractions of.
    #[derive(Default)]
    pub enum ClipMode as "clip mode" {
        /// Of the range of values.
        #[default]
        Range = "Range",
        /// Of the pixels: the ends are quantiles.
        Outliers = "Outliers",
    }
}

options! {
    /// Which part of the depth is stretched over the whole range; what lies
    /// beyond becomes black or white.
    ///
    /// If `far` equals `near` the result is a mask: white from there on, black
    /// beyond. (The reference promised that but gave a black picture.)
    #[derive(Copy)]
    pub struct ClipOptions("clip", "clipdepth_") {
        /// Cut at fractions of the range (Range) or of the pixels (Outliers).
        mode: ClipMode = ClipMode::Range;
        /// Lower bound, 0 to 1.
        ///
        /// The fraction of the range below it, 0 being the farthest value, or of
        /// the pixels that are farther.
        far: f64 = 0.0, least(0.0), most(1.0);
        /// Upper bound, 0 to 1.
        ///
        /// The fraction of the range below it, 1 being the nearest value, or of
        /// the pixels that are not nearer.
        near: f64 = 1.0, least(0.0), most(1.0);
    }
    rules ClipOptions::ends_in_order;
}

impl ClipOptions {
    fn ends_in_order(&self, called: Called<'_>) -> Result<()> {
        let Self { far, near, .. } = self;
        if far <= near {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the far end of the clip, {far}, is above the near end, {near}: nothing would be left; swap them ({} and \
             {}), or invert the depth map to turn it around",
            called("far"),
            called("near")
        )))
    }
}
