//! Quantized weights: what is written is read again, near to what it was made from, and damaged files are refused.

use diffusion::quantize::origin;
use diffusion::quantize::{Quantization, quantize};
use diffusion::state::StateDict;
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::{Backend, Model};
use serde_json::{Value, json};

use crate::support::*;

const LIST: &str = "digit_diffusion.quantized";

/// A file's header, changed; the tensors' bytes stay.
fn with_header(file: &[u8], change: impl Fn(&mut Value)) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&file[8..end]).unwrap();
    change(&mut header);
    let text = header.to_string();
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &file[end..]].concat()
}

/// The list in a file's metadata, changed.
fn with_list(file: &[u8], change: impl Fn(&mut Value)) -> Vec<u8> {
    with_header(file, |header| {
        let text = header["__metadata__"][LIST].as_str().unwrap();
        let mut list: Value = serde_json::from_str(text).unwrap();
        change(&mut list);
        header["__metadata__"][LIST] = list.to_string().into();
    })
}

/// Root mean square of the differences, over that of the values.
fn off(got: &StateDict, want: &StateDict, name: &str) -> f32 {
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>();
    let want = &want[name].values;
    let differences = square(&mut got[name].values.iter().zip(want).map(|(got, want)| got - want));
    if differences == 0.0 { 0.0 } else { (differences / square(&mut want.iter().copied())).sqrt() }
}

#[test]
fn weights_come_back_within_their_bits() {
    let folder = Folder::open(&fixture("unet/uneven"));
    let file = write_tensors(&folder.read().unwrap().state, Metadata::new(), Precision::F16).unwrap();
    let (state, _) = read_tensors(&file).unwrap();
    for (quantization, tolerance) in [(Quantization::Int8, 0.012), (Quantization::Int6, 0.05)] {
        let packed = quantize(&file, &"ab".repeat(32), quantization).unwrap();
        assert_eq!(packed, quantize(&file, &"ab".repeat(32), quantization).unwrap(), "equal files");
        assert_eq!(origin(&packed), Some((quantization.name().to_owned(), "ab".repeat(32))));
        assert!(packed.len() < file.len(), "{} of {} bytes", packed.len(), file.len());
        let (again, metadata) = read_tensors(&packed).unwrap();
        assert!(!metadata.contains_key(LIST), "it is read, and done with");
        assert_eq!(again.keys().collect::<Vec<_>>(), state.keys().collect::<Vec<_>>());
        let mut changed = 0;
        for (name, tensor) in &again {
            assert_eq!(tensor.shape, state[name].shape, "{name}");
            let off = off(&again, &state, name);
            assert!(off < tolerance, "{name} is {off} off");
            changed += usize::from(off > 0.0);
            let stays = tensor.shape.len() < 2 || ["conv_in.weight", "conv_out.weight"].contains(&name.as_str());
            assert!(!stays || off == 0.0, "{name} is not quantized");
        }
        assert!(changed > 20, "{changed} tensors changed");
    }
    assert_eq!(origin(&file), None);
    assert_eq!(origin(b"something else"), None);
}

#[test]
fn damaged_ones_are_refused_in_a_sentence() {
    let mut folder = Folder::open(&fixture("unet/tiny"));
    let whole = quantize(&folder.weights, &"ab".repeat(32), Quantization::Int6).unwrap();
    let name = "mid_block.resnets.0.conv1.weight";
    let scale = format!("{name}.scale");
    let mut refuse = |what: &str, weights: Vec<u8>, told: &[&str]| {
        folder.weights = weights;
        assert_refused(what, folder.read(), &[&["quantized weights cannot be unpacked"], told].concat());
    };
    let list = |value: &str| with_header(&whole, |header| header["__metadata__"][LIST] = value.into());
    refuse("no JSON", list("{"), &["no JSON object"]);
    refuse("no object", list("[]"), &["no JSON object"]);
    for entry in
        [json!({ "bits": 9, "shape": [1] }), json!({ "bits": 1, "shape": [1] }), json!({ "bits": 6 }), json!(null)]
    {
        refuse("an entry", with_list(&whole, |list| list[name] = entry.clone()), &["no bits from 2 to 8", name]);
    }
    refuse("a side below 0", with_list(&whole, |list| list[name]["shape"][0] = json!(-1)), &["no shape", name]);
    let renamed = |from: &str| {
        with_header(&whole, |header| {
            let entry = header.as_object_mut().unwrap().remove(from).unwrap();
            header["another"] = entry;
        })
    };
    refuse("no tensor", renamed(name), &[name, "not there"]);
    refuse("no scales", renamed(&scale), &[&scale, "not there"]);
    refuse("another type", with_header(&whole, |header| header[name]["dtype"] = "I8".into()), &[name, "not there"]);
    for shape in [json!([1u64 << 40, 1u64 << 40]), json!([]), json!([0]), json!([u64::MAX]), json!([7, 5])] {
        refuse(
            "a shape",
            with_list(&whole, |list| list[name]["shape"] = shape.clone()),
            &[name, "as its shape asks for"],
        );
    }
    refuse("other bits", with_list(&whole, |list| list[name]["bits"] = json!(7)), &[name, "as its shape asks for"]);
    let header: Value =
        serde_json::from_slice(&whole[8..8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize]).unwrap();
    let at = whole.len() - data_length(&header) + header[&scale]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut broken = whole.clone();
    broken[at..at + 2].copy_from_slice(&0x7e00u16.to_le_bytes());
    refuse("a scale that is no number", broken, &[&scale, "no numbers"]);
    folder.weights = whole;
    assert!(folder.read().is_ok());
}

fn data_length(header: &Value) -> usize {
    let ends = header.as_object().unwrap().values().filter_map(|entry| entry["data_offsets"][1].as_u64());
    ends.max().unwrap() as usize
}

/// What the page takes, against diffusers' pictures from the weights that it was made from.
#[test]
fn the_shipped_ones_draw_almost_the_same() {
    /// Root mean square over the pixels, in levels of 255.
    const LEVELS: f32 = 8.0;
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models");
    let mut folder = Folder::open(&models.join("base"));
    let whole = folder.weights.len();
    folder.weights = bytes(models.join("base").join(diffusion::base::QUANTIZED_WEIGHTS));
    assert!(folder.weights.len() * 20 < whole * 9, "{} of {whole} bytes", folder.weights.len());
    let (file, metadata) = read_tensors(&bytes(fixture("shipped.safetensors"))).unwrap();
    let about: Value = serde_json::from_str(&metadata["about"]).unwrap();
    assert_eq!(origin(&folder.weights).unwrap().1, about["sha256"]["base"].as_str().unwrap());
    let mut model = Model::new(folder.read().unwrap(), Backend::Cpu).unwrap();
    for name in ["base", "outline", "inverted"] {
        if name != "base" {
            let lora = models.join("lora").join(name);
            let weights = bytes(lora.join("adapter_model.quantized.safetensors"));
            model.add_adapter(name, &weights, Some(&text(lora.join("adapter_config.json")))).unwrap();
            model.set_adapters([(name.to_owned(), 1.0)].into()).unwrap();
        }
        let got = model.predict(&file["sample"], &file["timestep"].values, &labels(&file["label"])).unwrap();
        let want = &file[&format!("{name}.output")].values;
        let square: f32 = got.iter().zip(want).map(|(got, want)| (got - want).powi(2)).sum();
        let off = (square / want.len() as f32).sqrt() * 127.5;
        println!("{name}: the network's output is {off} of 255 levels off");
        assert!(off > 0.0 && off < LEVELS, "{name} is {off} levels off");
    }
}
