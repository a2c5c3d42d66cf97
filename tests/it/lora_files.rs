//! Adapter files: PEFT's, diffusers' and kohya's are read, ours are read again, the rest is refused with a reason.

use diffusion::adapter::join::{Join, joined};
use diffusion::adapter::{Adapter, Change};
use diffusion::peft::{PeftConfig, implied_base, read_adapter, write_adapter, write_kohya};
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::{Backend, Base, Model, Request};
use serde_json::{Value, json};

use crate::lora::{FOLDERS, adapter_config, adapter_file};
use crate::support::*;

fn read(name: &str, base: &Base) -> Adapter {
    read_adapter(&adapter_file(name), Some(&adapter_config(name)), &base.state).unwrap()
}

#[test]
fn the_file_alone_is_enough_with_diffusers_metadata() {
    let base = base("tiny");
    for name in ["plain", "patterned"] {
        let alone = read_adapter(&adapter_file(&format!("{name}_diffusers")), None, &base.state).unwrap();
        assert_eq!(alone, read(name, &base), "{name}");
    }
    let without = read_adapter(&adapter_file("plain"), None, &base.state);
    assert_refused("a file without its alpha", without, &["alpha is unknown", "adapter_config.json"]);
}

#[test]
fn kohya_files_give_the_same_adapter() {
    let base = base("tiny");
    let expected = tensors("lora/expected.safetensors");
    for name in ["plain", "patterned"] {
        let file = bytes(fixture(&format!("lora/kohya/{name}.safetensors")));
        let kohya = read_adapter(&file, None, &base.state).unwrap();
        let peft = read(name, &base);
        assert!(kohya.modules.keys().eq(peft.modules.keys()), "{name}: the same modules");
        for (path, factors) in factors(&kohya) {
            let want = lora(&peft.modules[path]);
            assert_eq!((&factors.a, &factors.b), (&want.a, &want.b), "{name} {path}");
            assert_relatively_close(&format!("{name} {path}"), &[factors.scaling], &[want.scaling], 1e-6);
        }

        let mut model = Model::new(base.clone(), Backend::Cpu).unwrap();
        model.add_adapter("kohya", &file, None).unwrap();
        model.set_adapters([("kohya".to_owned(), 1.0)].into()).unwrap();
        let timesteps = &expected["timestep"].values;
        let labels = labels(&expected["label"]);
        let got = model.predict(&expected["sample"], timesteps, &labels).unwrap();
        let off = assert_close(name, &got, &expected[&format!("{name}.output")].values, 1e-4);
        println!("kohya/{name} applied: {off:e}");
    }
}

/// diffusers' training scripts and sd-scripts take the rank for an alpha that is not there.
#[test]
fn where_others_leave_alpha_out_it_is_the_rank() {
    let base = base("tiny");
    let peft = read("plain", &base);
    let named = |a: &dyn Fn(&str) -> String,
                 b: &dyn Fn(&str) -> String,
                 metadata: Metadata|
     -> diffusion::error::Result<Adapter> {
        let mut state = StateDict::new();
        for (path, factors) in factors(&peft) {
            state.insert(a(path), factors.a.clone());
            state.insert(b(path), factors.b.clone());
        }
        let file = write_tensors(&state, metadata, Precision::F32).unwrap();
        read_adapter(&file, None, &base.state)
    };
    let diffusers = named(
        &|path| format!("unet.{path}.lora.down.weight"),
        &|path| format!("unet.{path}.lora.up.weight"),
        Metadata::new(),
    )
    .unwrap();
    assert!(diffusers.modules.values().all(|update| lora(update).scaling == 1.0), "{diffusers:?}");
    let kohya = |alpha: &str| {
        named(
            &|path| format!("lora_unet_{}.lora_down.weight", path.replace('.', "_")),
            &|path| format!("lora_unet_{}.lora_up.weight", path.replace('.', "_")),
            Metadata::from([("ss_network_alpha".into(), alpha.into())]),
        )
    };
    // Whatever kohya's metadata say: that is a note, for those who look.
    for (said, kept) in [("2.0", Some("2.0")), ("Dynamic", Some("Dynamic")), ("4.0", None)] {
        let adapter = kohya(said).unwrap();
        assert!(adapter.modules.values().all(|update| lora(update).scaling == 1.0), "{said}");
        assert_eq!(adapter.ignored_alpha.as_deref(), kept, "{said}");
    }
}

#[test]
fn a_file_can_be_looked_at_without_its_base() {
    let base = base("tiny");
    let plain = implied_base(&adapter_file("plain")).unwrap();
    let alone = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &plain).unwrap();
    assert_eq!(alone, read("plain", &base));
    let file = bytes(fixture("lora/kohya/plain.safetensors"));
    let kohya = read_adapter(&file, None, &implied_base(&file).unwrap()).unwrap();
    assert_eq!(kohya.modules.len(), alone.modules.len());
    assert!(kohya.modules.keys().all(|path| path.starts_with("down_blocks_") || !path.contains('.')));
}

#[test]
fn an_adapter_says_how_much_guidance_it_is_drawn_with() {
    let base = base("tiny");
    let adapter = Adapter { guidance_scale: Some(2.4), ..read("plain", &base) };
    let config = PeftConfig::describing(&adapter);
    let peft = write_adapter(&adapter, &config, "A title", Precision::F32).unwrap();
    let kohya = write_kohya(&adapter, "A title", Precision::F32).unwrap();
    for (file, config) in [(&peft, Some(config.to_json())), (&kohya, None)] {
        assert_eq!(read_adapter(file, config.as_deref(), &base.state).unwrap().guidance_scale, Some(2.4));
    }
    assert_eq!(adapter.differences(&base.state).guidance_scale, Some(2.4));
    let (state, mut metadata) = read_tensors(&kohya).unwrap();
    for (said, told) in
        [("much", "digit_diffusion.guidance_scale"), ("\"2\"", "finite number"), ("1e300", "finite number")]
    {
        metadata.insert("digit_diffusion.guidance_scale".into(), said.into());
        let file = write_tensors(&state, metadata.clone(), Precision::F32).unwrap();
        assert_refused(said, read_adapter(&file, None, &base.state), &[told]);
    }

    // The largest that one asks for that is on; else the base's.
    let mut model = Model::new(base.clone(), Backend::Cpu).unwrap();
    for (name, guidance_scale) in [("bold", Some(2.4)), ("calm", Some(1.2)), ("silent", None)] {
        model.insert_adapter(name, Adapter { guidance_scale, ..adapter.clone() }).unwrap();
    }
    for (on, scale) in [
        (vec![], 1.6),
        (vec![("silent", 1.0)], 1.6),
        (vec![("calm", 0.5), ("silent", 1.0)], 1.2),
        (vec![("calm", 1.0), ("bold", 0.1)], 2.4),
        (vec![("bold", 0.0)], 1.6),
        (vec![("bold", -1.0)], 1.6),
    ] {
        model.set_adapters(on.iter().map(|(name, scale)| ((*name).to_owned(), *scale)).collect()).unwrap();
        assert_eq!(model.usual_request(3, 7), Request { guidance_scale: scale, ..Request::new(3, 7) }, "{on:?}");
    }
    let [bold, calm] = ["bold", "calm"].map(|name| &model.adapters()[name]);
    assert_eq!(joined(&[(bold, 0.5), (calm, 0.5)], Join::Cat).unwrap().guidance_scale, Some(2.4));
}

#[test]
fn kohya_files_are_written_as_kohya_names_them() {
    let base = base("tiny");
    for name in FOLDERS {
        let adapter = Adapter { base_sha256: Some("ab".repeat(32)), ..read(name, &base) };
        let file = write_kohya(&adapter, "A title", Precision::F32).unwrap();
        let again = read_adapter(&file, None, &base.state).unwrap();
        assert_eq!(again.base_sha256, adapter.base_sha256);
        // A configuration made from the factors alone means the same adapter.
        let config = PeftConfig::describing(&again);
        let folder = write_adapter(&again, &config, "A title", Precision::F32).unwrap();
        let described = read_adapter(&folder, Some(&config.to_json()), &base.state).unwrap();
        for adapters in [&again, &described] {
            for (path, factors) in factors(&adapter) {
                let got = lora(&adapters.modules[path]);
                assert_eq!((&got.a, &got.b), (&factors.a, &factors.b), "{name} {path}");
                assert_relatively_close(&format!("{name} {path}"), &[got.scaling], &[factors.scaling], 1e-6);
            }
        }
    }
    for name in ["plain", "patterned"] {
        let file = write_kohya(&read(name, &base), "A title", Precision::F32).unwrap();
        let theirs = bytes(fixture(&format!("lora/kohya/{name}.safetensors")));
        let (ours, theirs) = (read_tensors(&file).unwrap().0, read_tensors(&theirs).unwrap().0);
        assert!(ours.keys().eq(theirs.keys()), "{name}: the same names");
    }
}

#[test]
fn exceptions_are_the_few() {
    let base = base("tiny");
    let mut adapter = read("plain", &base);
    let (common, first) = (adapter.rank(), adapter.modules.keys().next().unwrap().clone());
    let wider = |values: &HostTensor, shape: Vec<usize>| HostTensor { values: values.values.repeat(2), shape };
    if let Some(Change::Lora(lora)) = &mut adapter.modules.get_mut(&first).unwrap().weight {
        lora.a = wider(&lora.a, vec![2 * common, lora.a.shape[1]]);
        lora.b = wider(&lora.b, vec![lora.b.shape[0], 2 * common]);
    }
    let config: Value = serde_json::from_str(&PeftConfig::describing(&adapter).to_json()).unwrap();
    assert_eq!((config["r"].as_u64(), adapter.rank()), (Some(common as u64), 2 * common));
    assert_eq!(config["rank_pattern"], json!({ first.replace('.', r"\."): 2 * common }));
}

#[test]
fn written_adapters_are_read_again() {
    let base = base("tiny");
    for name in FOLDERS {
        let config = PeftConfig::from_json(&adapter_config(name)).unwrap();
        assert_eq!(PeftConfig::from_json(&config.to_json()).unwrap(), config, "{name}");
        let adapter = Adapter { base_sha256: Some("ab".repeat(32)), ..read(name, &base) };

        let file = write_adapter(&adapter, &config, "A title", Precision::F32).unwrap();
        let alone = read_adapter(&file, None, &base.state).unwrap();
        assert_eq!(alone, adapter, "{name}: the file alone");
        let with_config = read_adapter(&file, Some(&config.to_json()), &base.state).unwrap();
        assert_eq!(with_config, adapter, "{name}: with its config");
        let again = write_adapter(&alone, &config, "A title", Precision::F32).unwrap();
        assert_eq!(again, file, "{name}: equal bytes");

        let (tensors, metadata) = read_tensors(&file).unwrap();
        assert_eq!(tensors, read_tensors(&adapter_file(name)).unwrap().0, "{name}: PEFT's names and values");
        assert_eq!(metadata["format"], "pt");
        assert_eq!(metadata["modelspec.title"], "A title");

        let half = write_adapter(&adapter, &config, "A title", Precision::F16).unwrap();
        let rounded = read_adapter(&half, None, &base.state).unwrap();
        for (path, factors) in factors(&rounded) {
            let want = lora(&adapter.modules[path]);
            assert_eq!(factors.scaling, want.scaling, "{name} {path}");
            assert_close(path, &factors.a.values, &want.a.values, 1e-3);
            assert_close(path, &factors.b.values, &want.b.values, 1e-3);
        }
    }
}

#[test]
fn kinds_that_are_not_supported_say_so() {
    let base = base("tiny");
    for kind in ["VERA", "FOURIERFT", "ADALORA", "SHIRA", "C3A", "PROMPT_TUNING"] {
        let mut config: Value = serde_json::from_str(&adapter_config("plain")).unwrap();
        config["peft_type"] = json!(kind);
        let refused = read_adapter(&adapter_file("plain"), Some(&config.to_string()), &base.state);
        assert_refused(kind, refused, &["peft_type", kind, "\"LORA\", \"LOHA\", \"LOKR\""]);
    }
    let lone = read_adapter(&adapter_file("dora"), None, &base.state);
    assert_refused("DoRA without its config", lone, &["alpha is unknown", "adapter_config.json"]);
}

#[test]
fn config_refusals() {
    let good = adapter_config("plain");
    let table: [(&str, Value, &[&str]); 13] = [
        ("peft_type", json!("LOHA"), &["init_lora_weights"]),
        ("fan_in_fan_out", json!(true), &["fan_in_fan_out"]),
        ("modules_to_save", json!([1]), &["modules_to_save", "a list of names"]),
        ("use_qalora", json!(true), &["use_qalora"]),
        ("alora_invocation_tokens", json!([1]), &["alora_invocation_tokens"]),
        ("init_lora_weights", json!("pissa_niter_4"), &["init_lora_weights", "pissa", "base"]),
        ("init_lora_weights", json!("loftq"), &["init_lora_weights", "loftq"]),
        ("r", json!(0), &["r must be at least 1"]),
        ("r", json!(-1), &["-1"]),
        ("r", Value::Null, &["null"]),
        ("lora_alpha", json!(1e300), &["lora_alpha"]),
        ("alpha_pattern", json!({"to_q": 1e300}), &["alpha"]),
        ("alpha_pattern", json!({"to_q(": 1}), &["to_q(", "not a pattern"]),
    ];
    let base = base("tiny");
    for (key, value, parts) in table {
        let mut config: Value = serde_json::from_str(&good).unwrap();
        config[key] = value.clone();
        let result = read_adapter(&adapter_file("plain"), Some(&config.to_string()), &base.state);
        assert_refused(&format!("{key} {value}"), result, parts);
    }
    // Harmless ways of starting the factors.
    for init in [json!(false), json!("gaussian"), Value::Null] {
        let mut config: Value = serde_json::from_str(&good).unwrap();
        config["init_lora_weights"] = init;
        read_adapter(&adapter_file("plain"), Some(&config.to_string()), &base.state).unwrap();
    }
}

#[test]
fn a_wrong_base_is_told_by_module() {
    let uneven = base("uneven");
    let result = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &uneven.state);
    assert_refused("plain on uneven", result, &["attn1.to_k", "made for another model"]);
    let kohya = read_adapter(&bytes(fixture("lora/kohya/plain.safetensors")), None, &uneven.state);
    assert_refused("kohya's plain on uneven", kohya, &["attn1.to_k", "made for another model"]);

    let mut base = base("tiny");
    base.state.remove("mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight");
    let result = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &base.state);
    let parts = ["mid_block.attentions.0.transformer_blocks.0.attn2.to_v", "this base does not have"];
    assert_refused("a base without one module", result, &parts);
}

/// Factors that are missing, torn or misshapen.
#[test]
fn damaged_adapters_are_refused() {
    let base = base("tiny");
    let (pristine, _) = read_tensors(&adapter_file("plain")).unwrap();
    let module = "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    let (a, b) = (format!("{module}.lora_A.weight"), format!("{module}.lora_B.weight"));
    let altered = |change: &dyn Fn(&mut StateDict)| {
        let mut state = pristine.clone();
        change(&mut state);
        let file = write_tensors(&state, Metadata::new(), Precision::F32).unwrap();
        read_adapter(&file, Some(&adapter_config("plain")), &base.state)
    };
    let half = altered(&|state| drop(state.remove(&b)));
    assert_refused("one factor", half, &["attn1.to_q", "only one of its two factors"]);
    let short = altered(&|state| {
        state.insert(a.clone(), HostTensor { shape: vec![4, 7], values: vec![0.5; 28] });
    });
    assert_refused("a short factor", short, &["attn1.to_q", "[4, 7]", "[8, 8]"]);
    let ranks = altered(&|state| {
        state.insert(a.clone(), HostTensor { shape: vec![3, 8], values: vec![0.5; 24] });
    });
    assert_refused("two ranks", ranks, &["attn1.to_q", "[3, 8]", "[8, 4]"]);
    let nothing = altered(&|state| {
        state.insert(a.clone(), HostTensor { shape: vec![0, 8], values: vec![] });
        state.insert(b.clone(), HostTensor { shape: vec![8, 0], values: vec![] });
    });
    assert_refused("rank 0", nothing, &["attn1.to_q"]);
    let stranger = altered(&|state| {
        state.insert("text_model.q".into(), HostTensor { shape: vec![1], values: vec![0.5] });
    });
    assert_refused("another tensor", stranger, &["text_model.q", "of no kind of adapter"]);
    let encoder = altered(&|state| {
        state.insert("lora_te_text_model_q.alpha".into(), HostTensor { shape: vec![], values: vec![1.0] });
    });
    assert_refused("a text encoder", encoder, &["lora_te_text_model_q", "a text encoder"]);
    let alpha = altered(&|state| {
        let name = format!("{}.alpha", module.trim_start_matches("base_model.model."));
        state.insert(name, HostTensor { shape: vec![], values: vec![f32::NAN] });
    });
    assert_refused("an alpha that is no number", alpha, &["attn1.to_q", "alpha"]);
    let empty = altered(&|state| state.clear());
    assert_refused("no factors", empty, &["lora_A", "lora_B"]);
}
