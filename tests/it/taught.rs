//! A short run of the trainer with the preset for few pictures, over the shipped base. `tests/fixtures/taught` holds what comes of
//! it, and browsers must learn the same (`tests/page/taught.test.mjs`). Where the recipe or the base has changed,
//! `TAUGHT=write cargo test --release -p tests --test it taught` makes the fixture anew.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use diffusion::adapter::Adapter;
use diffusion::peft::{PeftConfig, read_adapter, write_adapter};
use diffusion::tensors::Precision;
use serde::{Deserialize, Serialize};
use trainer::config::{AdapterConfig, LoraSettings, load};
use trainer::train::adapter::{detach, initial_adapter};
use trainer::train::{TrainConfig, Trainer};

use crate::support::*;
use crate::training::{data, run as run_trainer};

/// As browsers are held to, of an adapter's values and of losses.
const RELATIVE: f64 = 1e-4;

/// What is trained, and the loss of each step; the pictures are the first of `mnist-64`.
#[derive(Serialize, Deserialize)]
struct Run {
    steps: usize,
    seed: u64,
    rank: usize,
    alpha: f32,
    pictures: usize,
    losses: Vec<f32>,
}

fn folder() -> PathBuf {
    fixture("taught")
}

fn shipped_base() -> diffusion::Base {
    Folder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models/base")).read().unwrap()
}

/// Trains by the trainer, on two threads; the losses, and the adapter that it would write.
fn train(run: &Run, base: &diffusion::Base) -> (Vec<f32>, Adapter) {
    let preset = load(AdapterConfig::default(), Some("few")).unwrap();
    let lora = LoraSettings { rank: run.rank, alpha: run.alpha, ..preset.lora };
    // The jobs of a browser.
    let config = TrainConfig { max_train_steps: run.steps, micro_batch: 8, seed: run.seed, threads: 2, ..preset.train };
    let data = data().pick(&(0..run.pictures).collect::<Vec<_>>());
    let initial = initial_adapter(&base.state, &lora, run.seed).unwrap();
    let trainer = Trainer::of_adapter(config, &data, base, &initial, Device::flex().autodiff()).unwrap();
    let mut trainer = trainer.with_lora_dropout(lora.dropout).unwrap();
    let losses = run_trainer(&mut trainer, run.steps);
    (losses, detach(&initial, &trainer.ema_state().unwrap()).unwrap())
}

fn off(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = length(&mut got.iter().zip(want).map(|(a, b)| f64::from(a - b)));
    difference / length(&mut want.iter().copied().map(f64::from))
}

#[test]
fn the_trainer_learns_what_the_fixture_holds() {
    let (about, weights) = (folder().join("run.json"), folder().join("adapter_model.safetensors"));
    let mut run: Run = serde_json::from_str(&text(&about)).unwrap();
    let base = shipped_base();
    let (losses, adapter) = train(&run, &base);
    if std::env::var("TAUGHT").is_ok_and(|value| value == "write") {
        let config = PeftConfig::describing(&adapter);
        fs::write(&weights, write_adapter(&adapter, &config, "taught", Precision::F32).unwrap()).unwrap();
        run.losses.clone_from(&losses);
        fs::write(&about, serde_json::to_string_pretty(&run).unwrap() + "\n").unwrap();
    }
    let wanted = read_adapter(&bytes(weights), None, &base.state).unwrap();
    assert!(adapter.modules.keys().eq(wanted.modules.keys()));
    // The first factors are random and hardly move: what is learnt is in the second ones.
    let values =
        |adapter: &Adapter| factors(adapter).flat_map(|(_, factors)| factors.b.values.clone()).collect::<Vec<_>>();
    let (of_values, of_losses) = (off(&values(&adapter), &values(&wanted)), off(&losses, &run.losses));
    println!("taught: values {of_values:.1e} off, losses {of_losses:.1e}");
    assert!(of_values < RELATIVE && of_losses < RELATIVE, "values {of_values:e} off, losses {of_losses:e}");
}
