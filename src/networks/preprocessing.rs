//! What a network expects of its input.

/// How a picture becomes a network's input, and the output a picture's depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// Subtracted from red, green and blue in 0..1.
    pub mean: [f64; 3],
    /// Divided by afterwards.
    pub std: [f64; 3],
    /// Default network size: width, height.
    pub net_size: (usize, usize),
    /// Both sides of the input are multiples of this.
    pub multiple: usize,
    /// How the network size and the picture's shape become the input size.
    pub rule: SizeRule,
    /// How the picture is resized to the input size.
    pub shrink: Shrink,
    /// How the prediction is resized to the picture.
    pub enlarge: Enlarge,
}

/// How a picture's sides are fitted to the network size asked for. All but
/// `Stretch` keep the picture's shape up to rounding to the multiple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeRule {
    /// The size asked for, to the nearest multiples, whatever the picture's shape.
    Stretch,
    /// The scale that changes the picture less; a side may miss or exceed the size.
    Minimal,
    /// Neither side exceeds the size.
    UpperBound,
    /// Neither side falls below the size.
    LowerBound,
    /// As many pixels as the size has.
    Area,
}

/// How a picture is resized to the input size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    /// OpenCV's cubic, on 64-bit floats, before normalising.
    Cubic,
    /// OpenCV's linear, on 64-bit floats, before normalising.
    Linear,
    /// OpenCV's area mean, on bytes.
    Area,
    /// PyTorch's bilinear with the corner pixels' centres in place, before normalising.
    Bilinear,
}

/// How a prediction is resized to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enlarge {
    /// PyTorch's bilinear.
    Bilinear {
        /// Whether the corner pixels' centres stay in place (else the picture's edges).
        align_corners: bool,
    },
    /// PyTorch's bicubic, edges in place.
    Bicubic,
    /// OpenCV's cubic.
    OpenCvCubic,
}
