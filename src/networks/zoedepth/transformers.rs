//! The names that the `transformers` library gives the tensors of these networks.

use crate::networks::dpt;
use crate::weights::Checkpoint;

/// The checkpoint under the official names, whichever it has now.
pub(super) fn official(checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.renamed(|name| Some(official_name(name).unwrap_or_else(|| name.to_owned())))
}

/// The official name of what the library calls `name`; none if it is no name of the library's.
fn official_name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("metric_head.") {
        return Some(
            rest.replace(
                "patch_transformer.transformer_encoder.",
                "patch_transformer.transformer_encoder.layers.",
            )
            .replace("mlp_classifier.linear1", "mlp_classifier.0")
            .replace("mlp_classifier.linear2", "mlp_classifier.2")
            .replace(".conv1.", "._net.0.")
            .replace(".conv2.", "._net.2."),
        );
    }
    if let Some(rest) = name.strip_prefix("relative_head.conv") {
        let (number, kind) = rest.split_once('.')?;
        let place = 2 * number.parse::<usize>().ok()?.checked_sub(1)?;
        return Some(format!("core.core.scratch.output_conv.{place}.{kind}"));
    }
    Some(format!("core.core.{}", dpt::official_name(name)?))
}
