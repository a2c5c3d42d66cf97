//! What makes a base folder one that diffusers draws with as a whole. Tests: in `trainer/tests/runs/own.rs`; against diffusers:
//! `tests/fixtures/interop_check.py pipeline`.

use diffusion::config::ModelInfo;
use serde_json::json;

/// Which classes of which libraries the parts are (`DiffusionPipeline.from_pretrained` reads it).
const INDEX: &str = "model_index.json";
/// The pipeline itself, where diffusers looks for a folder's own one.
const PIPELINE: &str = "pipeline.py";

/// Name within the base folder, and contents.
pub fn files(info: &ModelInfo) -> [(&'static str, Vec<u8>); 2] {
    let mut index = json!({
        "_class_name": ["pipeline", "DigitDiffusionPipeline"],
        "_diffusers_version": "0.42.1",
        "labels": info.labels,
        "null_class_trained": info.null_class_trained,
        "patch_size": info.patch_size,
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "tokens_per_class": info.tokens_per_class,
        "unet": ["diffusers", "UNet2DConditionModel"],
    });
    if let Some(scale) = info.guidance_scale {
        index["guidance_scale"] = json!(scale);
    }
    if info.latent_channels.is_some() {
        index["vae"] = json!(["diffusers", "AutoencoderKL"]);
    }
    [(INDEX, format!("{index:#}\n").into_bytes()), (PIPELINE, include_bytes!("../../../assets/pipeline.py").to_vec())]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_shipped_bases_have_the_pipeline_that_an_export_writes() {
        for base in ["base", "ink/base"] {
            let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models").join(base);
            let info = ModelInfo::from_json(&fs::read_to_string(base.join("digit_diffusion.json")).unwrap()).unwrap();
            for (name, bytes) in files(&info) {
                let path = base.join(name);
                assert!(fs::read(&path).unwrap() == bytes, "{} is another one: export it again", path.display());
            }
        }
    }
}
