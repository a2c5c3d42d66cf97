//! Batches whose rows are computed apart, by other networks with the same weights, as the browser's workers do.

use std::collections::BTreeMap;
use std::path::Path;

use diffusion::unet::cpu::{CpuUNet, Scratch};
use diffusion::{Backend, Generation, Model, ModelInput, Request, SamplerKind};

use crate::support::*;

/// The models whose rows are divided: odd sizes, and the one that is shipped, with an adapter on.
fn models() -> Vec<(&'static str, Model)> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models");
    let mut styled = Model::new(Folder::open(&shipped.join("base")).read().unwrap(), Backend::Cpu).unwrap();
    let adapter = |file: &str| shipped.join("lora/outline").join(file);
    let (weights, config) = (bytes(adapter("adapter_model.safetensors")), text(adapter("adapter_config.json")));
    styled.add_adapter("outline", &weights, Some(&config)).unwrap();
    styled.set_adapters(BTreeMap::from([("outline".to_owned(), 0.7)])).unwrap();
    let fixture = |name: &'static str| (name, Model::new(base(name), Backend::Cpu).unwrap());
    vec![fixture("tiny"), fixture("uneven"), ("shipped", styled)]
}

fn request(pictures: usize) -> Request {
    let labels = (0..pictures).map(|i| i % 2).collect();
    let whole = Request { guidance_start: 0.3, guidance_stop: 0.7, num_inference_steps: 3, ..Request::new(0, 0) };
    Request { labels, seeds: (0..pictures as u64).collect(), sampler: SamplerKind::Ddpm, ..whole }
}

/// The last latents of a run whose rows go to as many networks as `shares` says, each of which computes that many rows, the
/// run's own first.
fn drawn(model: &Model, mut run: Generation, share: impl Fn(usize) -> Vec<usize>) -> Vec<f32> {
    let base = model.base();
    let other = CpuUNet::from_values(&base.unet, &model.weights()).unwrap();
    while let Some(ModelInput { sample, shape, timesteps, labels }) = run.model_input() {
        let len = sample.len() / shape[0];
        let mut output = Vec::new();
        for (index, rows) in share(shape[0]).into_iter().enumerate() {
            let from = output.len() / len;
            let range = from..from + rows;
            output.extend(match index {
                0 => run.predict_rows(range).unwrap().unwrap(),
                _ => {
                    let classes = other.classes(&labels[range.clone()], &base.info).unwrap();
                    let (latents, at) = (&sample[from * len..range.end * len], &timesteps[range]);
                    other
                        .forward(latents, [shape[2], shape[3]], at, &classes, 0..rows, &mut Scratch::default())
                        .unwrap()
                }
            });
        }
        run.step(output).unwrap();
    }
    run.sample().to_vec()
}

#[test]
fn pictures_are_the_same_however_the_rows_are_divided() {
    for (name, model) in models() {
        for pictures in [1, 5] {
            let start = || model.generate(request(pictures)).unwrap();
            let whole = start().last().unwrap().unwrap().sample;
            type Share = fn(usize) -> Vec<usize>;
            let shares: [(&str, Share); 4] = [
                ("two halves", |rows| vec![rows - rows / 2, rows / 2]),
                ("one more than a third", |rows| vec![rows / 3 + 1, rows - rows / 3 - 1]),
                ("three", |rows| vec![rows - 2 * (rows / 3), rows / 3, rows / 3]),
                ("one each", |rows| vec![1; rows]),
            ];
            for (what, share) in shares {
                let share = |rows| share(rows).into_iter().filter(|rows| *rows > 0).collect();
                assert_eq!(bits(&drawn(&model, start(), share)), bits(&whole), "{name}, {pictures} pictures, {what}");
            }
        }
    }
}

#[test]
fn rows_that_are_not_there_are_refused() {
    let mut run = tiny().generate(request(2)).unwrap();
    for rows in [0..0, 1..9, 7..9] {
        assert_refused(&format!("{rows:?}"), run.predict_rows(rows).unwrap(), &["timesteps"]);
    }
    assert!(CpuUNet::from_values(&base("tiny").unet, &[0.0; 9]).is_err());
}
