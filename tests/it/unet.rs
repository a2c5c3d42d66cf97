//! The network against `UNet2DConditionModel`, with every parameter random.

use burn::tensor::Device;
use diffusion::unet::burn::{BurnUNet, load_state, read_state, shapes};
use diffusion::unet::init::initial_state;
use diffusion::unet::parameters;
use diffusion::{Backend, Base, Model};

use crate::support::*;

const CASES: [(&str, &str); 4] =
    [("tiny", "integer"), ("tiny", "fractional"), ("uneven", "square"), ("uneven", "wide")];

fn run(folder: &str, case: &str, backend: &Backend) -> (Vec<f32>, Vec<f32>) {
    let model = Model::new(base(folder), backend.clone()).unwrap();
    let file = tensors(&format!("unet/{folder}/forward.safetensors"));
    let tensor = |name: &str| &file[&format!("{case}.{name}")];
    let got = model.predict(tensor("sample"), &tensor("timestep").values, &labels(tensor("label"))).unwrap();
    (got, tensor("output").values.clone())
}

#[test]
fn forward_is_what_diffusers_computes() {
    for (folder, case) in CASES {
        for (name, backend) in backends() {
            let (got, want) = run(folder, case, &backend);
            let off = assert_close(&format!("{folder} {case} on {name}"), &got, &want, 3e-5);
            println!("forward {folder} {case} on {name}: {off:e}");
        }
    }
}

#[test]
fn all_backends_agree() {
    for (folder, case) in CASES {
        let [cpu, flex, ndarray] = backends().map(|(_, backend)| run(folder, case, &backend).0);
        for (name, other) in [("the CPU", cpu), ("ndarray", ndarray)] {
            let off = assert_close(&format!("{folder} {case} {name}"), &flex, &other, 2e-5);
            println!("flex against {name}, {folder} {case}: {off:e}");
        }
    }
}

#[test]
fn a_picture_does_not_depend_on_its_batch() {
    let file = tensors("unet/tiny/forward.safetensors");
    let sample = &file["integer.sample"];
    let model = Model::new(base("tiny"), Backend::Cpu).unwrap();
    let (timesteps, labels) = (&file["integer.timestep"].values, labels(&file["integer.label"]));
    let together = model.predict(sample, timesteps, &labels).unwrap();
    for (row, want) in together.chunks(together.len() / 2).enumerate() {
        let mut one = sample.clone();
        one.shape[0] = 1;
        one.values = sample.values.chunks(want.len()).nth(row).unwrap().to_vec();
        let alone = model.predict(&one, &timesteps[row..=row], &labels[row..=row]).unwrap();
        assert_close(&format!("row {row}"), &alone, want, 1e-5);
    }
}

/// Starting weights are the same everywhere, load like any others, and make a network that predicts zero.
#[test]
fn initial_weights() {
    for folder in ["tiny", "uneven"] {
        let base = base(folder);
        let state = initial_state(&base.unet, 7);
        assert_eq!(state, initial_state(&base.unet, 7), "{folder}");
        assert_ne!(state, initial_state(&base.unet, 8), "{folder}");
        assert!(state.keys().eq(base.state.keys()), "{folder}: the names are those of the file");

        let device = Device::flex();
        let unet = load_state(BurnUNet::new(&base.unet, &device), &base.unet, &state).unwrap();
        assert_eq!(read_state(&unet).unwrap(), state, "{folder}: what went in comes out");
        assert_eq!(shapes(&unet), parameters::shapes(&base.unet), "{folder}: the modules are those of the topology");
        let file = tensors(&format!("unet/{folder}/forward.safetensors"));
        let case = if folder == "tiny" { "integer" } else { "square" };
        let sample = &file[&format!("{case}.sample")];
        let model = Model::new(Base { state, ..base }, device).unwrap();
        let output = model.predict(sample, &[3.0, 20.0], &[0, 1]).unwrap();
        assert!(output.iter().all(|&value| value == 0.0), "{folder}: the last layer starts at zero");
    }
}
