//! Runs: cancelling, batches, seeds, guidance, eta, and adapters switched in between.

use std::collections::BTreeMap;

use diffusion::noise::NoiseSource;
use diffusion::schedule::ScheduleConfig;
use diffusion::{Backend, Base, Error, Model, ModelInput, Request, SamplerKind, Step};

use crate::lora::{adapter_config, adapter_file};
use crate::support::*;

fn steps(model: &Model, request: &Request) -> Vec<Step> {
    model.generate(request.clone()).unwrap().map(|step| step.unwrap()).collect()
}

fn picture(model: &Model, request: &Request) -> Vec<f32> {
    steps(model, request).pop().unwrap().sample
}

fn request(sampler: SamplerKind) -> Request {
    let whole = Request { guidance_start: 0.0, guidance_stop: 1.0, guidance_eta: 1.0, ..Request::new(1, 42) };
    Request { sampler, num_inference_steps: 6, guidance_scale: 2.0, ..whole }
}

#[test]
fn a_run_yields_its_steps() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let request = request(sampler);
        let run = model.generate(request.clone()).unwrap();
        assert_eq!(run.total(), 6);
        let all = steps(&model, &request);
        assert!(all.iter().map(|step| (step.step, step.total)).eq((1..=6).map(|step| (step, 6))));
        assert!(all.is_sorted_by(|a, b| a.timestep > b.timestep), "{}", sampler.name());
        let last = &all[5];
        assert_eq!((last.sample.len(), last.pred_original_sample.len()), (784, 784));
        assert_eq!(last.display_scale, 1.0);
        assert_close(sampler.name(), &last.sample, &last.pred_original_sample, 1e-5);
    }
}

#[test]
fn dropping_a_run_leaves_the_model_as_it_was() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let request = request(sampler);
        let whole = picture(&model, &request);
        let mut cancelled = model.generate(request.clone()).unwrap();
        for _ in 0..3 {
            cancelled.next().unwrap().unwrap();
        }
        drop(cancelled);
        assert_eq!(bits(&picture(&model, &request)), bits(&whole), "{}", sampler.name());
    }
}

#[test]
fn runs_side_by_side_do_not_meet() {
    let model = tiny();
    let (one, two) = (request(SamplerKind::Ddpm), Request { seeds: vec![7], ..request(SamplerKind::Euler) });
    let apart = [picture(&model, &one), picture(&model, &two)];
    let pairs = model.generate(one).unwrap().zip(model.generate(two).unwrap());
    let (last_one, last_two) = pairs.last().unwrap();
    assert_eq!(bits(&last_one.unwrap().sample), bits(&apart[0]));
    assert_eq!(bits(&last_two.unwrap().sample), bits(&apart[1]));
}

#[test]
fn a_run_keeps_the_weights_it_started_with() {
    let mut model = tiny();
    model.add_adapter("plain", &adapter_file("plain"), Some(&adapter_config("plain"))).unwrap();
    let request = request(SamplerKind::Ddim);
    let off = picture(&model, &request);
    let mut run = model.generate(request.clone()).unwrap();
    run.next().unwrap().unwrap();
    model.set_adapters(BTreeMap::from([("plain".to_owned(), 1.0)])).unwrap();
    assert_eq!(bits(&run.last().unwrap().unwrap().sample), bits(&off));

    let on = picture(&model, &request);
    assert!(max_abs_diff(&on, &off) > 1e-2, "the adapter shows");
    model.set_adapters(BTreeMap::new()).unwrap();
    assert_eq!(bits(&picture(&model, &request)), bits(&off), "off is off");
}

#[test]
fn the_same_seed_alone_and_in_a_batch() {
    for (device_name, backend) in backends() {
        let model = Model::new(base("tiny"), backend).unwrap();
        for sampler in SamplerKind::ALL {
            let batch =
                Request { labels: vec![0, 1, 2, 1], seeds: vec![5, 42, 5, u64::MAX], eta: 0.5, ..request(sampler) };
            let together = picture(&model, &batch);
            for (row, want) in together.chunks(784).enumerate() {
                let alone = Request { labels: vec![batch.labels[row]], seeds: vec![batch.seeds[row]], ..batch.clone() };
                let what = format!("{} on {device_name}, row {row}", sampler.name());
                assert_close(&what, &picture(&model, &alone), want, 1e-5);
            }
        }
    }
}

#[test]
fn seeds_decide_and_nothing_else() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let request = request(sampler);
        let first = picture(&model, &request);
        assert_eq!(bits(&picture(&model, &request)), bits(&first), "{}: again", sampler.name());
        let other = Request { seeds: vec![43], ..request.clone() };
        assert!(max_abs_diff(&picture(&model, &other), &first) > 1e-2, "{}: another seed", sampler.name());

        // The seed's own starting noise, handed in, changes nothing: not even the noise of later steps.
        let latents = Some(NoiseSource::new(42).normals(784));
        let given = Request { latents, ..request };
        assert_eq!(bits(&picture(&model, &given)), bits(&first), "{}: latents", sampler.name());
    }
}

#[test]
fn the_samplers_draw_the_same_picture_with_enough_steps() {
    // Each with its own default: "leading", which this folder's file says, begins Euler and DPM-Solver at other timesteps.
    let tiny = base("tiny");
    let schedule = ScheduleConfig { timestep_spacing: None, ..tiny.schedule.clone() };
    let model = Model::new(Base { schedule, ..tiny }, Backend::Cpu).unwrap();
    let long = |sampler| Request { num_inference_steps: 150, guidance_scale: 1.0, ..request(sampler) };
    let of = |sampler| picture(&model, &long(sampler));
    let (dpm, euler) = (of(SamplerKind::DpmPlusPlus2M), of(SamplerKind::Euler));
    let apart = max_abs_diff(&dpm, &euler);
    assert!(apart < 0.05, "dpm++2m and euler solve one equation, but are {apart} apart");
}

#[test]
fn guidance_one_is_the_doubled_batch_without_the_double() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let plain = Request { guidance_scale: 1.0, ..request(sampler) };
        // So close to 1 that the guided batch, twice as large, is computed and the picture must not change.
        let guided = Request { guidance_scale: 1.0 + f32::EPSILON, ..plain.clone() };
        let rows = |request: &Request| model.generate(request.clone()).unwrap().model_input().unwrap().shape[0];
        assert_eq!((rows(&plain), rows(&guided)), (1, 2));
        let off = assert_close(sampler.name(), &picture(&model, &guided), &picture(&model, &plain), 1e-4);
        println!("guidance 1, one batch or two, {}: {off:e}", sampler.name());

        // At 0 only the null class counts, whatever the label.
        let zero = Request { guidance_scale: 0.0, ..plain.clone() };
        let null = Request { labels: vec![3], ..plain.clone() };
        assert_close(sampler.name(), &picture(&model, &zero), &picture(&model, &null), 1e-4);
        let strong = Request { guidance_scale: 4.0, ..plain.clone() };
        assert!(max_abs_diff(&picture(&model, &strong), &picture(&model, &plain)) > 1e-2);
    }
}

/// Outside its interval a step is an unguided one to the bit, and costs one forward per picture.
#[test]
fn guidance_lasts_as_long_as_it_is_asked_to() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let plain = Request { guidance_scale: 1.0, ..request(sampler) };
        let whole = request(sampler);
        let part = Request { guidance_start: 0.34, guidance_stop: 0.7, ..whole.clone() };
        let mut run = model.generate(part.clone()).unwrap();
        let rows: Vec<usize> = std::iter::from_fn(|| {
            let ModelInput { sample, shape, timesteps, .. } = run.model_input()?;
            run.next().unwrap().unwrap();
            assert_eq!((sample.len(), timesteps.len()), (shape[0] * 784, shape[0]));
            Some(shape[0])
        })
        .collect();
        // Of 6 steps, from the one numbered 0.34 * 6 = 2.04 to before that numbered 0.7 * 6 = 4.2, counted from 0.
        assert_eq!(rows, [1, 1, 2, 2, 1, 1], "{}", sampler.name());

        let (plain_steps, part_steps, whole_steps) =
            (steps(&model, &plain), steps(&model, &part), steps(&model, &whole));
        for i in 0..2 {
            assert_eq!(part_steps[i], plain_steps[i], "{}, before", sampler.name());
        }
        assert!(max_abs_diff(&part_steps[2].sample, &plain_steps[2].sample) > 1e-3, "{}, within", sampler.name());
        assert!(max_abs_diff(&part_steps[5].sample, &whole_steps[5].sample) > 1e-3, "{}", sampler.name());

        // From the start: as guided as ever. Then, from where it stood, as plain as ever.
        let early = Request { guidance_stop: 0.5, ..whole.clone() };
        let early_steps = steps(&model, &early);
        assert_eq!(early_steps[..3], whole_steps[..3], "{}, within", sampler.name());
        let none = Request { guidance_start: 0.5, guidance_stop: 0.5, ..whole };
        assert_eq!(bits(&picture(&model, &none)), bits(&picture(&model, &plain)), "nothing is left of it");
    }
}

/// Eta 1 is plain guidance. At 0 the label adds no ink: what guidance changes stands at right angles to the predicted picture.
#[test]
fn guidance_can_leave_the_ink_alone() {
    let model = tiny();
    for sampler in SamplerKind::ALL {
        let plain = Request { guidance_scale: 1.0, guidance_eta: 0.0, ..request(sampler) };
        let with = |eta: f32| Request { guidance_scale: 4.0, guidance_eta: eta, ..plain.clone() };
        let x0 = |request: &Request| {
            let mut first = model.generate(request.clone()).unwrap();
            first.next().unwrap().unwrap().pred_original_sample
        };
        let (base, orthogonal, half, full) = (x0(&plain), x0(&with(0.0)), x0(&with(0.5)), x0(&with(1.0)));
        assert!(max_abs_diff(&orthogonal, &base) > 1e-3 && max_abs_diff(&orthogonal, &full) > 1e-4);
        // DDIM and DDPM clip x_0, which mixes the two parts again.
        if matches!(sampler, SamplerKind::DpmPlusPlus2M | SamplerKind::Euler) {
            let along = |x: &[f32]| -> f64 {
                x.iter().zip(&base).map(|(x, b)| f64::from(x - b) * f64::from(b + 1.0)).sum::<f64>()
            };
            let (none, all) = (along(&orthogonal).abs(), along(&full).abs());
            assert!(none < 1e-3 * all, "{}: {none} of {all} is left", sampler.name());
            let middle: Vec<f32> = orthogonal.iter().zip(&full).map(|(a, b)| (a + b) / 2.0).collect();
            assert_close("half of it", &half, &middle, 1e-3);
        }
    }
}

#[test]
fn eta_is_the_amount_of_fresh_noise() {
    let model = tiny();
    let with = |eta: f32, seed: u64| {
        let latents = Some(NoiseSource::new(9).normals(784));
        picture(&model, &Request { eta, seeds: vec![seed], latents, ..request(SamplerKind::Ddim) })
    };
    assert_eq!(bits(&with(0.0, 1)), bits(&with(0.0, 2)), "at 0 nothing is drawn after the start");
    assert_eq!(bits(&with(0.8, 1)), bits(&with(0.8, 1)));
    assert!(max_abs_diff(&with(0.8, 1), &with(0.8, 2)) > 1e-2, "above 0 the seed matters again");
    assert!(max_abs_diff(&with(0.8, 1), &with(0.0, 1)) > 1e-2);

    for sampler in [SamplerKind::DpmPlusPlus2M, SamplerKind::Euler, SamplerKind::Ddpm] {
        let eta = Request { eta: 1.0, ..request(sampler) };
        assert_eq!(bits(&picture(&model, &eta)), bits(&picture(&model, &request(sampler))), "only DDIM has it");
    }
}

/// A broken network is told, once, and the run is over.
#[test]
fn what_is_not_finite_ends_the_run() {
    let mut broken: Base = base("tiny");
    broken.state.get_mut("conv_out.bias").unwrap().values[2] = f32::NAN;
    let model = Model::new(broken, Backend::Cpu).unwrap();
    let results: Vec<_> = model.generate(request(SamplerKind::Ddim)).unwrap().take(9).collect();
    assert!(matches!(results[..], [Err(Error::NotFinite { step: 1 })]), "{results:?}");

    let model = tiny();
    let mut run = model.generate(request(SamplerKind::Ddim)).unwrap();
    let short = run.step(vec![0.5f32; 784]);
    assert_refused("half an output", short, &["784", "1568"]);
}

/// Every pixel spreads one unit over the tokens of its class, and whoever does not ask is told nothing.
#[test]
fn attention_is_told_on_request() {
    let told = |backend: Backend| -> Vec<Step> {
        let model = Model::new(base("tiny"), backend).unwrap();
        let asked = Request { labels: vec![0, 2], seeds: vec![1, 2], attention: true, ..request(SamplerKind::Ddim) };
        let steps: Vec<Step> = model.generate(asked.clone()).unwrap().map(Result::unwrap).collect();
        let silent = model.generate(Request { attention: false, ..asked }).unwrap();
        for (step, silent) in steps.iter().zip(silent.map(Result::unwrap)) {
            assert_eq!(silent.attention, None);
            assert_eq!(bits(&step.sample), bits(&silent.sample), "asking changes no picture");
        }
        steps
    };
    let [(_, cpu), (_, flex), _] = backends();
    let (on_cpu, on_flex) = (told(cpu), told(flex));
    let tokens = base("tiny").info.tokens_per_class;
    for (step, same) in on_cpu.iter().zip(&on_flex) {
        let maps = step.attention.as_ref().unwrap();
        assert_eq!(maps.len(), 2 * tokens * 14 * 14);
        for picture in maps.chunks_exact(tokens * 14 * 14) {
            for pixel in 0..14 * 14 {
                let sum: f32 = picture.iter().skip(pixel).step_by(14 * 14).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{sum}");
            }
        }
        assert_close("the CPU's and flex's", maps, same.attention.as_ref().unwrap(), 1e-3);
    }
    let first = on_cpu[0].attention.as_ref().unwrap();
    assert!(max_abs_diff(&first[..196], &first[196..392]) > 1e-4, "tokens differ");
}
