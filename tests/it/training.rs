//! Training that stops and goes on ends with the very weights of training that did not.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::schedule::{BetaSchedule, NoiseSchedule, PredictionType, ScheduleConfig};
use diffusion::state::StateDict;
use diffusion::unet::burn::BurnUNet;
use diffusion::unet::init::initial_state;
use trainer::config::LoraSettings;
use trainer::data::Dataset;
use trainer::train::adapter::initial_adapter;
use trainer::train::{Checkpoint, TrainConfig, Trainer, Training};

pub fn data() -> Dataset {
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    Dataset::from_idx(&fixture("mnist-64.idx3"), &fixture("mnist-64.idx1")).unwrap()
}

pub fn info(data: &Dataset) -> ModelInfo {
    ModelInfo {
        format: 1,
        labels: data.class_names().to_vec(),
        tokens_per_class: 4,
        image_size: data.size(),
        patch_size: 2,
        latent_channels: None,
        latent_rgb: None,
        channels: 1,
        null_class_trained: true,
        guidance_scale: None,
    }
}

pub fn unet_config(info: &ModelInfo) -> UNetConfig {
    UNetConfig {
        dropout: 0.0,
        sample_size: 14,
        in_channels: 4,
        out_channels: 4,
        block_out_channels: vec![8, 16],
        layers_per_block: 1,
        down_attention: vec![true; 2],
        up_attention: vec![true; 2],
        transformer_layers_per_block: 1,
        norm_num_groups: 4,
        norm_eps: 1e-5,
        num_heads: vec![2; 2],
        only_cross_attention: vec![true, false],
        cross_attention_dim: 12,
        encoder_hid_dim: info.encoder_hid_dim(),
    }
}

pub fn config(threads: usize) -> TrainConfig {
    // 4 steps an epoch, 6 steps: the second half begins inside an epoch and crosses into the next.
    TrainConfig { epochs: 1.5, batch_size: 16, micro_batch: 6, warmup_steps: 2, threads, ..TrainConfig::base() }
}

pub fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleConfig {
        beta_schedule: BetaSchedule::SquaredcosCapV2,
        prediction_type: PredictionType::VPrediction,
        ..ScheduleConfig::default()
    })
}

pub fn trainer(data: &Dataset, lora: bool, threads: usize) -> Trainer<'_> {
    trainer_with(data, lora, config(threads))
}

fn trainer_with(data: &Dataset, lora: bool, config: TrainConfig) -> Trainer<'_> {
    if lora {
        return trainer_of(data, &lora_settings(), config);
    }
    let device = Device::flex().autodiff();
    let unet = BurnUNet::from_base(&base_of(data, false), &device).unwrap();
    Trainer::new(config, data, info(data), schedule(), unet, device).unwrap()
}

/// A run of an adapter from nothing.
pub fn trainer_of<'a>(data: &'a Dataset, settings: &LoraSettings, config: TrainConfig) -> Trainer<'a> {
    let base = base_of(data, true);
    let adapter = initial_adapter(&base.state, settings, 5).unwrap();
    Trainer::of_adapter(config, data, &base, &adapter, Device::flex().autodiff()).unwrap()
}

pub fn lora_settings() -> LoraSettings {
    LoraSettings { rank: 2, alpha: 4.0, target_modules: vec!["to_q".into(), "ff.net.2".into()], ..Default::default() }
}

pub fn base_of(data: &Dataset, trained: bool) -> diffusion::Base {
    let info = info(data);
    let unet = unet_config(&info);
    let state = initial_state(&unet, 3);
    let state = if trained { trained_looking(state) } else { state };
    diffusion::Base { info, unet, schedule: schedule().config().clone(), state, autoencoder: None }
}

/// A fresh base ends in zeros, which no gradient passes: an adapter has nothing to learn there.
pub fn trained_looking(mut state: StateDict) -> StateDict {
    for tensor in state.values_mut() {
        for (i, value) in tensor.values.iter_mut().enumerate().filter(|(_, value)| **value == 0.0) {
            *value = 0.1 * (i as f32).sin();
        }
    }
    state
}

pub fn run(trainer: &mut Trainer<'_>, steps: usize) -> Vec<f32> {
    let stop = AtomicBool::new(false);
    let end = trainer.step() + steps;
    let mut losses = Vec::new();
    trainer
        .run(&stop, |trainer, report| {
            losses.push(report.loss);
            if trainer.step() == end {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            Ok(())
        })
        .unwrap();
    losses
}

pub fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("digit-diffusion-{name}-{}.safetensors", std::process::id()))
}

#[test]
fn on_the_cpu_a_batch_is_divided_among_the_threads_and_the_run_remembers_how() {
    let data = data();
    let divided = |batch_size, threads| {
        let config = TrainConfig { batch_size, micro_batch: 0, ..config(threads) };
        trainer_with(&data, false, config).config().micro_batch
    };
    assert_eq!(divided(16, 2), 8);
    assert_eq!(divided(16, 64), 8);
    assert_eq!(divided(40, 3), 14);
    assert_eq!(divided(40, 1), 32);
    let mut trainer = trainer_with(&data, false, TrainConfig { micro_batch: 0, ..config(1) });
    run(&mut trainer, 1);
    assert_eq!(trainer.checkpoint().unwrap().config.micro_batch, 16);
}

#[test]
fn batches_accumulate_to_the_same_bytes_as_one_of_their_size() {
    let data = data();
    let weights = |batch_size, gradient_accumulation_steps| {
        let config = TrainConfig { batch_size, gradient_accumulation_steps, ..config(2) };
        let mut trainer = trainer_with(&data, false, config);
        run(&mut trainer, 3);
        trainer.checkpoint().unwrap().model
    };
    assert_eq!(weights(16, 1), weights(8, 2));
    assert_eq!(weights(16, 1), weights(4, 4));
}

#[test]
fn dropped_inputs_change_the_factors_and_come_back_on_resume() {
    let data = data();
    let dropping = |threads| trainer(&data, true, threads).with_lora_dropout(0.5).unwrap();
    let mut whole = dropping(1);
    run(&mut whole, 4);
    let mut first = dropping(3);
    run(&mut first, 2);
    let mut second = dropping(2).resume(first.checkpoint().unwrap()).unwrap();
    run(&mut second, 2);
    assert_eq!(whole.checkpoint().unwrap().model, second.checkpoint().unwrap().model);
    let mut plain = trainer(&data, true, 1);
    run(&mut plain, 4);
    assert_ne!(whole.checkpoint().unwrap().model, plain.checkpoint().unwrap().model);
    assert!(trainer(&data, true, 1).with_lora_dropout(1.0).is_err());
}

#[test]
fn the_validation_loss_is_the_same_every_time_and_falls() {
    let data = data();
    let mut trainer = trainer(&data, false, 2);
    let before = trainer.validation_loss(&data).unwrap();
    assert_eq!(before, trainer.validation_loss(&data).unwrap());
    run(&mut trainer, 6);
    let after = trainer.validation_loss(&data).unwrap();
    assert!(after < before, "{after} after training, {before} before");
}

#[test]
fn augmentation_depends_on_seed_and_step_alone() {
    let data = data();
    let weights = |mut trainer: Trainer<'_>, steps| {
        run(&mut trainer, steps);
        trainer.checkpoint().unwrap()
    };
    let augmented = |threads| TrainConfig { augment: 1.0, ..config(threads) };
    let whole = weights(trainer_with(&data, false, augmented(1)), 4);
    let half = weights(trainer_with(&data, false, augmented(3)), 2);
    let resumed = weights(trainer_with(&data, false, augmented(2)).resume(half).unwrap(), 2);
    assert_eq!(whole.model, resumed.model);
    assert_ne!(whole.model, weights(trainer(&data, false, 1), 4).model);
}

#[test]
fn the_weights_of_the_least_validation_loss_are_kept_through_a_checkpoint() {
    let data = data();
    let stop = AtomicBool::new(false);
    let mut trainer = trainer_with(&data, false, TrainConfig { ema_decay: 0.0, lr: 0.3, warmup_steps: 0, ..config(2) });
    let mut least = (f32::INFINITY, None);
    for step in 1..=4 {
        run(&mut trainer, 1);
        let loss = trainer.validate(&data, &stop).unwrap();
        if loss < least.0 {
            least = (loss, Some((step, trainer.ema_state().unwrap())));
        }
    }
    let (step, state) = least.1.unwrap();
    assert_eq!(trainer.best_state().unwrap(), state);
    assert_eq!((trainer.validated().best_step, trainer.validated().best_loss), (step, least.0));
    let path = temporary("best");
    trainer.checkpoint().unwrap().save(&path).unwrap();
    let checkpoint = Checkpoint::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let resumed = trainer_with(&data, false, config(1)).resume(checkpoint).unwrap();
    assert_eq!(resumed.best_state().unwrap(), state);
    assert_eq!(resumed.validated(), trainer.validated());
    // A measurement that is given up leaves nothing behind.
    let before = trainer.validated().clone();
    let stopped = trainer.validate(&data, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(trainer::error::Error::Stopped)));
    assert_eq!(trainer.validated(), &before);
}

#[test]
fn trying_jobs_leaves_the_run_as_it_was() {
    let data = data();
    let (mut tried, mut plain) = (trainer(&data, true, 2), trainer(&data, true, 2));
    assert_eq!(tried.try_jobs(&AtomicBool::new(false)).unwrap(), 12);
    assert_eq!((run(&mut tried, 3), tried.step()), (run(&mut plain, 3), 3));
    assert_eq!(tried.checkpoint().unwrap().model, plain.checkpoint().unwrap().model);
}

fn resumed_equals_uninterrupted(lora: bool) {
    let data = data();
    let mut whole = trainer(&data, lora, 1);
    let losses = run(&mut whole, usize::MAX / 2);
    assert_eq!(losses.len(), 6);

    let mut first = trainer(&data, lora, 2);
    let mut halves = run(&mut first, 3);
    let path = temporary(if lora { "lora" } else { "base" });
    first.checkpoint().unwrap().save(&path).unwrap();
    drop(first);
    let checkpoint = Checkpoint::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(checkpoint.step, 3);
    let mut second = trainer(&data, lora, 3).resume(checkpoint).unwrap();
    halves.extend(run(&mut second, usize::MAX / 2));

    assert_eq!(losses, halves, "losses, bit for bit");
    let (a, b) = (whole.checkpoint().unwrap(), second.checkpoint().unwrap());
    assert_eq!(a.model, b.model, "weights, bit for bit");
    assert_eq!(a.ema, b.ema, "the EMA, bit for bit");
    assert_ne!(a.model, a.ema);
}

#[test]
fn base_resumes_exactly() {
    resumed_equals_uninterrupted(false);
}

#[test]
fn lora_resumes_exactly() {
    resumed_equals_uninterrupted(true);
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let data = data();
    let checkpoint = trainer(&data, false, 1).checkpoint().unwrap();
    let message = trainer(&data, true, 1).resume(checkpoint).err().unwrap().to_string();
    assert!(message.contains("does not fit"), "{message}");
}
