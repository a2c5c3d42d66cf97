//! Fixtures, devices and comparisons that every group of tests uses.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use diffusion::adapter::{Adapter, LoraFactors, Update};
use diffusion::base::{INFO, SCHEDULER_CONFIG, UNET_CONFIG, WEIGHTS};
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::read_tensors;
use diffusion::{Backend, Base, BaseFiles, Model};
use serde_json::Value;

/// A path below `tests/fixtures`.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

pub fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn text(path: impl AsRef<Path>) -> String {
    String::from_utf8(bytes(path)).unwrap()
}

pub fn json(path: &str) -> Value {
    serde_json::from_str(&text(fixture(path))).unwrap()
}

pub fn tensors(path: &str) -> StateDict {
    read_tensors(&bytes(fixture(path))).unwrap().0
}

/// The factors of a module that is plain LoRA.
pub fn lora(update: &Update) -> &LoraFactors {
    update.lora().unwrap_or_else(|| panic!("it is {}", update.kind()))
}

/// The modules of an adapter that is plain LoRA.
pub fn factors(adapter: &Adapter) -> impl Iterator<Item = (&String, &LoraFactors)> {
    adapter.modules.iter().map(|(path, update)| (path, lora(update)))
}

/// The files of a base folder, owned.
pub struct Folder {
    pub info: String,
    pub unet_config: String,
    pub scheduler_config: String,
    pub weights: Vec<u8>,
}

impl Folder {
    pub fn open(folder: &Path) -> Self {
        Self {
            info: text(folder.join(INFO)),
            unet_config: text(folder.join(UNET_CONFIG)),
            scheduler_config: text(folder.join(SCHEDULER_CONFIG)),
            weights: bytes(folder.join(WEIGHTS)),
        }
    }

    pub fn read(&self) -> diffusion::Result<Base> {
        Base::read(&BaseFiles {
            info: &self.info,
            unet_config: &self.unet_config,
            scheduler_config: &self.scheduler_config,
            weights: &[&self.weights],
        })
    }
}

/// The base folder `unet/<name>` of the fixtures.
pub fn base(name: &str) -> Base {
    Folder::open(&fixture("unet").join(name)).read().unwrap()
}

/// The tiny base on the CPU.
pub fn tiny() -> Model {
    Model::new(base("tiny"), Backend::Cpu).unwrap()
}

/// Where digits are drawn, where models are trained, and a second opinion.
#[allow(deprecated)] // burn prefers flex to ndarray; here they check each other.
pub fn backends() -> [(&'static str, Backend); 3] {
    [("the CPU", Backend::Cpu), ("flex", Device::flex().into()), ("ndarray", Device::ndarray().into())]
}

pub fn labels(tensor: &HostTensor) -> Vec<usize> {
    tensor.values.iter().map(|&label| label as usize).collect()
}

/// Where two lists differ most.
struct Worst {
    index: usize,
    difference: f32,
}

/// What is not a number counts as infinitely far off.
fn worst(got: &[f32], want: &[f32], distance: impl Fn(f32, f32) -> f32) -> Worst {
    let start = Worst { index: 0, difference: 0.0 };
    got.iter().zip(want).enumerate().fold(start, |worst, (index, (&got, &want))| {
        let difference = if got == want { 0.0 } else { distance(got, want) };
        let difference = if difference.is_nan() { f32::INFINITY } else { difference };
        if difference > worst.difference { Worst { index, difference } } else { worst }
    })
}

#[track_caller]
fn assert_within(what: &str, got: &[f32], want: &[f32], tolerance: f32, distance: impl Fn(f32, f32) -> f32) -> f32 {
    assert_eq!(got.len(), want.len(), "{what}: another number of values");
    let Worst { index, difference } = worst(got, want, distance);
    assert!(
        difference <= tolerance,
        "{what}: off by {difference:e} (at most {tolerance:e}), worst at value {index} of {}: {} instead of {}",
        got.len(),
        got[index],
        want[index],
    );
    difference
}

/// Largest absolute difference, at most `tolerance`.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) -> f32 {
    assert_within(what, got, want, tolerance, |got, want| (got - want).abs())
}

/// Largest difference relative to the wanted value, at most `tolerance`.
#[track_caller]
pub fn assert_relatively_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) -> f32 {
    assert_within(what, got, want, tolerance, |got, want| ((got - want) / want).abs())
}

/// Largest absolute difference, whatever it is.
pub fn max_abs_diff(got: &[f32], want: &[f32]) -> f32 {
    worst(got, want, |got, want| (got - want).abs()).difference
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The message of the error that must be there, and must contain every one of `parts`.
#[track_caller]
pub fn assert_refused<T>(what: &str, result: diffusion::Result<T>, parts: &[&str]) -> String {
    let Err(error) = result else { panic!("{what} was accepted") };
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{what}: the message lacks \"{part}\": {message}");
    }
    message
}
