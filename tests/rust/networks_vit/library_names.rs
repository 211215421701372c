//! Checkpoints under the names the `transformers` library gives their tensors.

use rilievo::networks::dpt::Backbone;

/// What the library calls a network's tensor; three names for what it splits.
pub fn dpt(name: &str, backbone: Backbone) -> Vec<String> {
    let beit = backbone == Backbone::Beit;
    let encoder = if beit { "backbone" } else { "dpt" };
    if let Some(rest) = name.strip_prefix("pretrained.model.blocks.") {
        let (block, part) = rest.split_once('.').unwrap();
        let layer = format!("{encoder}.encoder.layer.{block}");
        let attention = format!("{layer}.attention.attention");
        let split = |kind| {
            ["query", "key", "value"]
                .map(|part| format!("{attention}.{part}.{kind}"))
                .to_vec()
        };
        return match part {
            "attn.qkv.weight" => split("weight"),
            "attn.qkv.bias" => split("bias"),
            "attn.q_bias" => vec![format!("{attention}.query.bias")],
            "attn.v_bias" => vec![format!("{attention}.value.bias")],
            "attn.relative_position_bias_table" => {
                vec![format!(
                    "{attention}.relative_position_bias.relative_position_bias_table"
                )]
            }
            _ => {
                let part = part
                    .replace("norm1", "layernorm_before")
                    .replace("norm2", "layernorm_after")
                    .replace("mlp.fc1", "intermediate.dense")
                    .replace("mlp.fc2", "output.dense")
                    .replace("attn.proj", "attention.output.dense")
                    .replace("gamma", "lambda");
                vec![format!("{layer}.{part}")]
            }
        };
    }
    if let Some(rest) = name.strip_prefix("pretrained.model.patch_embed.backbone.") {
        let rest = rest
            .replace("stem.conv", "embedder.convolution")
            .replace("stem.norm", "embedder.norm")
            .replace("stages.", "encoder.stages.")
            .replace("blocks", "layers");
        return vec![format!("dpt.embeddings.backbone.bit.{rest}")];
    }
    if let Some(rest) = name.strip_prefix("pretrained.model.") {
        let hybrid = matches!(backbone, Backbone::Hybrid { .. });
        let proj = if hybrid {
            "projection"
        } else {
            "patch_embeddings.projection"
        };
        let rest = rest
            .replace("pos_embed", "position_embeddings")
            .replace("patch_embed.proj", proj);
        return vec![format!("{encoder}.embeddings.{rest}")];
    }
    if let Some(rest) = name.strip_prefix("pretrained.act_postprocess") {
        let (level, rest) = rest.split_once('.').unwrap();
        let level = level.parse::<usize>().unwrap() - 1;
        let stage = "neck.reassemble_stage";
        return vec![match rest.strip_prefix("0.project.") {
            Some(rest) => format!("{stage}.readout_projects.{level}.{rest}"),
            None => {
                let rest = rest.replace("3.", "projection.").replace("4.", "resize.");
                format!("{stage}.layers.{level}.{rest}")
            }
        }];
    }
    if let Some(rest) = name.strip_prefix("scratch.layer") {
        let (level, kind) = rest.split_once("_rn.").unwrap();
        return vec![format!(
            "neck.convs.{}.{kind}",
            level.parse::<usize>().unwrap() - 1
        )];
    }
    if let Some(rest) = name.strip_prefix("scratch.refinenet") {
        let (level, rest) = rest.split_once('.').unwrap();
        let rest = rest
            .replace("out_conv", "projection")
            .replace("conv1", "convolution1")
            .replace("conv2", "convolution2")
            .replace("resConfUnit", "residual_layer");
        let level = 4 - level.parse::<usize>().unwrap();
        return vec![format!("neck.fusion_stage.layers.{level}.{rest}")];
    }
    let rest = name.strip_prefix("scratch.output_conv.").unwrap();
    vec![format!("head.head.{rest}")]
}

pub fn zoedepth(name: &str) -> Vec<String> {
    if let Some(rest) = name.strip_prefix("core.core.") {
        return match rest.strip_prefix("scratch.output_conv.") {
            Some(rest) => {
                let (place, kind) = rest.split_once('.').unwrap();
                vec![format!(
                    "relative_head.conv{}.{kind}",
                    place.parse::<usize>().unwrap() / 2 + 1
                )]
            }
            None => dpt(rest, Backbone::Beit),
        };
    }
    let name = name
        .replace("_net.0", "conv1")
        .replace("_net.2", "conv2")
        .replace("mlp_classifier.0", "mlp_classifier.linear1")
        .replace("mlp_classifier.2", "mlp_classifier.linear2")
        .replace("transformer_encoder.layers", "transformer_encoder");
    for kind in ["weight", "bias"] {
        if let Some(place) = name.strip_suffix(&format!("in_proj_{kind}")) {
            return ["query", "key", "value"]
                .map(|part| format!("metric_head.{place}{part}.{kind}"))
                .to_vec();
        }
    }
    vec![format!("metric_head.{name}")]
}
