//! Planes as files store them.

use half::f16;
use ndarray::{Array2, Axis};

use super::size::Size;

/// One channel of a picture file, `[H, W]`, in the number type it is stored in.
#[derive(Clone, Debug, PartialEq)]
pub enum Plane {
    /// 8 bits (fewer are scaled up to 0..255).
    U8(Array2<u8>),
    /// 16 bits.
    U16(Array2<u16>),
    /// 32 bits.
    U32(Array2<u32>),
    /// 32 bits with a sign; also what signed integers of fewer bits become.
    I32(Array2<i32>),
    /// Floating point; also what half and double precision become.
    F32(Array2<f32>),
}

impl Plane {
    /// Width and height.
    pub fn size(&self) -> Size {
        let (height, width) = match self {
            Self::U8(values) => values.dim(),
            Self::U16(values) => values.dim(),
            Self::U32(values) => values.dim(),
            Self::I32(values) => values.dim(),
            Self::F32(values) => values.dim(),
        };
        Size { width, height }
    }

    /// Turned and mirrored as the EXIF orientation (1 to 8) says.
    pub(crate) fn turned(self, orientation: u8) -> Self {
        fn turn<T: Clone>(values: Array2<T>, orientation: u8) -> Array2<T> {
            let mut view = values.view();
            if orientation >= 5 {
                view.swap_axes(0, 1);
            }
            if matches!(orientation, 2 | 3 | 6 | 7) {
                view.invert_axis(Axis(1));
            }
            if matches!(orientation, 3 | 4 | 7 | 8) {
                view.invert_axis(Axis(0));
            }
            view.as_standard_layout().into_owned()
        }
        if orientation <= 1 {
            return self;
        }
        match self {
            Self::U8(values) => Self::U8(turn(values, orientation)),
            Self::U16(values) => Self::U16(turn(values, orientation)),
            Self::U32(values) => Self::U32(turn(values, orientation)),
            Self::I32(values) => Self::I32(turn(values, orientation)),
            Self::F32(values) => Self::F32(turn(values, orientation)),
        }
    }
}

/// A number type files come in, and the [`Plane`] it goes to.
pub(crate) trait Stored: Copy {
    type Kept;
    fn kept(self) -> Self::Kept;
    fn plane(values: Array2<Self::Kept>) -> Plane;
}

macro_rules! stored {
    ($($from:ty => $to:ty, $variant:ident, $convert:expr;)*) => {
        $(impl Stored for $from {
            type Kept = $to;
            fn kept(self) -> $to {
                let convert: fn($from) -> $to = $convert;
                convert(self)
            }
            fn plane(values: Array2<$to>) -> Plane {
                Plane::$variant(values)
            }
        })*
    };
}

stored! {
    u8 => u8, U8, |value| value;
    u16 => u16, U16, |value| value;
    u32 => u32, U32, |value| value;
    i8 => i32, I32, i32::from;
    i16 => i32, I32, i32::from;
    i32 => i32, I32, |value| value;
    f16 => f32, F32, f16::to_f32;
    f32 => f32, F32, |value| value;
    f64 => f32, F32, |value| value as f32;
}
