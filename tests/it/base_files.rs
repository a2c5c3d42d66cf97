//! Base folders: what is written is read again, and weights that do not fit are refused by name.

use burn::tensor::Device;
use diffusion::base::{INFO, SCHEDULER_CONFIG, UNET_CONFIG, WEIGHTS, base_files, shards};
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::unet::burn::BurnUNet;
use diffusion::{Base, BaseFiles};

use crate::support::*;

fn written(base: &Base, precision: Precision) -> Folder {
    let files = base_files(base, precision).unwrap();
    let bytes = |path: &str| files.iter().find(|(name, _)| *name == path).unwrap().1.clone();
    let text = |path: &str| String::from_utf8(bytes(path)).unwrap();
    assert_eq!(files.len(), 4);
    Folder {
        info: text(INFO),
        unet_config: text(UNET_CONFIG),
        scheduler_config: text(SCHEDULER_CONFIG),
        weights: bytes(WEIGHTS),
    }
}

#[test]
fn f32_round_trip_changes_nothing() {
    for name in ["tiny", "uneven"] {
        let base = base(name);
        let folder = written(&base, Precision::F32);
        let again = folder.read().unwrap();
        assert_eq!(again.info, base.info, "{name}");
        assert_eq!(again.unet, base.unet, "{name}");
        assert_eq!(again.schedule, base.schedule, "{name}");
        assert_eq!(again.state, base.state, "{name}");
        assert_eq!(written(&again, Precision::F32).weights, folder.weights, "{name}: equal bytes");
    }
}

/// diffusers cuts large weights into shards, with a list beside them.
#[test]
fn shards_are_one_model() {
    let folder = Folder::open(&fixture("unet/tiny"));
    let whole = folder.read().unwrap();
    let half = whole.state.len() / 2;
    let (mut first, second) = (whole.state.clone(), whole.state.clone().into_iter().skip(half).collect::<StateDict>());
    first.retain(|name, _| !second.contains_key(name));
    let name = |part: usize| format!("diffusion_pytorch_model-{part:05}-of-00002.safetensors");
    let map =
        |part, tensors: &StateDict| tensors.keys().map(|key| (key.clone(), name(part).into())).collect::<Vec<_>>();
    let entries: serde_json::Map<_, _> = [map(2, &second), map(1, &first)].concat().into_iter().collect();
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": entries }).to_string();
    assert_eq!(shards(&index).unwrap(), [name(1), name(2)]);

    let bytes = |state: &StateDict| write_tensors(state, Metadata::new(), Precision::F32).unwrap();
    let (first, second) = (bytes(&first), bytes(&second));
    let read = |weights: &[&[u8]]| {
        let Folder { info, unet_config, scheduler_config, .. } = &folder;
        Base::read(&BaseFiles { info, unet_config, scheduler_config, weights })
    };
    assert_eq!(read(&[&first, &second]).unwrap().state, whole.state);
    assert_refused("a shard twice", read(&[&first, &second, &first]), &["in two of its shards"]);
    let lacking = read(&[&first]).and_then(|base| BurnUNet::from_base(&base, &Device::flex()));
    assert_refused("one shard alone", lacking, &["missing"]);

    for (what, index) in [
        ("no list", "{}"),
        ("an empty list", r#"{"weight_map": {}}"#),
        ("a number", r#"{"weight_map": {"a": 1}}"#),
        ("a file elsewhere", r#"{"weight_map": {"a": "../secret"}}"#),
        ("an address", r#"{"weight_map": {"a": "https://a.example/b"}}"#),
    ] {
        assert_refused(what, shards(index), &["index.json", "weight_map"]);
    }
}

#[test]
fn f16_round_trip_rounds_once() {
    let base = base("tiny");
    let folder = written(&base, Precision::F16);
    let again = folder.read().unwrap();
    assert!(folder.weights.len() < written(&base, Precision::F32).weights.len() * 2 / 3);
    for (name, tensor) in &base.state {
        let rounded = &again.state[name];
        assert_eq!(rounded.shape, tensor.shape, "{name}");
        for (value, rounded) in tensor.values.iter().zip(&rounded.values) {
            // Half a unit in the last of 11 places; below 2^-14 the places are fixed.
            let most = (value.abs() * 2f32.powi(-11)).max(2f32.powi(-25));
            assert!((value - rounded).abs() <= most, "{name}: {value} became {rounded}");
        }
    }
    assert_eq!(written(&again, Precision::F16).weights, folder.weights, "f16 values are f16 values");
    BurnUNet::from_base(&again, &Device::flex()).unwrap();
}

#[test]
fn a_value_too_large_for_f16_is_refused() {
    let mut state = StateDict::new();
    state.insert("large".into(), HostTensor { shape: vec![2], values: vec![1.0, 70_000.0] });
    let result = write_tensors(&state, Metadata::new(), Precision::F16);
    assert_refused("70,000 as f16", result, &["large", "70000", "f16"]);
    write_tensors(&state, Metadata::new(), Precision::F32).unwrap();
}

#[test]
fn metadata_survives() {
    let metadata = Metadata::from([("b".into(), "\"quoted\"\n".into()), ("a".into(), "ä".into())]);
    let state = base("tiny").state;
    let bytes = write_tensors(&state, metadata.clone(), Precision::F32).unwrap();
    assert_eq!(read_tensors(&bytes).unwrap(), (state, metadata));
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let device = Device::flex();
    let pristine = base("tiny");
    let altered = |change: &dyn Fn(&mut StateDict)| {
        let mut base = pristine.clone();
        change(&mut base.state);
        BurnUNet::from_base(&base, &device)
    };
    let removed = altered(&|state| {
        state.remove("mid_block.resnets.1.conv2.weight");
    });
    assert_refused("a missing tensor", removed, &["1 missing (mid_block.resnets.1.conv2.weight)"]);

    let added = altered(&|state| {
        state.insert("class_embedding.weight".into(), HostTensor { shape: vec![1], values: vec![0.0] });
    });
    assert_refused("a tensor too many", added, &["1 unexpected (class_embedding.weight)"]);

    let reshaped = altered(&|state| {
        let name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";
        state.get_mut(name).unwrap().shape = vec![12, 8];
    });
    let parts = ["1 of the wrong shape", "attn2.to_k.weight is [12, 8], should be [8, 12]"];
    assert_refused("a transposed tensor", reshaped, &parts);

    let renamed = altered(&|state| {
        for name in ["conv_in.weight", "conv_out.bias"] {
            let tensor = state.remove(name).unwrap();
            state.insert(format!("model.{name}"), tensor);
        }
        state.get_mut("conv_norm_out.weight").unwrap().shape = vec![2, 4];
    });
    let parts = [
        "2 missing (conv_in.weight, conv_out.bias)",
        "2 unexpected (model.conv_in.weight, model.conv_out.bias)",
        "1 of the wrong shape or type (conv_norm_out.weight is [2, 4], should be [8])",
    ];
    assert_refused("everything wrong at once", renamed, &parts);

    let emptied = altered(&|state| state.clear());
    assert_refused("an empty file", emptied, &["288 missing", "…"]);
}

#[test]
fn files_of_another_model_are_refused() {
    let open = |name: &str| Folder::open(&fixture("unet").join(name));
    let mixed = Folder { unet_config: open("uneven").unet_config, ..open("tiny") };
    assert_refused("tiny with uneven's config", mixed.read(), &["digit_diffusion.json", "in_channels"]);

    let other_weights = Folder { weights: open("uneven").weights, ..open("tiny") };
    let built = BurnUNet::from_base(&other_weights.read().unwrap(), &Device::flex());
    assert_refused("tiny with uneven's weights", built, &["the weights do not fit", "unexpected", "wrong shape"]);
}
