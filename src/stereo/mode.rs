//! The modes: how two eyes become one picture.

use crate::named::named;

/// What kind of picture a [`Mode`] gives, for menus that group them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModeKind {
    /// One eye alone.
    Eye,
    /// Both eyes in full size, beside or above each other.
    Full,
    /// Both eyes squeezed into the size of one, for televisions.
    Half,
    /// The eyes take turns by row or by column, for polarising displays.
    Interlaced,
    /// Both eyes in one picture, told apart by coloured glasses.
    Anaglyph,
    /// Where an eye shows what the fill made up: white there, black elsewhere.
    Mask,
}

macro_rules! modes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident, $about:literal;)*) => {
        named! {
            /// How two eyes become one picture.
            ///
            /// The first eight have the names and the bytes of the program they
            /// come from (stable-diffusion-webui-depthmap-script 0.4.8).
            ///
            /// | name | what it shows |
            /// |---|---|
            $(#[doc = concat!("| `", $name, "` | ", $about, " |")])*
            pub enum Mode as "stereo mode" {
                $(
                    #[doc = concat!("`", $name, "`: ", $about, ".")]
                    $variant = $name,
                )*
            }
        }

        impl Mode {
            /// What the picture shows, in a few words.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }

            /// What kind of picture it is.
            pub fn kind(self) -> ModeKind {
                match self {
                    $(Self::$variant => ModeKind::$kind,)*
                }
            }
        }
    };
}

modes! {
    LeftRight = "left-right", Full, "left eye on the left, for parallel viewing and headsets";
    RightLeft = "right-left", Full, "right eye on the left, for cross-eyed viewing";
    TopBottom = "top-bottom", Full, "left eye above the right one";
    BottomTop = "bottom-top", Full, "right eye above the left one";
    RedCyanAnaglyph = "red-cyan-anaglyph", Anaglyph, "red of the left eye, green and blue of the right one";
    LeftOnly = "left-only", Eye, "the left eye";
    OnlyRight = "only-right", Eye, "the right eye";
    CyanRedReverseAnaglyph = "cyan-red-reverseanaglyph", Anaglyph,
        "red of the right eye, green and blue of the left one";
    HalfLeftRight = "half-left-right", Half, "`left-right` at half the width, as 3D televisions take it";
    HalfRightLeft = "half-right-left", Half, "`right-left` at half the width";
    HalfTopBottom = "half-top-bottom", Half, "`top-bottom` at half the height, as 3D televisions take it";
    HalfBottomTop = "half-bottom-top", Half, "`bottom-top` at half the height";
    InterlacedRows = "interlaced-rows", Interlaced, "rows 0, 2, 4, ... of the left eye, the others of the right one";
    InterlacedColumns = "interlaced-columns", Interlaced,
        "columns 0, 2, 4, ... of the left eye, the others of the right one";
    DuboisAnaglyph = "dubois-anaglyph", Anaglyph, "for red-cyan glasses, colours fitted by least squares (Dubois)";
    HalfColourAnaglyph = "half-colour-anaglyph", Anaglyph,
        "for red-cyan glasses, the left eye in grey: less rivalry between the eyes";
    GreyAnaglyph = "grey-anaglyph", Anaglyph, "for red-cyan glasses, both eyes in grey";
    GreenMagentaAnaglyph = "green-magenta-anaglyph", Anaglyph, "for green-magenta glasses (Dubois)";
    AmberBlueAnaglyph = "amber-blue-anaglyph", Anaglyph, "for amber-blue glasses (Dubois)";
    LeftHoles = "left-holes", Mask, "mask of what the fill made up in the left eye";
    RightHoles = "right-holes", Mask, "mask of what the fill made up in the right eye";
}
