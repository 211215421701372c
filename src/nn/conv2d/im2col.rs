//! Implicit im2col: laying out the input of a convolution for a GEMM.
//!
//! The matrix of the pixels under each tap of a kernel is never written out. A
//! tile's input is copied once, padded, with the pixels of each phase of the
//! stride together; then the pixels under a tap, for all the tile's rows at
//! once, are a contiguous run of that copy, and a table says
//! where each begins. Between the rows of the result
//! the runs hold a few columns that mean nothing.

use super::{Call, Conv2dConfig, Geometry};

/// What bounds a tile.
pub(super) struct Limits {
    /// The most columns, as far as one row allows.
    pub(super) columns: usize,
    /// The fewest bands of rows that a map should be cut into.
    pub(super) bands: usize,
    /// The most elements of input copied at a time, as far as one channel allows.
    pub(super) copied: usize,
    /// Columns that are computed at a time.
    pub(super) panel: usize,
}

/// How a convolution is cut into tiles, and how a tile's input is laid out.
pub(super) struct Im2col {
    /// Output rows of a tile.
    pub(super) rows: usize,
    /// Input channels copied at a time.
    pub(super) channels: usize,
    /// How many taps the kernel has.
    pub(super) taps: usize,
    /// The phases of the stride that any tap needs.
    phases: Vec<(usize, usize)>,
    /// Pixels of a copied row: an output row and what the kernel sees beyond it.
    pub(super) width: usize,
    /// Rows of a copied phase.
    height: usize,
    /// Where the run under each tap begins, channel by channel.
    pub(super) places: Vec<usize>,
    /// Columns that are computed at a time.
    pub(super) panel: usize,
}

/// Where a tap of the kernel lies: in which phase, and how many of its rows and columns in.
struct Tap {
    phase: (usize, usize),
    row: usize,
    column: usize,
}

impl Im2col {
    pub(super) fn new(Call { geometry, config, .. }: &Call<'_>, limits: Limits) -> Self {
        let Geometry {
            inputs,
            out_h,
            out_w,
            kernel_h,
            kernel_w,
            ..
        } = *geometry;
        let Conv2dConfig {
            stride,
            dilation,
            groups,
            ..
        } = **config;
        let taps: Vec<Tap> = (0..kernel_h)
            .flat_map(|y| (0..kernel_w).map(move |x| (y * dilation, x * dilation)))
            .map(|(y, x)| Tap {
                phase: (y % stride, x % stride),
                row: y / stride,
                column: x / stride,
            })
            .collect();
        let mut phases: Vec<_> = taps.iter().map(|tap| tap.phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let width = out_w + taps.iter().map(|tap| tap.column).max().unwrap_or(0);
        let beyond = taps.iter().map(|tap| tap.row).max().unwrap_or(0);
        let rows = (limits.columns / width).min(out_h.div_ceil(limits.bands)).max(1);
        let height = rows + beyond;
        let channels = (limits.copied / (phases.len() * width * height)).clamp(1, inputs / groups);
        let places = (0..channels)
            .flat_map(|channel| taps.iter().map(move |tap| (channel, tap)))
            .map(|(channel, tap)| {
                let phase = phases.binary_search(&tap.phase).unwrap_or(0);
                ((channel * phases.len() + phase) * height + tap.row) * width + tap.column
            })
            .collect();
        Self {
            rows,
            channels,
            taps: taps.len(),
            phases,
            width,
            height,
            places,
            panel: limits.panel,
        }
    }

    /// Elements of a copied block of channels, and what the last panel may read beyond it.
    pub(super) fn copied(&self) -> usize {
        self.channels * self.phases.len() * self.height * self.width + self.panel
    }

    /// Columns of a product, filled up to whole panels.
    pub(super) fn padded(&self) -> usize {
        (self.rows * self.width).next_multiple_of(self.panel)
    }

    /// Copies what the output rows `first..first + rows` see of the planes `x`, zeros outside the map.
    pub(super) fn copy(
        &self,
        Call { geometry, config, .. }: &Call<'_>,
        x: &[f32],
        first: usize,
        rows: usize,
        copied: &mut [f32],
    ) {
        let Geometry { h, w, .. } = *geometry;
        let Conv2dConfig {
            stride,
            padding,
            relu_input,
            input_slope,
            ..
        } = **config;
        let planes = copied.chunks_exact_mut(self.phases.len() * self.height * self.width);
        for (x, copied) in x.chunks_exact(h * w).zip(planes) {
            for (&(down, across), copied) in self
                .phases
                .iter()
                .zip(copied.chunks_exact_mut(self.height * self.width))
            {
                // Columns of this phase that lie inside the map.
                let column = |edge: usize| edge.saturating_sub(across).div_ceil(stride).min(self.width);
                let inside = column(padding.left)..column(w + padding.left);
                let used = self.height - self.rows + rows;
                for (row, to) in copied.chunks_exact_mut(self.width).take(used).enumerate() {
                    let y = ((first + row) * stride + down)
                        .checked_sub(padding.top)
                        .filter(|&y| y < h);
                    let Some(y) = y.filter(|_| !inside.is_empty()) else {
                        to.fill(0.0);
                        continue;
                    };
                    to[..inside.start].fill(0.0);
                    to[inside.end..].fill(0.0);
                    let to = &mut to[inside.clone()];
                    let from = &x[y * w..][..w][inside.start * stride + across - padding.left..];
                    match stride {
                        1 => to.copy_from_slice(&from[..to.len()]),
                        2 => every_second(from, to),
                        _ => to
                            .iter_mut()
                            .zip(from.iter().step_by(stride))
                            .for_each(|(to, from)| *to = *from),
                    }
                    if relu_input {
                        to.iter_mut().for_each(|to| *to = to.max(input_slope * *to));
                    }
                }
            }
        }
    }
}

/// Copies elements 0, 2, 4, ... In pairs, so that it is done in vectors.
fn every_second(from: &[f32], to: &mut [f32]) {
    let pairs = from.as_chunks::<2>().0;
    for (to, pair) in to.iter_mut().zip(pairs) {
        *to = pair[0];
    }
    for (i, to) in to.iter_mut().enumerate().skip(pairs.len()) {
        *to = from[2 * i];
    }
}
