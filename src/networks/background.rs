//! What the networks that tell a foreground from its background have in common.

use super::u2net;
use crate::weights::Checkpoint;

/// What a background network expects of its input.
///
/// The published programs divide a picture by its own largest value before
/// subtracting the mean, not by 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Subtracted from red, green and blue in 0..1.
    pub mean: [f64; 3],
    /// Divided by afterwards.
    pub std: [f64; 3],
    /// Side of the square input that the network was trained on.
    pub side: usize,
}

/// Whether a checkpoint has the tensors of U-2-Net's stages and so many
/// convolutions `before` them: IS-Net has one, U-2-Net none; exporters keep
/// their number where they do not keep their names.
pub(super) fn fits(checkpoint: &Checkpoint, before: usize) -> bool {
    if checkpoint.contains("stage1.rebnconvin.conv_s1.weight") {
        return checkpoint.contains("conv_in.weight") == (before == 1);
    }
    let exported = (0..).map_while(|i| checkpoint.shape(&format!("Conv#{i}.weight")));
    let wide = exported.filter(|shape| shape.first() != Some(&1)).count();
    wide == u2net::STAGE_CONVOLUTIONS + before
}
