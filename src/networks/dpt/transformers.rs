//! The names that the `transformers` library gives the tensors of these networks.

use crate::weights::Checkpoint;

/// The checkpoint under the official names, whichever it has now.
///
/// Queries, keys and values stay three matrices where they are stored as such.
pub(super) fn official(checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.renamed(|name| Some(official_name(name).unwrap_or_else(|| name.to_owned())))
}

/// The official name of what the library calls `name`; none if it is no name of the library's.
pub(in crate::networks) fn official_name(name: &str) -> Option<String> {
    // The networks with BEiT name their encoder `backbone`, the others `dpt`.
    if let Some(rest) = name
        .strip_prefix("backbone.")
        .or_else(|| name.strip_prefix("dpt."))
    {
        return Some(format!("pretrained.model.{}", encoder(rest)?));
    }
    if let Some(rest) = name.strip_prefix("neck.reassemble_stage.") {
        return reassemble(rest);
    }
    if let Some(rest) = name.strip_prefix("neck.convs.") {
        let (level, kind) = rest.split_once('.')?;
        let level: usize = level.parse().ok()?;
        return Some(format!("scratch.layer{}_rn.{kind}", level + 1));
    }
    if let Some(rest) = name.strip_prefix("neck.fusion_stage.layers.") {
        return fusion(rest);
    }
    let rest = name.strip_prefix("head.head.")?;
    Some(format!("scratch.output_conv.{rest}"))
}

fn encoder(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("encoder.layer.") {
        let (block, part) = rest.split_once('.')?;
        return Some(format!("blocks.{block}.{}", block_part(part)?));
    }
    if let Some(rest) = name.strip_prefix("embeddings.backbone.bit.") {
        let rest = rest
            .replace("embedder.convolution", "stem.conv")
            .replace("embedder.norm", "stem.norm")
            .replace("encoder.stages", "stages")
            .replace(".layers.", ".blocks.");
        return Some(format!("patch_embed.backbone.{rest}"));
    }
    let name = match name {
        "embeddings.cls_token" => "cls_token",
        "embeddings.position_embeddings" => "pos_embed",
        // DPT-Hybrid's projection is not of patches.
        "embeddings.patch_embeddings.projection.weight" | "embeddings.projection.weight" => {
            "patch_embed.proj.weight"
        }
        "embeddings.patch_embeddings.projection.bias" | "embeddings.projection.bias" => {
            "patch_embed.proj.bias"
        }
        "layernorm.weight" => "norm.weight",
        "layernorm.bias" => "norm.bias",
        _ => return None,
    };
    Some(name.to_owned())
}

fn block_part(part: &str) -> Option<String> {
    let name = match part {
        "lambda_1" => "gamma_1",
        "lambda_2" => "gamma_2",
        "attention.attention.relative_position_bias.relative_position_bias_table" => {
            "attn.relative_position_bias_table"
        }
        "attention.attention.relative_position_bias.relative_position_index" => {
            "attn.relative_position_index"
        }
        _ => {
            let (place, kind) = part.rsplit_once('.')?;
            let place = match place {
                "layernorm_before" => "norm1",
                "layernorm_after" => "norm2",
                "intermediate.dense" => "mlp.fc1",
                "output.dense" => "mlp.fc2",
                "attention.output.dense" => "attn.proj",
                "attention.attention.query" => "attn.query",
                "attention.attention.key" => "attn.key",
                "attention.attention.value" => "attn.value",
                _ => return None,
            };
            return Some(format!("{place}.{kind}"));
        }
    };
    Some(name.to_owned())
}

fn reassemble(name: &str) -> Option<String> {
    let (part, rest) = match name.strip_prefix("readout_projects.") {
        Some(rest) => ("0.project", rest),
        None => ("", name.strip_prefix("layers.")?),
    };
    let (level, rest) = rest.split_once('.')?;
    let level = level.parse::<usize>().ok()? + 1;
    if !part.is_empty() {
        return Some(format!("pretrained.act_postprocess{level}.{part}.{rest}"));
    }
    let (part, kind) = rest.split_once('.')?;
    let part = match part {
        "projection" => 3,
        "resize" => 4,
        _ => return None,
    };
    Some(format!("pretrained.act_postprocess{level}.{part}.{kind}"))
}

fn fusion(name: &str) -> Option<String> {
    let (level, rest) = name.split_once('.')?;
    // Coarsest first there, finest first here.
    let level = 4usize.checked_sub(level.parse().ok()?)?;
    let rest = rest
        .replace("projection.", "out_conv.")
        .replace("residual_layer", "resConfUnit")
        .replace("convolution", "conv");
    Some(format!("scratch.refinenet{level}.{rest}"))
}
