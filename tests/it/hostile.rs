//! Files that are cut, random, or lie about themselves: always an error, never a panic.

use burn::tensor::Device;
use diffusion::Base;
use diffusion::config::{AutoencoderConfig, ModelInfo, UNetConfig};
use diffusion::noise::NoiseSource;
use diffusion::peft::{PeftConfig, read_adapter};
use diffusion::schedule::ScheduleConfig;
use diffusion::tensors::read_tensors;
use diffusion::unet::burn::BurnUNet;
use serde_json::{Value, json};

use crate::lora::{adapter_config, adapter_file};
use crate::support::*;

/// Length of the header, its own length field included.
fn header_end(file: &[u8]) -> usize {
    8 + u64::from_le_bytes(*file.first_chunk::<8>().unwrap()) as usize
}

/// Every length near where something begins or ends, and some of the rest.
fn lengths(file: &[u8]) -> Vec<usize> {
    let end = header_end(file);
    let near = |at: usize| at.saturating_sub(20)..(at + 20).min(file.len());
    let mut lengths: Vec<usize> = (0..600).chain(near(end)).chain(near(file.len())).collect();
    lengths.extend((0..file.len()).step_by(997));
    lengths.retain(|&length| length < file.len());
    lengths
}

#[test]
fn truncated_weights() {
    let mut folder = Folder::open(&fixture("unet/tiny"));
    let whole = std::mem::take(&mut folder.weights);
    for length in lengths(&whole) {
        folder.weights = whole[..length].to_vec();
        assert_refused(&format!("{length} bytes"), folder.read(), &["not a readable safetensors file"]);
    }
    folder.weights = [&whole[..], &[0; 4]].concat();
    assert_refused("four bytes too many", folder.read(), &["not a readable safetensors file"]);
}

#[test]
fn truncated_adapters() {
    let base = base("tiny");
    let whole = adapter_file("plain");
    let config = adapter_config("plain");
    for length in lengths(&whole) {
        let result = read_adapter(&whole[..length], Some(&config), &base.state);
        assert_refused(&format!("{length} bytes"), result, &["not a readable safetensors file"]);
    }
}

/// The softmax of attention would make something finite of them.
#[test]
fn values_that_are_no_numbers() {
    let mut folder = Folder::open(&fixture("unet/tiny"));
    let base = folder.read().unwrap();
    let with_last = |file: &[u8], value: f32| [&file[..file.len() - 4], &value.to_le_bytes()].concat();
    let (weights, adapter) = (folder.weights.clone(), adapter_file("plain"));
    for value in [f32::NAN, f32::NEG_INFINITY] {
        folder.weights = with_last(&weights, value);
        assert_refused("weights", folder.read(), &["has values that are no numbers"]);
        let result = read_adapter(&with_last(&adapter, value), Some(&adapter_config("plain")), &base.state);
        assert_refused("an adapter", result, &["has values that are no numbers"]);
    }
}

#[test]
fn random_bytes() {
    let base = base("tiny");
    let mut noise = NoiseSource::new(11);
    for length in 0..2000 {
        let mut file: Vec<u8> = (0..length).map(|_| noise.below(256) as u8).collect();
        if length > 16 && length % 2 == 0 {
            // A believable header length, so that the parser goes on.
            let claimed = noise.below(length) as u64;
            file[..8].copy_from_slice(&claimed.to_le_bytes());
            file[8] = b'{';
        }
        assert!(read_tensors(&file).is_err(), "{length} random bytes");
        assert!(read_adapter(&file, None, &base.state).is_err(), "{length} random bytes");
    }
}

/// Flipped bits in the header may leave a readable file; then the network refuses what does not fit.
#[test]
fn flipped_header_bytes() {
    let mut folder = Folder::open(&fixture("unet/tiny"));
    let base = folder.read().unwrap();
    let (whole, device) = (folder.weights.clone(), Device::flex());
    let end = header_end(&whole);
    let mut noise = NoiseSource::new(12);
    let mut refused = 0;
    for _ in 0..600 {
        folder.weights.clone_from(&whole);
        folder.weights[noise.below(end)] ^= 1 << noise.below(8);
        refused += usize::from(folder.read().and_then(|base| BurnUNet::from_base(&base, &device)).is_err());
    }
    assert!(refused > 500, "{refused} of 600 refused: the rest only touched spaces or metadata");
    assert!(read_tensors(&whole).unwrap().0 == base.state);
}

fn with_header(header: &Value, data: usize) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn headers_that_lie() {
    let tensor = |dtype: &str, shape: Value, from: u64, to: u64| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    let good = json!({"a": tensor("F32", json!([2, 2]), 0, 16)});
    assert_eq!(read_tensors(&with_header(&good, 16)).unwrap().0["a"].values, [0.0; 4]);

    let table = [
        ("data beyond the end", json!({"a": tensor("F32", json!([2, 2]), 16, 32)}), 16),
        ("offsets the wrong way round", json!({"a": tensor("F32", json!([2, 2]), 16, 0)}), 16),
        ("a shape larger than its data", json!({"a": tensor("F32", json!([2, 3]), 0, 16)}), 16),
        ("a shape smaller than its data", json!({"a": tensor("F32", json!([2]), 0, 16)}), 16),
        ("a shape beyond counting", json!({"a": tensor("F32", json!([u64::MAX, u64::MAX]), 0, 16)}), 16),
        ("an overflowing shape", json!({"a": tensor("F32", json!([1u64 << 62, 4]), 0, 16)}), 16),
        ("a negative shape", json!({"a": tensor("F32", json!([-2, -2]), 0, 16)}), 16),
        ("an unknown type", json!({"a": tensor("F33", json!([2, 2]), 0, 16)}), 16),
        ("a type that is not read", json!({"a": tensor("BOOL", json!([16]), 0, 16)}), 16),
        (
            "a hole in the data",
            json!({"a": tensor("F32", json!([1]), 0, 4), "b": tensor("F32", json!([1]), 12, 16)}),
            16,
        ),
        (
            "two tensors in one place",
            json!({"a": tensor("F32", json!([4]), 0, 16), "b": tensor("F32", json!([4]), 0, 16)}),
            16,
        ),
        ("no data at all", json!({"a": tensor("F32", json!([2, 2]), 0, 16)}), 0),
        (
            "metadata that is not text",
            json!({"__metadata__": {"format": 1}, "a": tensor("F32", json!([4]), 0, 16)}),
            16,
        ),
        ("a list", json!([1, 2, 3]), 16),
        ("a number", json!(7), 0),
    ];
    let base = base("tiny");
    for (what, header, data) in table {
        let file = with_header(&header, data);
        assert_refused(what, read_tensors(&file), &["safetensors"]);
        assert!(read_adapter(&file, None, &base.state).is_err(), "{what}");
    }

    for claimed in [0, 1, 15, 17, 1 << 20, 1 << 40, u64::MAX - 7, u64::MAX] {
        let mut file = with_header(&good, 16);
        file[..8].copy_from_slice(&u64::to_le_bytes(claimed));
        assert_refused(&format!("a header of {claimed} bytes"), read_tensors(&file), &["safetensors"]);
    }
    let deep = [&200_000u64.to_le_bytes()[..], "[".repeat(200_000).as_bytes()].concat();
    assert_refused("a very deep header", read_tensors(&deep), &["safetensors"]);
}

#[test]
fn truncated_and_deep_configuration() {
    type Read = fn(&str) -> bool;
    let unet = |path: &str| text(fixture("unet/tiny").join(path));
    let table: [(&str, String, Read); 5] = [
        ("config.json", unet("unet/config.json"), |text| UNetConfig::from_json(text).is_ok()),
        ("vae/config.json", text(fixture("autoencoder/grey/vae/config.json")), |text| {
            AutoencoderConfig::from_json(text).is_ok()
        }),
        ("digit_diffusion.json", unet("digit_diffusion.json"), |text| ModelInfo::from_json(text).is_ok()),
        ("scheduler", unet("scheduler/scheduler_config.json"), |text| ScheduleConfig::from_json(text).is_ok()),
        ("adapter_config.json", adapter_config("patterned"), |text| PeftConfig::from_json(text).is_ok()),
    ];
    for (what, text, accepted) in table {
        let text = text.trim_end();
        assert!(accepted(text), "{what}");
        for length in (0..text.len()).filter(|&length| text.is_char_boundary(length)) {
            assert!(!accepted(&text[..length]), "{what}, {length} bytes");
        }
        assert!(!accepted(&"[".repeat(100_000)), "{what}");
        assert!(!accepted(&"{\"a\":".repeat(100_000)), "{what}");
    }
}

/// A weights file of nothing but zeros is a valid one: it must load, and sampling must not divide by it.
#[test]
fn zeros_are_weights_too() {
    let mut base: Base = base("tiny");
    for tensor in base.state.values_mut() {
        tensor.values.fill(0.0);
    }
    let model = diffusion::Model::new(base, diffusion::Backend::Cpu).unwrap();
    for step in model.generate(diffusion::Request::new(0, 1)).unwrap() {
        assert!(step.unwrap().sample.iter().all(|value| value.is_finite()));
    }
}
