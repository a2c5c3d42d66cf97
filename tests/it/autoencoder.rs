//! The autoencoder against `AutoencoderKL`, with every parameter random.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use diffusion::autoencoder::burn::BurnAutoencoder;
use diffusion::autoencoder::files::{CONFIG, WEIGHTS};
use diffusion::autoencoder::init::initial_state;
use diffusion::autoencoder::parameters::shapes;
use diffusion::autoencoder::{Autoencoder, CpuAutoencoder};
use diffusion::config::AutoencoderConfig;
use diffusion::ops::Ops;
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::unet::burn::{self as modules, parameter_name, read_state};
use diffusion::unet::cpu::Scratch;

use crate::support::*;

const NAMES: [&str; 2] = ["colour", "grey"];

fn config_text(name: &str) -> String {
    text(fixture(&format!("autoencoder/{name}/{CONFIG}")))
}

fn weights(name: &str) -> Vec<u8> {
    bytes(fixture(&format!("autoencoder/{name}/{WEIGHTS}")))
}

fn autoencoder(name: &str) -> Autoencoder {
    Autoencoder::read(&config_text(name), &[&weights(name)]).unwrap()
}

fn values(name: &str) -> StateDict {
    tensors(&format!("autoencoder/{name}/values.safetensors"))
}

fn size(tensor: &HostTensor) -> [usize; 2] {
    [tensor.shape[2], tensor.shape[3]]
}

fn tensor(host: &HostTensor, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(host.values.clone(), host.shape.clone()), device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().unwrap()
}

#[test]
fn the_cpu_computes_what_diffusers_computes() {
    for name in NAMES {
        let Autoencoder { config, state } = autoencoder(name);
        let (network, wanted) = (CpuAutoencoder::new(&config, &state).unwrap(), values(name));
        let mut scratch = Scratch::default();
        let pictures = &wanted["pictures"];
        let latents = network.encode(&pictures.values, size(pictures), &mut scratch).unwrap();
        let decoded = network.decode(&wanted["latents"].values, size(&wanted["latents"]), &mut scratch).unwrap();
        for (what, got) in [("mean", &latents.mean), ("logvar", &latents.log_variance), ("decoded", &decoded)] {
            let off = assert_close(&format!("{name} {what}"), got, &wanted[what].values, 1e-4);
            println!("autoencoder {name} {what} on the CPU: {off:e}");
        }
        // One by one, the same bits.
        let alone: Vec<f32> = (wanted["latents"].values)
            .chunks_exact(wanted["latents"].values.len() / 2)
            .flat_map(|latents| network.decode(latents, size(&wanted["latents"]), &mut scratch).unwrap())
            .collect();
        assert_eq!(bits(&alone), bits(&decoded), "{name}");
    }
}

#[test]
#[allow(deprecated)] // burn prefers flex to ndarray; here they check each other.
fn burn_computes_what_diffusers_computes() {
    for name in NAMES {
        let Autoencoder { config, state } = autoencoder(name);
        let wanted = values(name);
        for (device, ops) in [
            (Device::flex(), Ops::Custom),
            (Device::flex(), Ops::Burn),
            (Device::ndarray(), Ops::Burn),
            (Device::flex().autodiff(), Ops::Custom),
        ] {
            let network = BurnAutoencoder::with_state(&config, &state, &device).unwrap();
            let [mean, log_variance] = network.encode(tensor(&wanted["pictures"], &device), ops);
            let decoded = network.decode(tensor(&wanted["latents"], &device), ops);
            for (what, got) in [("mean", mean), ("logvar", log_variance), ("decoded", decoded)] {
                let off = assert_close(&format!("{name} {what}"), &host(got), &wanted[what].values, 1e-4);
                println!("autoencoder {name} {what} by {ops:?}: {off:e}");
            }
        }
    }
}

struct Collect<'a> {
    path: Vec<String>,
    gradients: &'a Gradients,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).unwrap();
        let shape = gradient.dims().to_vec();
        let gradient = HostTensor { shape, values: host(gradient) }.transposed();
        self.found.insert(parameter_name(&self.path.join(".")), gradient.values);
    }
}

#[test]
fn gradients_are_those_of_pytorch() {
    let Autoencoder { config, state } = autoencoder("colour");
    let (values, wanted) = (values("colour"), tensors("autoencoder/colour/gradients.safetensors"));
    let device = Device::flex().autodiff();
    let network = BurnAutoencoder::with_state(&config, &state, &device).unwrap();
    for ops in [Ops::Custom, Ops::Burn] {
        let [mean, log_variance] = network.encode(tensor(&values["pictures"], &device), ops);
        let decoded = network.decode(mean, ops);
        let row: Tensor<1> = Tensor::cat(vec![decoded.flatten(0, 3), log_variance.flatten(0, 3)], 0);
        let factors: Vec<f32> = (0..row.dims()[0]).map(|i| (i as f32).sin()).collect();
        let gradients = (row * Tensor::<1>::from_floats(&factors[..], &device)).sum().backward();
        let mut collect = Collect { path: Vec::new(), gradients: &gradients, found: BTreeMap::new() };
        network.visit(&mut collect);
        assert!(collect.found.keys().eq(wanted.keys()), "all parameters have gradients");
        for (name, got) in &collect.found {
            let largest = wanted[name].values.iter().fold(0f32, |most, value| most.max(value.abs()));
            assert_close(name, got, &wanted[name].values, 2e-4 * largest.max(1.0));
        }
    }
}

#[test]
fn configurations_are_read_and_written_as_diffusers_writes_them() {
    for name in NAMES {
        let written: serde_json::Value = serde_json::from_str(&autoencoder(name).config.to_json()).unwrap();
        let mut theirs: serde_json::Value = serde_json::from_str(&config_text(name)).unwrap();
        theirs["force_upcast"] = false.into();
        assert_eq!(written, theirs, "{name}");
    }
    let grey = autoencoder("grey").config;
    assert_eq!((grey.factor(), grey.scaling_factor, grey.shift_factor), (4, 0.75, Some(0.125)));
    let sparse =
        AutoencoderConfig::from_json(r#"{"_class_name": "AutoencoderKL", "block_out_channels": [64]}"#).unwrap();
    assert_eq!((sparse.scaling_factor, sparse.norm_num_groups, sparse.use_quant_conv), (0.18215, 32, true));
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let good = config_text("colour");
    AutoencoderConfig::from_json(&good).unwrap();
    for (key, value, parts) in [
        ("_class_name", "\"AutoencoderTiny\"", &["AutoencoderTiny", "AutoencoderKL"][..]),
        ("act_fn", "\"relu\"", &["act_fn", "relu", "silu"]),
        ("down_block_types", "[\"DownEncoderBlock2D\", \"AttnDownEncoderBlock2D\"]", &["AttnDownEncoderBlock2D"]),
        ("latents_mean", "[0.5]", &["latents_mean", "leave it out"]),
        ("norm_num_groups", "3", &["4 channels", "norm_num_groups 3"]),
        ("norm_num_groups", "0", &["norm_num_groups", "1 to"]),
        ("block_out_channels", "[]", &["block_out_channels"]),
        ("block_out_channels", "[4, 0]", &["block_out_channels"]),
        ("layers_per_block", "1000000", &["layers_per_block"]),
        ("latent_channels", "-1", &["latent_channels"]),
        ("scaling_factor", "0", &["scaling_factor", "above 0"]),
        ("shift_factor", "\"much\"", &["shift_factor"]),
        ("use_quant_conv", "1", &["use_quant_conv", "true or false"]),
        ("something_new", "2", &["something_new 2", "leave it out"]),
    ] {
        let mut json: serde_json::Value = serde_json::from_str(&good).unwrap();
        json[key] = serde_json::from_str(value).unwrap();
        let message = assert_refused(key, AutoencoderConfig::from_json(&json.to_string()), parts);
        assert!(message.starts_with("vae/config.json: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_refused("half a file", AutoencoderConfig::from_json(&good[..99]), &["vae/config.json", "line"]);
}

#[test]
fn weights_of_others_are_named() {
    let (config, state) = (config_text("colour"), read_tensors(&weights("colour")).unwrap().0);
    let read = |state: &StateDict| {
        Autoencoder::read(&config, &[&write_tensors(state, Metadata::new(), Precision::F32).unwrap()])
    };
    let without = |name: &str| {
        let mut state = state.clone();
        state.remove(name).unwrap();
        state
    };
    assert_refused("a missing one", read(&without("quant_conv.bias")), &["quant_conv.bias"]);
    let mut more = state.clone();
    more.insert("encoder.temporal.weight".into(), state["quant_conv.bias"].clone());
    assert_refused("one too many", read(&more), &["encoder.temporal.weight"]);
    let mut broken = state.clone();
    broken.get_mut("decoder.conv_in.bias").unwrap().values[1] = f32::NAN;
    assert_refused("no number", read(&broken), &["decoder.conv_in.bias"]);
    assert_refused("no safetensors", Autoencoder::read(&config, &[b"PK"]), &["safetensors"]);
    assert_refused(
        "another's configuration",
        Autoencoder::read(&config_text("grey"), &[&weights("colour")]),
        &["do not fit"],
    );
    assert_refused(
        "twice",
        Autoencoder::read(&config, &[&weights("colour"), &weights("colour")]),
        &["two of its shards"],
    );

    // Older versions had other names, and 1 x 1 convolutions.
    let mut old = StateDict::new();
    for (name, mut tensor) in state.clone() {
        let mut renamed = name.clone();
        for (new, before) in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")] {
            renamed = renamed.replace(new, before);
        }
        if renamed != name && tensor.shape.len() == 2 {
            tensor.shape.extend([1, 1]);
        }
        old.insert(renamed, tensor);
    }
    assert_eq!(read(&old).unwrap(), autoencoder("colour"));
}

#[test]
fn what_is_written_is_read_again() {
    let colour = autoencoder("colour");
    let files = colour.files(Precision::F32).unwrap();
    assert_eq!(files.each_ref().map(|(name, _)| *name), [CONFIG, WEIGHTS]);
    let config = std::str::from_utf8(&files[0].1).unwrap();
    assert_eq!(Autoencoder::read(config, &[&files[1].1]).unwrap(), colour);
}

#[test]
fn pictures_that_do_not_fit_are_refused() {
    let Autoencoder { config, state } = autoencoder("grey");
    let network = CpuAutoencoder::new(&config, &state).unwrap();
    let mut scratch = Scratch::default();
    let refused = network.encode(&[0.0; 6 * 8], [6, 8], &mut scratch);
    assert_refused("a side", refused, &["1 x 6 x 8", "divide by 4"]);
    assert_refused("half a picture", network.encode(&[0.0; 96], [8, 8], &mut scratch), &["96 values"]);
    assert_refused("no pixel", network.decode(&[], [0, 4], &mut scratch), &["3 x 0 x 4"]);
    assert!(network.decode(&[], [2, 2], &mut scratch).unwrap().is_empty());
}

/// Starting weights are the same everywhere and load like any others; the default network is as small as it says.
#[test]
fn initial_weights() {
    let config = AutoencoderConfig::default();
    config.validate().unwrap();
    let state = initial_state(&config, 7);
    assert_eq!(state, initial_state(&config, 7));
    assert_ne!(state, initial_state(&config, 8));
    assert_eq!(state.values().map(|tensor| tensor.values.len()).sum::<usize>(), 242_327);
    let network = BurnAutoencoder::with_state(&config, &state, &Device::flex()).unwrap();
    assert_eq!(read_state(&network).unwrap(), state, "what went in comes out");
    assert_eq!(modules::shapes(&network), shapes(&config), "the modules are those of the topology");
    let network = CpuAutoencoder::new(&config, &state).unwrap();
    let pictures: Vec<f32> = (0..3 * 16 * 16).map(|i| (i as f32 * 0.1).sin()).collect();
    let latents = network.encode(&pictures, [16, 16], &mut Scratch::default()).unwrap();
    assert!(latents.log_variance.iter().all(|value| *value < -4.0), "little noise to begin with");
    let decoded = network.decode(&latents.mean, [4, 4], &mut Scratch::default()).unwrap();
    assert!(decoded.iter().any(|value| value.abs() > 1e-3), "the decoder's gradients reach the encoder");
}
