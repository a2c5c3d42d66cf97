//! Training of adapters alone: every kind over every sort of module, and what an older version has begun.

use diffusion::state::StateDict;
use diffusion::unet::init::initial_state;
use trainer::config::{AdapterKind, LoraSettings};
use trainer::train::adapter::{detach, initial_adapter};
use trainer::train::{Checkpoint, TrainConfig, Training};

use crate::training::*;

#[test]
fn only_the_factors_are_trained() {
    let data = data();
    let mut trainer = trainer(&data, true, 2);
    let before = trainer.checkpoint().unwrap();
    run(&mut trainer, 2);
    let after = trainer.checkpoint().unwrap();
    assert!(
        after.model.keys().all(|name| name.ends_with(".lora.a") || name.ends_with(".lora.b")),
        "{:?}",
        after.model.keys()
    );
    // Seven transformers, in each to_q twice and ff.net.2 once, two factors apiece.
    assert_eq!(after.model.len(), 7 * 3 * 2);
    for (name, tensor) in &after.model {
        assert_ne!(Some(tensor), before.model.get(name), "{name} did not move");
    }
    // Two moments for each trained value: frozen ones have none.
    for moments in [&after.moment_1, &after.moment_2] {
        assert!(moments.keys().eq(after.model.keys()));
        for (name, tensor) in moments {
            assert_eq!(tensor.shape, after.model[name].shape, "{name}");
            assert!(tensor.values.iter().any(|&value| value != 0.0), "{name} has no moments");
        }
    }
    let network = diffusion::unet::burn::read_state(&trainer.ema_unet().unwrap()).unwrap();
    let initial = trained_looking(initial_state(&unet_config(&info(&data)), 3));
    for (name, tensor) in &initial {
        let adapted = name.ends_with("to_q.weight") || name.ends_with("ff.net.2.weight");
        assert_eq!(Some(tensor) != network.get(name), adapted, "{name}");
    }
    let adapter = initial_adapter(&initial, &lora_settings(), 5).unwrap();
    let trained = detach(&adapter, &after.model).unwrap();
    assert_eq!(trained.modules.len(), 21);
    assert_ne!(trained, adapter);
}

/// Of every kind and over every sort of module: what is learnt, and that it goes on exactly.
#[test]
fn every_kind_is_trained_over_linears_and_convolutions_and_resumes_exactly() {
    let data = data();
    let kinds = [
        LoraSettings { kind: AdapterKind::Lora, ..Default::default() },
        LoraSettings { kind: AdapterKind::Lora, dora: true, ..Default::default() },
        LoraSettings { kind: AdapterKind::Loha, ..Default::default() },
        LoraSettings { kind: AdapterKind::Lokr, ..Default::default() },
        LoraSettings { kind: AdapterKind::Lokr, decompose_factor: 2, ..Default::default() },
    ];
    for settings in kinds {
        let settings =
            LoraSettings { rank: 2, alpha: 4.0, target_modules: vec![".*".into()], dropout: 0.1, ..settings };
        let config = || TrainConfig { lr: 0.02, warmup_steps: 0, ema_decay: 0.5, ..config(2) };
        let start = || trainer_of(&data, &settings, config()).with_lora_dropout(0.1).unwrap();
        let mut whole = start();
        let before = whole.validation_loss(&data).unwrap();
        run(&mut whole, 6);
        let after = whole.validation_loss(&data).unwrap();
        assert!(after < before, "{settings:?}: {before} before, {after} after");
        let mut first = start();
        run(&mut first, 3);
        let path = temporary(&format!("{:?}-{}-{}", settings.kind, settings.dora, settings.decompose_factor));
        first.checkpoint().unwrap().save(&path).unwrap();
        let mut second = start().resume(Checkpoint::load(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        run(&mut second, 3);
        let (one, two) = (whole.checkpoint().unwrap(), second.checkpoint().unwrap());
        assert_eq!((one.model, one.moment_2), (two.model, two.moment_2), "{settings:?}");
        // Composed anew from the trained adapter, the network is the one that was validated.
        let base = base_of(&data, true);
        let initial = initial_adapter(&base.state, &settings, 5).unwrap();
        let trained = detach(&initial, &whole.ema_state().unwrap()).unwrap();
        let merged = diffusion::adapter::merge(&base.state, [(&trained, 1.0)]);
        let network = diffusion::unet::burn::read_state(&whole.ema_unet().unwrap()).unwrap();
        assert!(merged == network, "{settings:?}");
    }
}

/// On the CPU no tensor library computes an adapter's gradients; on GPUs burn's graph does.
#[test]
fn burns_graph_comes_to_the_same_adapter() {
    let data = data();
    let settings = |kind, dora| LoraSettings {
        kind,
        dora,
        target_modules: vec!["to_q".into(), "ff.net.2".into(), "conv1".into(), "conv_in".into()],
        ..lora_settings()
    };
    for settings in
        [settings(AdapterKind::Lora, false), settings(AdapterKind::Lora, true), settings(AdapterKind::Lokr, false)]
    {
        for dropout in [0.0, 0.3] {
            let config = TrainConfig { augment: 1.0, ..config(2) };
            let start = || trainer_of(&data, &settings, config.clone()).with_lora_dropout(dropout).unwrap();
            let (mut host, mut burn) = (start(), start().in_burns_graph());
            let losses = [run(&mut host, 6), run(&mut burn, 6)];
            let [host_loss, burn_loss] = [&host, &burn].map(|trainer| trainer.validation_loss(&data).unwrap());
            let close = |a: f32, b: f32, most: f32| assert!((a - b).abs() <= most, "{settings:?}, {dropout}: {a} {b}");
            losses[0].iter().zip(&losses[1]).for_each(|(a, b)| close(*a, *b, 1e-5));
            close(host_loss, burn_loss, 1e-5);
            let (host, burn) = (host.checkpoint().unwrap(), burn.checkpoint().unwrap());
            for (name, tensor) in &host.model {
                tensor.values.iter().zip(&burn.model[name].values).for_each(|(a, b)| close(*a, *b, 1e-5));
            }
            assert_ne!(host.model, host.ema);
        }
    }
}

/// Older versions kept LoRA's factors by burn's own paths, and transposed.
#[test]
fn checkpoints_of_older_versions_go_on() {
    let data = data();
    let mut first = trainer(&data, true, 1);
    run(&mut first, 2);
    let now = first.checkpoint().unwrap();
    let old = |state: &StateDict| -> StateDict {
        let name = |name: &str| {
            let (path, letter) = name.rsplit_once(".lora.").unwrap();
            format!("{}.weight.lora.{letter}", path.replace(".ff.net.2", ".ff.proj_out"))
        };
        state.iter().map(|(path, tensor)| (name(path), tensor.transposed())).collect()
    };
    let then = Checkpoint {
        model: old(&now.model),
        ema: old(&now.ema),
        moment_1: old(&now.moment_1),
        moment_2: old(&now.moment_2),
        ..now.clone()
    };
    let resumed = trainer(&data, true, 1).resume(then).unwrap().checkpoint().unwrap();
    assert_eq!((resumed.model, resumed.moment_1), (now.model, now.moment_1));
}
