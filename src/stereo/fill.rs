//! Disocclusion filling: what a shifted picture shows where nothing was seen.

use crate::named::named;

named! {
    /// How the picture is carried over into an eye, and what the openings beside
    /// near objects are filled with.
    ///
    /// The first five give the same bytes as the program whose names they carry
    /// (stable-diffusion-webui-depthmap-script 0.4.8), with one exception: flat
    /// depth, which there divides zero by zero, here counts as all far.
    #[derive(Default)]
    pub enum Fill as "stereo fill" {
        /// Whole-pixel shifts; openings stay black.
        None = "none",
        /// Whole-pixel shifts; an opening repeats the nearest pixel of its row.
        Naive = "naive",
        /// Whole-pixel shifts; an opening is a ramp between its two borders. Black
        /// picture content counts as an opening.
        NaiveInterpolating = "naive_interpolating",
        /// Rows are polylines through the pixel centres: everything is stretched a
        /// little.
        PolylinesSoft = "polylines_soft",
        /// Rows are polylines with a plateau for every pixel: openings are
        /// stretched, surfaces stay crisp.
        #[default]
        PolylinesSharp = "polylines_sharp",
        /// Surfaces as in `PolylinesSharp`, but torn apart at depth edges instead
        /// of stretched; the openings continue the texture of what lies behind.
        Inpaint = "inpaint",
    }
}
