//! The network against `UNet2DConditionModel`, with every parameter random.

use burn::tensor::Device;
use diffusion::init::initial_state;
use diffusion::state::{load_state, read_state};
use diffusion::unet::UNet;

use crate::support::*;

const CASES: [(&str, &str); 4] =
    [("tiny", "integer"), ("tiny", "fractional"), ("uneven", "square"), ("uneven", "wide")];

fn run(folder: &str, case: &str, device: &Device) -> (Vec<f32>, Vec<f32>) {
    let base = base(folder);
    let file = tensors(&format!("unet/{folder}/forward.safetensors"));
    let tensor = |name: &str| &file[&format!("{case}.{name}")];
    let got = forward(
        &base.build(device).unwrap(),
        &base.info,
        device,
        tensor("sample"),
        &tensor("timestep").values,
        &labels(tensor("label")),
    );
    (got, tensor("output").values.clone())
}

#[test]
fn forward_is_what_diffusers_computes() {
    for (folder, case) in CASES {
        for (name, device) in devices() {
            let (got, want) = run(folder, case, &device);
            let off = assert_close(&format!("{folder} {case} on {name}"), &got, &want, 3e-5);
            println!("forward {folder} {case} on {name}: {off:e}");
        }
    }
}

#[test]
fn flex_and_ndarray_agree() {
    for (folder, case) in CASES {
        let [flex, ndarray] = devices().map(|(_, device)| run(folder, case, &device).0);
        let off = assert_close(&format!("{folder} {case}"), &flex, &ndarray, 2e-5);
        println!("flex against ndarray, {folder} {case}: {off:e}");
    }
}

#[test]
fn a_picture_does_not_depend_on_its_batch() {
    let base = base("tiny");
    let file = tensors("unet/tiny/forward.safetensors");
    let (sample, device) = (&file["integer.sample"], Device::flex());
    let unet = base.build(&device).unwrap();
    let (timesteps, labels) = (&file["integer.timestep"].values, labels(&file["integer.label"]));
    let together = forward(&unet, &base.info, &device, sample, timesteps, &labels);
    for (row, want) in together.chunks(together.len() / 2).enumerate() {
        let mut one = sample.clone();
        one.shape[0] = 1;
        one.values = sample.values.chunks(want.len()).nth(row).unwrap().to_vec();
        let alone = forward(&unet, &base.info, &device, &one, &timesteps[row..=row], &labels[row..=row]);
        assert_close(&format!("row {row}"), &alone, want, 1e-5);
    }
}

/// Starting weights are the same everywhere, load like any others, and make a network that says zero.
#[test]
fn initial_weights() {
    for folder in ["tiny", "uneven"] {
        let base = base(folder);
        let [flex, ndarray] = devices().map(|(_, device)| initial_state(&base.unet, 7, &device));
        assert_eq!(flex, ndarray, "{folder}");
        assert_ne!(flex, initial_state(&base.unet, 8, &Device::flex()), "{folder}");
        assert!(flex.keys().eq(base.state.keys()), "{folder}: the names are those of the file");

        let device = Device::flex();
        let unet = load_state(UNet::new(&base.unet, &device), &flex, &device).unwrap();
        assert_eq!(read_state(&unet).unwrap(), flex, "{folder}: what went in comes out");
        let file = tensors(&format!("unet/{folder}/forward.safetensors"));
        let case = if folder == "tiny" { "integer" } else { "square" };
        let sample = &file[&format!("{case}.sample")];
        let output = forward(&unet, &base.info, &device, sample, &[3.0, 20.0], &[0, 1]);
        assert!(output.iter().all(|&value| value == 0.0), "{folder}: the last layer starts at zero");
    }
}
