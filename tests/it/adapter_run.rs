//! Training an adapter without burn, as a browser drives it: one run in jobs, which comes to what the trainer comes to.

use std::sync::Arc;

use diffusion::Base;
use diffusion::adapter::initial::Start;
use diffusion::adapter::{Adapter, compose};
use diffusion::peft::read_adapter;
use diffusion::training::{AdapterRun, Job, JobGradients, Kept, LossKind, Pictures, Recipe};

use trainer::config::LoraSettings;
use trainer::train::adapter::{detach, initial_adapter};
use trainer::train::{TrainConfig, Training};

use crate::support::*;
use crate::training::{base_of, config, data, run as run_trainer, trainer_of};

fn pictures() -> Pictures {
    let data = data();
    Pictures {
        size: data.size(),
        channels: 1,
        levels: data.images().flatten().copied().collect(),
        labels: data.labels().to_vec(),
    }
}

fn base() -> Arc<Base> {
    Arc::new(base_of(&data(), true))
}

/// Linears and convolutions, of which some are in every block.
fn adapter(start: Start, base: &Base) -> Adapter {
    let chosen = |path: &str| ["to_q", "ff.net.2", "conv1", "conv_out"].iter().any(|end| path.ends_with(end));
    start.adapter(&base.state, 5, |path| chosen(path).then_some((2, 1.7)))
}

fn recipe() -> Recipe {
    Recipe { steps: 6, batch_size: 16, micro_batch: 6, warmup_steps: 2, lr: 0.01, ..Recipe::default() }
}

fn begin(start: Start, recipe: Recipe) -> (AdapterRun, JobGradients) {
    let base = base();
    let adapter = adapter(start, &base);
    let run = AdapterRun::new(Arc::clone(&base), &adapter, pictures(), Some(pictures()), recipe).unwrap();
    (run, JobGradients::new(base, &adapter).unwrap())
}

/// Does steps as a worker does: everything goes through plain numbers.
fn steps(run: &mut AdapterRun, network: &mut JobGradients, count: usize) -> Vec<u32> {
    let mut losses = Vec::new();
    for _ in 0..count {
        network.set_parameters(run.parameters()).unwrap();
        let jobs = run.jobs();
        let numbers: Vec<Vec<f32>> = jobs.iter().map(Job::to_values).collect();
        let done: Vec<_> =
            numbers.iter().map(|numbers| network.gradients(&Job::from_values(numbers).unwrap()).unwrap()).collect();
        losses.push(run.advance(&done).unwrap().loss.to_bits());
    }
    losses
}

fn validate(run: &mut AdapterRun, network: &mut JobGradients) -> f32 {
    network.set_parameters(run.averaged()).unwrap();
    let losses: Vec<f32> = run.validation_jobs().iter().map(|job| network.loss(job).unwrap()).collect();
    run.validated(&losses).loss
}

const STARTS: [Start; 4] =
    [Start::Lora { dora: false }, Start::Lora { dora: true }, Start::Loha, Start::Lokr { factor: None }];

#[test]
fn every_kind_learns_and_goes_on_from_a_checkpoint_as_if_it_had_never_stopped() {
    for start in STARTS {
        let (mut whole, mut network) = begin(start, recipe());
        let before = validate(&mut whole, &mut network);
        assert_eq!(whole.found().best_step, 0, "nothing is kept before the first step");
        let mut losses = steps(&mut whole, &mut network, 3);
        validate(&mut whole, &mut network);
        losses.extend(steps(&mut whole, &mut network, 3));
        let after = validate(&mut whole, &mut network);
        assert!(after < before, "{start:?}: {before} before, {after} after");
        assert!(whole.jobs().is_empty() && whole.advance(&[]).unwrap_err().kind() == "over");

        let (mut first, mut network) = begin(start, recipe());
        let mut halves = steps(&mut first, &mut network, 3);
        validate(&mut first, &mut network);
        let bytes = first.checkpoint().unwrap();
        drop(first);
        let mut second = AdapterRun::resume(base(), pictures(), Some(pictures()), &bytes).unwrap();
        assert_eq!((second.step(), second.checkpoint().unwrap() == bytes), (3, true), "{start:?}");
        let adapter = second.adapter(Kept::Last).unwrap();
        let mut network = JobGradients::new(base(), &adapter).unwrap();
        halves.extend(steps(&mut second, &mut network, 3));
        validate(&mut second, &mut network);
        assert_eq!(losses, halves, "{start:?}");
        assert!(whole.checkpoint().unwrap() == second.checkpoint().unwrap(), "{start:?}");
        for kept in [Kept::Best, Kept::Last] {
            assert!(whole.adapter(kept).unwrap() == second.adapter(kept).unwrap(), "{start:?}");
        }
    }
}

/// The trainer on several threads, and this run as one worker of a browser does it.
#[test]
fn the_trainer_comes_to_the_same_adapter_bit_for_bit() {
    let data = data();
    let settings = LoraSettings {
        rank: 3,
        alpha: 4.0,
        target_modules: vec!["to_q".into(), "ff.net.2".into(), "conv1".into(), "conv_out".into()],
        ..LoraSettings::default()
    };
    for (dropout, augment) in [(0.0, 0.0), (0.2, 1.0)] {
        let config = TrainConfig { augment, seed: 77, ..config(2) };
        let mut trainer = trainer_of(&data, &settings, config.clone()).with_lora_dropout(dropout).unwrap();
        let recipe = Recipe { dropout, ..config.recipe(trainer.total()) };
        let base = base();
        let adapter = initial_adapter(&base.state, &settings, 5).unwrap();
        let mut run = AdapterRun::new(Arc::clone(&base), &adapter, pictures(), Some(pictures()), recipe).unwrap();
        let mut network = JobGradients::new(base, &adapter).unwrap();
        let losses = run_trainer(&mut trainer, 6).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(steps(&mut run, &mut network, 6), losses, "dropout {dropout}");
        assert_eq!(validate(&mut run, &mut network), trainer.validation_loss(&data).unwrap());
        let trained = detach(&adapter, &trainer.ema_state().unwrap()).unwrap();
        assert!(run.adapter(Kept::Last).unwrap() == trained, "dropout {dropout}");
    }
}

/// Gradients with and without dropped inputs against differences of the loss.
#[test]
fn gradients_of_jobs_are_slopes_of_their_losses() {
    for dropout in [0.0, 0.4] {
        let (mut run, mut network) = begin(STARTS[0], Recipe { dropout, micro_batch: 0, ..recipe() });
        steps(&mut run, &mut network, 2);
        let job = run.jobs().remove(0);
        assert_eq!(job.dropout.is_some(), dropout > 0.0);
        let at = run.parameters().to_vec();
        network.set_parameters(&at).unwrap();
        let gradients = network.gradients(&job).unwrap().gradients;
        // Along the gradient the loss changes by the square of its length.
        let squares: f64 = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        let distance = 1e-3 / squares.sqrt();
        let mut moved = |sign: f64| {
            let values: Vec<f32> = at
                .iter()
                .zip(&gradients)
                .map(|(v, g)| (f64::from(*v) + sign * distance * f64::from(*g)) as f32)
                .collect();
            network.set_parameters(&values).unwrap();
            f64::from(network.gradients(&job).unwrap().loss)
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * distance);
        assert!((slope - squares).abs() < 0.02 * squares, "dropout {dropout}: {slope} {squares}");
    }
}

#[test]
fn the_run_ends_early_and_keeps_the_best() {
    let (mut run, mut network) = begin(STARTS[0], Recipe { early_stop: 2, validate_every: 2, ..recipe() });
    assert!(!run.validates());
    steps(&mut run, &mut network, 1);
    assert!(!run.validates());
    steps(&mut run, &mut network, 1);
    assert!(run.validates());
    let verdict = run.validated(&[0.5, 0.25]);
    assert_eq!((verdict.loss, verdict.least, verdict.stop), (0.75, true, false));
    assert!(!run.validates());
    let best = run.adapter(Kept::Best).unwrap();
    steps(&mut run, &mut network, 1);
    assert!(!run.validated(&[0.8]).stop);
    assert!(run.validated(&[f32::NAN]).stop);
    assert!(run.adapter(Kept::Best).unwrap() == best && run.adapter(Kept::Last).unwrap() != best);
}

#[test]
fn what_does_not_go_together_is_refused_and_changes_nothing() {
    let (mut run, mut network) = begin(STARTS[0], recipe());
    let before = run.checkpoint().unwrap();
    network.set_parameters(run.parameters()).unwrap();
    let done: Vec<_> = run.jobs().iter().map(|job| network.gradients(job).unwrap()).collect();
    assert_eq!(run.advance(&done[1..]).unwrap_err().kind(), "training-results");
    let mut broken = done.clone();
    broken[0].gradients.pop();
    assert_eq!(run.advance(&broken).unwrap_err().kind(), "training-length");
    broken = done;
    broken[1].gradients[3] = f32::INFINITY;
    assert_eq!(run.advance(&broken).unwrap_err().kind(), "training-diverged");
    assert!(run.checkpoint().unwrap() == before);
    assert_eq!(network.set_parameters(&[0.0]).unwrap_err().kind(), "training-length");

    let refused = |base: Arc<Base>, pictures: Pictures, held_out: Option<Pictures>, bytes: &[u8]| {
        AdapterRun::resume(base, pictures, held_out, bytes).unwrap_err().kind()
    };
    let mut other = pictures();
    other.levels[7] ^= 1;
    assert_eq!(refused(base(), other, Some(pictures()), &before), "training-other-pictures");
    assert_eq!(refused(base(), pictures(), None, &before), "training-other-pictures");
    let mut other = base_of(&data(), true);
    other.state.get_mut("conv_in.bias").unwrap().values[0] += 1.0;
    assert_eq!(refused(Arc::new(other), pictures(), Some(pictures()), &before), "training-other-base");
    let file = bytes(fixture("adapters/peft/lora/adapter_model.safetensors"));
    assert_eq!(refused(base(), pictures(), None, &file), "training-no-checkpoint");
    assert_eq!(refused(base(), pictures(), None, &before[..99]), "safetensors-length");
    let mut broken = before.clone();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(refused(base(), pictures(), Some(pictures()), &broken), "no-numbers");

    let new =
        |adapter: &Adapter, recipe| AdapterRun::new(base(), adapter, pictures(), None, recipe).unwrap_err().kind();
    let good = adapter(STARTS[0], &base());
    assert_eq!(new(&Adapter::default(), recipe()), "adapter-empty");
    assert_eq!(new(&good, Recipe { lr: f64::NAN, ..recipe() }), "training-setting");
    let mut strange = good.clone();
    let update = strange.modules.pop_first().unwrap().1;
    strange.modules.insert("conv_inn".into(), update);
    assert_eq!(new(&strange, recipe()), "unknown-modules");
}

/// Few pictures are one batch.
#[test]
fn a_batch_has_no_more_pictures_than_there_are() {
    let (data, base) = (data(), base());
    let few = data.pick(&[1, 2, 3]);
    let few = Pictures {
        size: 28,
        channels: 1,
        levels: few.images().flatten().copied().collect(),
        labels: few.labels().to_vec(),
    };
    let recipe = Recipe { batch_size: 32, micro_batch: 2, loss: LossKind::Huber, ..recipe() };
    let run = AdapterRun::new(Arc::clone(&base), &adapter(STARTS[0], &base), few, None, recipe).unwrap();
    assert_eq!(run.jobs().iter().map(Job::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(run.recipe().batch_size, 3);
    assert!(run.validation_jobs().is_empty() && !run.validates());
}

/// Every kind of PEFT's is trained on as what it is, or refused by name: never as something else.
#[test]
fn adapters_of_others_are_trained_on_as_they_are() {
    let base = Arc::new(crate::support::base("tiny"));
    let size = base.info.image_size;
    let pictures = Pictures { size, channels: 1, levels: vec![128; 2 * size * size], labels: vec![0, 1] };
    let (mut trained, mut refused) = (Vec::new(), Vec::new());
    let mut folders: Vec<_> =
        std::fs::read_dir(fixture("adapters/peft")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let config = text(folder.join("adapter_config.json"));
        let file = bytes(folder.join("adapter_model.safetensors"));
        let Ok(adapter) = read_adapter(&file, Some(&config), &base.state) else { continue };
        let run = AdapterRun::new(Arc::clone(&base), &adapter, pictures.clone(), None, recipe());
        let mut run = match run {
            Ok(run) => run,
            Err(error) => {
                assert!(["training-kind", "unwritable"].contains(&error.kind()), "{name}: {error}");
                refused.push(name);
                continue;
            }
        };
        let wanted = compose(&base.state, [(&adapter, 1.0)], []);
        let begun = run.adapter(Kept::Last).unwrap();
        let got = compose(&base.state, [(&begun, 1.0)], []);
        assert!(got.keys().eq(wanted.keys()), "{name}");
        for (path, tensor) in &wanted {
            assert_close(&format!("{name}, {path}"), &got[path].values, &tensor.values, 1e-5);
        }
        let mut network = JobGradients::new(Arc::clone(&base), &begun).unwrap();
        steps(&mut run, &mut network, 1);
        let bytes = run.checkpoint().unwrap();
        let resumed = AdapterRun::resume(Arc::clone(&base), pictures.clone(), None, &bytes).unwrap();
        assert!(resumed.checkpoint().unwrap() == bytes, "{name}");
        trained.push(name);
    }
    // What their files alone cannot say: how rotations are made, orthogonal reflections, which of the layers are of inputs.
    let others =
        ["hra_gs", "ia3_feedforward", "ia3_mixed", "miss_bat", "oft_cayley", "oft_coft", "oft_share", "oft_terms"];
    assert_eq!(refused, others, "trained: {trained:?}");
    assert!(trained.len() > 30, "trained: {trained:?}");
}
