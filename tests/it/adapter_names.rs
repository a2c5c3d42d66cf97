//! Names and alphas of adapters as other tools write them, and what diffusers and PEFT draw with such files.

use diffusion::adapter::Adapter;
use diffusion::peft::read_adapter;
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::{Backend, Base, Model};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::lora::{adapter_config, adapter_file};
use crate::support::*;

/// The plain adapter with its factors under other names.
fn renamed(
    base: &Base,
    a: &dyn Fn(&str) -> String,
    b: &dyn Fn(&str) -> String,
    config: bool,
) -> diffusion::Result<Adapter> {
    let plain = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &base.state)?;
    let mut state = StateDict::new();
    for (path, factors) in factors(&plain) {
        state.insert(a(path), factors.a.clone());
        state.insert(b(path), factors.b.clone());
    }
    let file = write_tensors(&state, Metadata::new(), Precision::F32)?;
    read_adapter(&file, config.then(|| adapter_config("plain")).as_deref(), &base.state)
}

#[test]
fn compiled_and_wrapped_networks_leave_their_words_in_the_names() {
    let base = base("tiny");
    let plain = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &base.state).unwrap();
    for prefix in [
        "base_model.model._orig_mod.",
        "base_model.model.module.",
        "base_model.model.module._orig_mod.",
        "base_model.model.base_model.model.",
        "base_model.model.unet.",
        "base_model.model._fsdp_wrapped_module.",
        "module.base_model.model.",
    ] {
        let name = |part: &'static str| move |path: &str| format!("{prefix}{path}.lora_{part}.weight");
        assert_eq!(renamed(&base, &name("A"), &name("B"), true).unwrap(), plain, "{prefix}");
    }
    let within = |part: &'static str| {
        move |path: &str| {
            format!("base_model.model.{}.lora_{part}.weight", path.replace("attentions.0", "attentions.0._orig_mod"))
        }
    };
    assert_eq!(renamed(&base, &within("A"), &within("B"), true).unwrap(), plain, "a block that was compiled");
    let named = |part: &'static str| move |path: &str| format!("base_model.model.{path}.lora_{part}.my-style.weight");
    assert_eq!(renamed(&base, &named("A"), &named("B"), true).unwrap(), plain, "an adapter with a name");
}

#[test]
fn names_of_diffusers_kohya_and_lycoris() {
    let base = base("tiny");
    let plain = read_adapter(&adapter_file("plain"), Some(&adapter_config("plain")), &base.state).unwrap();
    let same_modules = |what: &str, adapter: diffusion::Result<Adapter>| {
        let adapter = adapter.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(adapter.modules.keys().eq(plain.modules.keys()), "{what}");
        for (path, factors) in factors(&adapter) {
            let want = lora(&plain.modules[path]);
            assert_eq!((&factors.a, &factors.b, factors.scaling), (&want.a, &want.b, 1.0), "{what}: {path}");
        }
    };
    for prefix in ["lora_unet_", "lycoris_", "lora_unet__orig_mod_", "lycoris_module_"] {
        let name =
            |part: &'static str| move |path: &str| format!("{prefix}{}.lora_{part}.weight", path.replace('.', "_"));
        same_modules(prefix, renamed(&base, &name("down"), &name("up"), false));
    }
    for (prefix, middle) in
        [("unet.", ".lora."), ("unet._orig_mod.", ".lora."), ("unet.", ".lora_linear_layer."), ("", ".lora.")]
    {
        let name = |part: &'static str| move |path: &str| format!("{prefix}{path}{middle}{part}.weight");
        same_modules(&format!("{prefix}{middle}"), renamed(&base, &name("down"), &name("up"), false));
    }
    for prefix in ["unet.", ""] {
        // attn1.to_q -> attn1.processor.to_q_lora
        let name = |part: &'static str| {
            move |path: &str| {
                let (attention, module) = path.rsplit_once('.').unwrap();
                format!("{prefix}{attention}.processor.{module}_lora.{part}.weight")
            }
        };
        same_modules("an attention processor", renamed(&base, &name("down"), &name("up"), false));
    }
}

/// diffusers' pipelines keep the settings of all their networks in one place.
#[test]
fn settings_of_text_encoders_are_not_the_networks() {
    let base = base("tiny");
    let (tensors, _) = read_tensors(&adapter_file("plain")).unwrap();
    let renamed = tensors.into_iter().map(|(name, tensor)| (name.replace("base_model.model.", "unet."), tensor));
    let settings = serde_json::json!({
        "unet.r": 4, "unet.lora_alpha": 12, "unet.alpha_pattern": { "attn2.to_q": 2, "to_q": 6 },
        "text_encoder.r": 8, "text_encoder.lora_alpha": 1, "text_encoder.alpha_pattern": { "to_q": 99 },
    });
    let metadata = Metadata::from([("lora_adapter_metadata".into(), settings.to_string())]);
    let file = write_tensors(&renamed.collect(), metadata, Precision::F32).unwrap();
    let adapter = read_adapter(&file, None, &base.state).unwrap();
    let scaling =
        |end: &str| adapter.modules.iter().find(|(path, _)| path.ends_with(end)).unwrap().1.scaling().unwrap();
    assert_eq!([scaling("to_k"), scaling("attn1.to_q"), scaling("attn2.to_q")], [3.0, 1.5, 0.5]);
}

/// What diffusers draws with a file of attention processors, and PEFT with factors of convolutions.
#[test]
fn processors_and_convolutions_draw_what_diffusers_and_peft_draw() {
    let (inputs, outputs) = (tensors("lora/expected.safetensors"), tensors("lora/dialects.safetensors"));
    let processors = bytes(fixture("lora/processors.safetensors"));
    let convolutions = adapter_file("conv");
    let config = adapter_config("conv");
    for (name, file, config, modules) in
        [("processors", &processors, None, 8), ("conv", &convolutions, Some(config.as_str()), 29)]
    {
        for (device, backend) in backends() {
            let mut model = Model::new(base("tiny"), backend).unwrap();
            let found = model.add_adapter(name, file, config).unwrap().modules.len();
            assert_eq!(found, modules, "{name}");
            model.set_adapters([(name.to_owned(), 1.0)].into()).unwrap();
            let got = model.predict(&inputs["sample"], &inputs["timestep"].values, &labels(&inputs["label"])).unwrap();
            let want = &outputs[&format!("{name}.output")].values;
            let off = assert_close(&format!("{name} on {device}"), &got, want, 1e-4);
            assert!(max_abs_diff(want, &inputs["base.output"].values) > 1e-2, "{name} changes something");
            println!("{name} on {device}: {off:e}");
        }
    }
}

/// A 1 x 1 convolution is a Linear: factors come in either shape, and get the base's.
#[test]
fn factors_of_one_by_one_convolutions_come_as_matrices_too() {
    let base = base("tiny");
    let path = "mid_block.attentions.0.proj_in";
    let name = |part: &str| format!("lora_unet_{}.lora_{part}.weight", path.replace('.', "_"));
    let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
    let read = |a: &[usize], b: &[usize]| {
        let state = StateDict::from([(name("down"), tensor(a)), (name("up"), tensor(b))]);
        read_adapter(&write_tensors(&state, Metadata::new(), Precision::F32).unwrap(), None, &base.state)
    };
    let (matrices, kernels) = (read(&[2, 16], &[16, 2]).unwrap(), read(&[2, 16, 1, 1], &[16, 2, 1, 1]).unwrap());
    assert_eq!(matrices, kernels);
    assert_eq!(lora(&kernels.modules[path]).a.shape, [2, 16, 1, 1]);
    assert_refused("a 3 x 3 kernel", read(&[2, 16, 3, 3], &[16, 2, 1, 1]), &[path, "[16, 16, 1, 1]", "another model"]);
    assert_refused("a B of 3 x 3", read(&[2, 16, 1, 1], &[16, 2, 3, 3]), &[path, "of a convolution"]);
}

#[test]
fn alphas_are_numbers_of_any_type() {
    let base = base("tiny");
    let path = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    let stem = format!("lora_unet_{}", path.replace('.', "_"));
    let (down, up) = (vec![0u8; 2 * 16 * 4], vec![0u8; 16 * 2 * 4]);
    let alphas: [(Dtype, Vec<u8>); 13] = [
        (Dtype::F64, 3f64.to_le_bytes().into()),
        (Dtype::F32, 3f32.to_le_bytes().into()),
        (Dtype::F16, 0x4200u16.to_le_bytes().into()),
        (Dtype::BF16, 0x4040u16.to_le_bytes().into()),
        (Dtype::F8_E4M3, vec![0x44]),
        (Dtype::F8_E5M2, vec![0x42]),
        (Dtype::I64, 3i64.to_le_bytes().into()),
        (Dtype::U64, 3u64.to_le_bytes().into()),
        (Dtype::I32, 3i32.to_le_bytes().into()),
        (Dtype::U32, 3u32.to_le_bytes().into()),
        (Dtype::I16, 3i16.to_le_bytes().into()),
        (Dtype::U8, vec![3]),
        (Dtype::I8, vec![3]),
    ];
    for (dtype, alpha) in alphas {
        for shape in [vec![], vec![1]] {
            let views = [
                (format!("{stem}.alpha"), TensorView::new(dtype, shape, &alpha).unwrap()),
                (format!("{stem}.lora_down.weight"), TensorView::new(Dtype::F32, vec![2, 16], &down).unwrap()),
                (format!("{stem}.lora_up.weight"), TensorView::new(Dtype::F32, vec![16, 2], &up).unwrap()),
            ];
            let file = safetensors::serialize(views, None).unwrap();
            let adapter = read_adapter(&file, None, &base.state).unwrap();
            assert_eq!(lora(&adapter.modules[path]).scaling, 1.5, "{dtype:?}");
        }
    }
    let two = [3f32.to_le_bytes(), 3f32.to_le_bytes()].concat();
    let views = [
        (format!("{stem}.alpha"), TensorView::new(Dtype::F32, vec![2], &two).unwrap()),
        (format!("{stem}.lora_down.weight"), TensorView::new(Dtype::F32, vec![2, 16], &down).unwrap()),
        (format!("{stem}.lora_up.weight"), TensorView::new(Dtype::F32, vec![16, 2], &up).unwrap()),
    ];
    let file = safetensors::serialize(views, None).unwrap();
    assert!(read_adapter(&file, None, &base.state).is_err(), "an alpha of two numbers");
}

/// Every value of PyTorch's 8-bit floats that is known by name, in the two types.
#[test]
fn eight_bit_floats() {
    let cases = [
        (
            Dtype::F8_E4M3,
            vec![0x00, 0x01, 0x08, 0x38, 0x7e, 0xb8, 0x80],
            vec![0.0, 2f32.powi(-9), 2f32.powi(-6), 1.0, 448.0, -1.0, -0.0],
        ),
        (
            Dtype::F8_E5M2,
            vec![0x00, 0x01, 0x04, 0x3c, 0x7b, 0xbc],
            vec![0.0, 2f32.powi(-16), 2f32.powi(-14), 1.0, 57344.0, -1.0],
        ),
    ];
    for (dtype, data, want) in cases {
        let view = TensorView::new(dtype, vec![data.len()], &data).unwrap();
        let file = safetensors::serialize([("x", view)], None).unwrap();
        assert_eq!(bits(&read_tensors(&file).unwrap().0["x"].values), bits(&want), "{dtype:?}");
    }
}

#[test]
fn names_that_are_not_the_bases_are_said() {
    let base = base("tiny");
    let name = |part: &'static str| {
        move |path: &str| format!("base_model.model.{}.lora_{part}.weight", path.replace("attentions", "attns"))
    };
    let result = renamed(&base, &name("A"), &name("B"), true);
    let message = assert_refused(
        "other names",
        result,
        &["modules (down_blocks.0.attns.0", "called like down_blocks.0.attentions"],
    );
    assert!(!message.contains("another model"), "{message}");

    let (mut state, _) = read_tensors(&adapter_file("plain")).unwrap();
    let module = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    let a = state[&format!("base_model.model.{module}.lora_A.weight")].clone();
    state.insert(format!("base_model.model._orig_mod.{module}.lora_A.weight"), a);
    let file = write_tensors(&state, Metadata::new(), Precision::F32).unwrap();
    let twice = read_adapter(&file, Some(&adapter_config("plain")), &base.state);
    assert_refused("a factor twice", twice, &[module, "twice"]);
}

#[test]
fn the_cpu_takes_an_adapter_of_each_dialect_at_once() {
    let mut model = Model::new(base("tiny"), Backend::Cpu).unwrap();
    model.add_adapter("conv", &adapter_file("conv"), Some(&adapter_config("conv"))).unwrap();
    model.add_adapter("processors", &bytes(fixture("lora/processors.safetensors")), None).unwrap();
    let conv1 =
        model.adapter_modules("conv").unwrap().into_iter().find(|module| module.path.ends_with("conv1")).unwrap();
    assert!(conv1.norm > 0.0 && conv1.relative_norm > 0.0);
    let inputs = tensors("lora/expected.safetensors");
    let draw = |model: &Model| {
        bits(&model.predict(&inputs["sample"], &inputs["timestep"].values, &labels(&inputs["label"])).unwrap())
    };
    let base = draw(&model);
    model.set_adapters([("conv".to_owned(), 0.5), ("processors".to_owned(), -1.0)].into()).unwrap();
    assert_ne!(draw(&model), base);
    model.set_adapters(Default::default()).unwrap();
    assert_eq!(draw(&model), base, "off is the base, bit for bit");
}
