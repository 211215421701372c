//! Expanding a table of relative positions into an attention bias.

use std::mem::MaybeUninit;

use candle_core::Tensor;
use rayon::prelude::*;

use super::{buffer, fused};
use crate::{Error, Result};

/// The attention bias of a class token and a grid of patches from a value per
/// offset (Bao et al. 2021).
///
/// With `grid` = (h, w), `table` is `[heads, (2h - 1)(2w - 1) + 3]`: for the
/// offsets from key to query, by rows and then columns and each from
/// `1 - side` to `side - 1`, then class token to patch, patch to class token
/// and class token to itself. The result is `[heads, N, N]` (query, key) with
/// N = 1 + h w tokens, the class token first.
///
/// # Errors
/// [`Error::Invalid`] if a side of the grid is 0 or the table does not fit it.
pub fn relative_position_bias(table: &Tensor, grid: (usize, usize)) -> Result<Tensor> {
    let (heads, offsets) = table.dims2()?;
    let (h, w) = grid;
    if h == 0 || w == 0 || offsets != (2 * h - 1) * (2 * w - 1) + 3 {
        return Err(Error::invalid(format!(
            "a table of {offsets} relative positions does not fit a grid of {h} x {w} patches"
        )));
    }
    let tokens = 1 + h * w;
    if fused::runs_on(table) {
        return fused::unary(
            "relative_position_bias",
            table,
            (heads, tokens, tokens),
            |table| run(table, heads, grid),
        );
    }
    let index: Vec<u32> = (0..tokens * tokens)
        .map(|i| offset(i / tokens, i % tokens, grid) as u32)
        .collect();
    let index = Tensor::new(index, table.device())?;
    Ok(table
        .contiguous()?
        .index_select(&index, 1)?
        .reshape((heads, tokens, tokens))?)
}

/// Where the bias of a pair of tokens lies in the table.
fn offset(query: usize, key: usize, (h, w): (usize, usize)) -> usize {
    let class = (2 * h - 1) * (2 * w - 1);
    match (query, key) {
        (0, 0) => class + 2,
        (0, _) => class,
        (_, 0) => class + 1,
        _ => {
            let (query, key) = (query - 1, key - 1);
            (query / w + h - 1 - key / w) * (2 * w - 1) + query % w + w - 1 - key % w
        }
    }
}

fn run(table: &[f32], heads: usize, grid: (usize, usize)) -> Vec<f32> {
    let (h, w) = grid;
    let tokens = 1 + h * w;
    let offsets = table.len() / heads;
    // Along a row of keys the offsets fall: read backwards, a row is a plain copy.
    let backwards: Vec<f32> = table.iter().rev().copied().collect();
    let fill = |out: &mut [MaybeUninit<f32>]| {
        out.par_chunks_mut(tokens).enumerate().for_each(|(i, out)| {
            let (head, query) = (i / tokens, i % tokens);
            let value = |key| table[head * offsets + offset(query, key, grid)];
            out[0].write(value(0));
            for (row, out) in out[1..].chunks_exact_mut(w).enumerate() {
                if query == 0 {
                    out.fill(MaybeUninit::new(value(1)));
                    continue;
                }
                let first = head * offsets + offset(query, 1 + row * w, grid);
                buffer::copied(out, &backwards[backwards.len() - 1 - first..][..w]);
            }
        });
    };
    // SAFETY: the chunks cover the buffer, and every row of keys of a chunk is written.
    unsafe { buffer::filled(heads * tokens * tokens, fill) }
}
