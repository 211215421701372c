//! Disocclusion filling: what a shifted picture shows where nothing was seen.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// How the picture is carried over into an eye, and what the openings beside
/// near objects are filled with.
///
/// The first five give the same bytes as the program whose names they carry
/// (stable-diffusion-webui-depthmap-script 0.4.8), with one exception: flat
/// depth, which there divides zero by zero, here counts as all far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Whole-pixel shifts; openings stay black.
    None,
    /// Whole-pixel shifts; an opening repeats the nearest pixel of its row.
    Naive,
    /// Whole-pixel shifts; an opening is a ramp between its two borders. Black
    /// picture content counts as an opening.
    NaiveInterpolating,
    /// Rows are polylines through the pixel centres: everything is stretched a
    /// little.
    PolylinesSoft,
    /// Rows are polylines with a plateau for every pixel: openings are
    /// stretched, surfaces stay crisp.
    #[default]
    PolylinesSharp,
    /// Surfaces as in `PolylinesSharp`, but torn apart at depth edges instead
    /// of stretched; the openings continue the texture of what lies behind.
    Inpaint,
}

impl Fill {
    /// All fills, in the order a menu should show them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Naive,
        Self::NaiveInterpolating,
        Self::PolylinesSoft,
        Self::PolylinesSharp,
        Self::Inpaint,
    ];

    /// The name used in options and menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Naive => "naive",
            Self::NaiveInterpolating => "naive_interpolating",
            Self::PolylinesSoft => "polylines_soft",
            Self::PolylinesSharp => "polylines_sharp",
            Self::Inpaint => "inpaint",
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fill {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|fill| fill.name() == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::name).join(", ");
                Error::invalid(format!("there is no stereo fill {name:?}; use one of: {known}"))
            })
    }
}
