//! Configuration files: what they become, and every setting that is refused, in tables.

use diffusion::Request;
use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::schedule::{BetaSchedule, PredictionType, ScheduleConfig, TimestepSpacing};
use diffusion::tensors::{Metadata, Precision, write_tensors};
use serde_json::{Value, json};

use crate::support::*;

fn config_text(path: &str) -> String {
    text(fixture("unet").join(path))
}

/// The text with one key set (or, with null as the value, absent).
fn with(text: &str, key: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap();
    let fields = json.as_object_mut().unwrap();
    match value {
        Value::Null => drop(fields.remove(key)),
        value => drop(fields.insert(key.to_owned(), value)),
    }
    json.to_string()
}

#[test]
fn unet_config_round_trip() {
    for name in ["tiny", "uneven"] {
        let config = UNetConfig::from_json(&config_text(&format!("{name}/unet/config.json"))).unwrap();
        assert_eq!(UNetConfig::from_json(&config.to_json()).unwrap(), config, "{name}");
    }
    let uneven = UNetConfig::from_json(&config_text("uneven/unet/config.json")).unwrap();
    assert_eq!(uneven.block_out_channels, [4, 8, 12]);
    assert_eq!(uneven.num_heads, [2, 4, 3]);
    assert_eq!(uneven.only_cross_attention, [true, false, false]);

    let mixed = UNetConfig {
        down_attention: vec![false, true, true],
        up_attention: vec![true, false, true],
        transformer_layers_per_block: 2,
        norm_eps: 1e-6,
        ..uneven
    };
    assert_eq!(UNetConfig::from_json(&mixed.to_json()).unwrap(), mixed);
}

#[test]
fn unet_config_refusals() {
    let good = config_text("tiny/unet/config.json");
    let table: [(&str, Value, &[&str]); 33] = [
        ("_class_name", json!("UNet2DModel"), &["_class_name", "UNet2DModel"]),
        ("_class_name", Value::Null, &["_class_name", "missing"]),
        ("act_fn", json!("gelu"), &["act_fn", "gelu", "silu"]),
        ("addition_embed_type", json!("text"), &["addition_embed_type"]),
        ("attention_head_dim", json!([2, 2, 2]), &["attention_head_dim", "2 block_out_channels"]),
        ("attention_head_dim", json!(3), &["8 channels", "3 heads"]),
        ("attention_head_dim", json!(0), &["0 heads"]),
        ("block_out_channels", json!([]), &["block_out_channels"]),
        ("block_out_channels", json!([8, -16]), &["block_out_channels"]),
        ("block_out_channels", json!([8, 18]), &["18 channels", "norm_num_groups 4"]),
        ("block_out_channels", json!([8, 16, 16]), &["down_block_types", "3 times"]),
        ("block_out_channels", json!([8, 4_000_000_000u64]), &["block_out_channels", "65536"]),
        ("class_embed_type", json!("timestep"), &["class_embed_type"]),
        ("conv_in_kernel", json!(5), &["conv_in_kernel", "5", "3"]),
        ("cross_attention_dim", json!(0), &["cross_attention_dim"]),
        ("cross_attention_dim", json!("12"), &["cross_attention_dim", "whole number"]),
        (
            "down_block_types",
            json!(["AttnDownBlock2D", "AttnDownBlock2D"]),
            &["down_block_types", "CrossAttnDownBlock2D"],
        ),
        ("dual_cross_attention", json!(true), &["dual_cross_attention"]),
        ("encoder_hid_dim", Value::Null, &["encoder_hid_dim"]),
        ("encoder_hid_dim_type", json!("image_proj"), &["encoder_hid_dim_type", "text_proj"]),
        ("flip_sin_to_cos", json!(false), &["flip_sin_to_cos"]),
        ("layers_per_block", json!(0), &["layers_per_block"]),
        ("layers_per_block", json!(1_000_000_000u64), &["layers_per_block"]),
        ("layers_per_block", json!([1, 2]), &["layers_per_block", "the same 2 times"]),
        ("layers_per_block", json!([1]), &["layers_per_block", "the same 2 times"]),
        ("mid_block_type", json!("UNetMidBlock2D"), &["mid_block_type", "UNetMidBlock2DCrossAttn"]),
        ("norm_eps", json!("tiny"), &["norm_eps"]),
        ("norm_num_groups", json!(0), &["norm_num_groups"]),
        ("num_attention_heads", json!(4), &["num_attention_heads"]),
        ("dropout", json!(2), &["dropout", "from 0 to 1"]),
        ("sample_size", json!([14]), &["sample_size"]),
        ("a_later_setting", json!("on"), &["a_later_setting"]),
        ("resnet_time_scale_shift", json!("scale_shift"), &["resnet_time_scale_shift"]),
    ];
    for (key, value, parts) in table {
        let text = with(&good, key, value.clone());
        let message = assert_refused(&format!("{key} {value}"), UNetConfig::from_json(&text), parts);
        assert!(message.starts_with("unet/config.json"), "{message}");
    }
    let levels = json!(vec![8; 40]);
    let deep = with(&good, "block_out_channels", levels);
    let deep = with(&deep, "down_block_types", json!(["DownBlock2D"; 40].to_vec()));
    let deep = with(&deep, "up_block_types", json!(["UpBlock2D"; 40].to_vec()));
    assert_refused("40 resolutions", UNetConfig::from_json(&deep), &["block_out_channels", "40"]);
    assert_refused("a number", UNetConfig::from_json("7"), &["unet/config.json"]);
    assert_refused("half a file", UNetConfig::from_json(&good[..99]), &["unet/config.json", "line"]);
}

/// Whether diffusers computes the same with two configurations (`unet/configs.json`): what it does is taken as the same
/// network, what it does not is refused, or is another network here, too.
#[test]
fn configurations_that_draw_the_same_are_taken_as_the_same() {
    let tiny = config_text("tiny/unet/config.json");
    let read = |changes: &Value| {
        let mut config: Value = serde_json::from_str(&tiny).unwrap();
        changes.as_object().unwrap().iter().for_each(|(key, value)| config[key] = value.clone());
        UNetConfig::from_json(&config.to_string())
    };
    let (mut same, mut other) = (0, 0);
    for entry in json("unet/configs.json")["configs"].as_array().unwrap() {
        let before = read(&entry["before"]).unwrap();
        let what = entry["after"].to_string();
        let after = read(&entry["after"]);
        // Dropout and the size of pictures are kept, and matter to nobody who draws.
        let after = after.map(|after| UNetConfig { dropout: 0.0, sample_size: before.sample_size, ..after });
        match entry["result"].as_str().unwrap() {
            "same" => assert_eq!(after.unwrap(), before, "{what}"),
            // Its weights are shaped otherwise, and are taken by `Base::read`.
            _ if what.contains("use_linear_projection") => assert_eq!(after.unwrap(), before, "{what}"),
            _ => assert!(after.is_err() || after.unwrap() != before, "{what}"),
        }
        *if entry["result"] == "same" { &mut same } else { &mut other } += 1;
    }
    assert!(same > 20 && other > 20, "{same} and {other}");
    assert_refused(
        "a middle block of null",
        UNetConfig::from_json(&tiny.replace("\"UNetMidBlock2DCrossAttn\"", "null")),
        &["mid_block_type"],
    );
}

/// With `use_linear_projection` the 1 x 1 convolutions around a transformer are Linears.
#[test]
fn linear_projections_are_one_by_one_convolutions() {
    let mut folder = Folder::open(&fixture("unet/tiny"));
    let convolutions = folder.read().unwrap();
    let mut state = convolutions.state.clone();
    let projections = state.iter_mut().filter(|(name, _)| name.contains("proj_in.w") || name.contains("proj_out.w"));
    assert_eq!(projections.map(|(_, tensor)| tensor.shape.truncate(2)).count(), 14);
    folder.weights = write_tensors(&state, Metadata::new(), Precision::F32).unwrap();
    folder.unet_config = with(&folder.unet_config, "use_linear_projection", json!(true));
    let linear = folder.read().unwrap();
    assert_eq!((linear.state, linear.unet), (convolutions.state, convolutions.unet));
}

#[test]
fn info_round_trip_and_refusals() {
    let good = config_text("tiny/digit_diffusion.json");
    let info = ModelInfo::from_json(&good).unwrap();
    assert_eq!(ModelInfo::from_json(&info.to_json()).unwrap(), info);
    assert_eq!((info.num_classes(), info.null_class(), info.encoder_hid_dim()), (3, 3, 16));

    let table: [(&str, Value, &[&str]); 11] = [
        ("format", json!(2), &["format 2"]),
        ("labels", json!([]), &["labels"]),
        ("labels", json!([1, 2]), &["labels must be a list of names, not [1,2]"]),
        ("labels", Value::Null, &["labels is missing, it must be a list of names"]),
        ("tokens_per_class", json!(0), &["tokens_per_class"]),
        ("image_size", json!(29), &["29", "patch_size 2"]),
        ("image_size", json!(2_000_000), &["image_size", "at most"]),
        ("patch_size", json!(0), &["patch_size"]),
        ("channels", json!(4), &["channels", "1 (grey) or 3 (colour)", "4"]),
        ("guidance_scale", json!("much"), &["guidance_scale must be a number", "much"]),
        ("guidance_scale", json!(1e300), &["guidance_scale", "finite"]),
    ];
    for (key, value, parts) in table {
        let text = with(&good, key, value.clone());
        let message = assert_refused(&format!("{key} {value}"), ModelInfo::from_json(&text), parts);
        assert!(message.starts_with("digit_diffusion.json"), "{message}");
    }

    let unet = UNetConfig::from_json(&config_text("tiny/unet/config.json")).unwrap();
    // Who does not say it is grey, and written again says nothing either.
    let grey = ModelInfo::from_json(&good).unwrap();
    assert!(grey.channels == 1 && !grey.to_json().contains("channels"));
    let colour = ModelInfo { channels: 3, ..grey.clone() };
    assert_eq!(ModelInfo::from_json(&colour.to_json()).unwrap(), colour);
    // So it is with guidance; a base that says it is drawn with it.
    assert!(!good.contains("guidance") && !grey.to_json().contains("guidance"));
    assert_eq!(Request::new(0, 0).for_base(&grey), Request::new(0, 0));
    let guided = ModelInfo::from_json(&with(&good, "guidance_scale", json!(2.2))).unwrap();
    assert_eq!(Request::new(0, 0).for_base(&guided).guidance_scale, 2.2);
    assert!(guided.to_json().contains("\"guidance_scale\": 2.2"), "{}", guided.to_json());
    let table: [(&str, Value, &[&str]); 4] = [
        ("channels", json!(3), &["patch_size 2 of 3 channels", "out_channels 12", "4 and 4"]),
        ("patch_size", json!(1), &["in_channels", "1", "4"]),
        ("tokens_per_class", json!(5), &["encoder_hid_dim 20", "16"]),
        ("image_size", json!(30), &["15 x 15", "halved 1"]),
    ];
    for (key, value, parts) in table {
        let info = ModelInfo::from_json(&with(&good, key, value.clone())).unwrap();
        assert_refused(&format!("{key} {value}"), info.check(&unet), parts);
    }
}

#[test]
fn scheduler_config_defaults_and_round_trip() {
    let tiny = ScheduleConfig::from_json(&config_text("tiny/scheduler/scheduler_config.json")).unwrap();
    assert_eq!(tiny.beta_schedule, BetaSchedule::SquaredcosCapV2);
    assert_eq!(tiny.prediction_type, PredictionType::VPrediction);
    let uneven = ScheduleConfig::from_json(&config_text("uneven/scheduler/scheduler_config.json")).unwrap();
    let differing =
        ScheduleConfig { num_train_timesteps: 400, beta_start: 0.0002, beta_end: 0.03, ..ScheduleConfig::default() };
    assert_eq!(uneven, differing, "what is not there is diffusers' default");
    assert_eq!(tiny.timestep_spacing, Some(TimestepSpacing::Leading), "diffusers saved it");
    for config in [tiny, uneven] {
        let text = config.to_json();
        assert_eq!(ScheduleConfig::from_json(&text).unwrap(), config);
        // Where it was not said it stays unsaid: DPM-Solver++ and Euler would take over DDPM's spacing.
        assert_eq!(text.contains("timestep_spacing"), config.timestep_spacing.is_some());
    }
}

#[test]
fn scheduler_config_refusals() {
    let good = config_text("tiny/scheduler/scheduler_config.json");
    let table: [(&str, Value, &[&str]); 25] = [
        ("_class_name", json!("FlowMatchEulerDiscreteScheduler"), &["_class_name", "FlowMatchEuler", "flow matching"]),
        ("_class_name", json!("EDMEulerScheduler"), &["_class_name", "EDMEuler"]),
        ("_class_name", json!(["a", "b"]), &["_class_name"]),
        ("beta_schedule", json!("exp"), &["beta_schedule", "exp", "squaredcos_cap_v2"]),
        ("prediction_type", json!("flow"), &["prediction_type", "flow", "v_prediction"]),
        ("prediction_type", json!("flow_prediction"), &["prediction_type", "flow matching"]),
        ("use_flow_sigmas", json!(true), &["use_flow_sigmas true"]),
        ("predict_epsilon", json!(false), &["predict_epsilon false"]),
        ("num_train_timesteps", json!(1), &["num_train_timesteps"]),
        ("num_train_timesteps", json!(-5), &["num_train_timesteps", "-5"]),
        ("num_train_timesteps", json!(10_000_000_000u64), &["num_train_timesteps", "at most"]),
        ("beta_start", json!(0.0), &["beta_start"]),
        ("beta_start", json!(0.5), &["beta_start <= beta_end"]),
        ("beta_end", json!(1.0), &["beta_end < 1"]),
        ("thresholding", json!("yes"), &["thresholding", "true or false", "yes"]),
        ("dynamic_thresholding_ratio", json!(1.5), &["dynamic_thresholding_ratio", "between 0 and 1"]),
        ("clip_sample_range", json!(-1), &["clip_sample_range", "above 0"]),
        ("trained_betas", json!([0.1, 0.2]), &["trained_betas", "1000", "it has 2"]),
        ("trained_betas", json!("many"), &["trained_betas", "list"]),
        ("timestep_spacing", json!("even"), &["timestep_spacing", "\"leading\"", "even"]),
        ("steps_offset", json!(-1), &["steps_offset", "-1"]),
        ("final_sigmas_type", json!("one"), &["final_sigmas_type", "sigma_min"]),
        ("sigma_min", json!(0), &["sigma_min"]),
        ("solver_order", json!(2.5), &["solver_order", "2.5"]),
        ("a_later_setting", json!({"new": 1}), &["a_later_setting", "leave it out"]),
    ];
    for (key, value, parts) in table {
        let text = with(&good, key, value.clone());
        let message = assert_refused(&format!("{key} {value}"), ScheduleConfig::from_json(&text), parts);
        assert!(message.starts_with("scheduler_config.json"), "{message}");
    }
    // None is false in Python; where diffusers writes none, it is a mistake.
    let off = ScheduleConfig::from_json("{\"clip_sample\": null, \"set_alpha_to_one\": null}").unwrap();
    assert!(!off.clip_sample && !off.set_alpha_to_one);
    for key in ["prediction_type", "beta_schedule", "num_train_timesteps", "timestep_spacing", "lambda_min_clipped"] {
        assert_refused(key, ScheduleConfig::from_json(&format!("{{\"{key}\": null}}")), &[key, "null"]);
    }
    for text in ["{\"beta_end\": NaN}", "{\"beta_end\": 1e999}"] {
        assert_refused(text, ScheduleConfig::from_json(text), &["beta_end must be a finite number"]);
    }
    assert_refused("a list", ScheduleConfig::from_json("[]"), &["scheduler_config.json", "settings"]);
    // What classes of other samplers have, what is off or null, and what is private to diffusers.
    let unused = json!({"_class_name": "PNDMScheduler", "_diffusers_version": "9.9", "skip_prk_steps": true,
        "a_later_setting": false, "another": null, "solver_p": null});
    assert_eq!(ScheduleConfig::from_json(&unused.to_string()).unwrap(), ScheduleConfig::default());
}
