//! Noise schedules and timesteps against diffusers, value by value.

use diffusion::SamplerKind;
use diffusion::schedule::{NoiseSchedule, ScheduleConfig};
use diffusion::state::StateDict;
use serde_json::Value;

use crate::support::*;

/// Name, fixture entry and our schedule of every case.
fn cases() -> Vec<(String, Value, NoiseSchedule)> {
    let listing = json("schedules/schedules.json");
    let schedules = listing["schedules"].as_object().unwrap();
    assert_eq!(schedules.len(), 9);
    let make = |(name, entry): (&String, &Value)| {
        let setting = |key: &&str| ((*key).to_owned(), entry[*key].clone());
        let settings = ["beta_schedule", "num_train_timesteps", "beta_start", "beta_end"].iter().map(setting);
        let config = ScheduleConfig::from_json(&Value::Object(settings.collect()).to_string()).unwrap();
        (name.clone(), entry.clone(), NoiseSchedule::new(config))
    };
    schedules.iter().map(make).collect()
}

fn file() -> StateDict {
    tensors("schedules/schedules.safetensors")
}

fn equal_bits(got: &[f32], want: &[f32]) -> usize {
    bits(got).iter().zip(bits(want)).filter(|(got, want)| **got == *want).count()
}

#[test]
fn betas_and_their_products() {
    let file = file();
    for (name, _, schedule) in cases() {
        for (what, got) in [("betas", schedule.betas()), ("alphas_cumprod", schedule.alphas_cumprod())] {
            let want = &file[&format!("{name}.{what}")].values;
            // Relative is the stricter of the two: no value is above 1, and the smallest is 2e-9.
            let off = assert_relatively_close(&format!("{name} {what}"), got, want, 1e-6);
            println!("{name} {what}: {off:e} relative, {} of {} bit-equal", equal_bits(got, want), want.len());
        }
    }
}

#[test]
fn add_noise_and_velocity() {
    let file = file();
    for (name, _, schedule) in cases() {
        let tensor = |part: &str| &file[&format!("{name}.mix.{part}")].values;
        let timesteps = tensor("timesteps");
        let len = tensor("noise").len() / timesteps.len();
        type Mix = fn(&NoiseSchedule, &[f32], &[f32], usize) -> Vec<f32>;
        let kinds: [(&str, Mix); 2] = [("add_noise", NoiseSchedule::add_noise), ("velocity", NoiseSchedule::velocity)];
        for (what, mix) in kinds {
            let rows = tensor("original").chunks(len).zip(tensor("noise").chunks(len)).zip(timesteps);
            let got: Vec<f32> = rows.flat_map(|((x, e), &t)| mix(&schedule, x, e, t as usize)).collect();
            let off = assert_close(&format!("{name} {what}"), &got, tensor(what), 1e-6);
            println!("{name} {what}: {off:e}, {} of {} bit-equal", equal_bits(&got, tensor(what)), got.len());
        }
    }
}

#[test]
fn timesteps_are_exactly_those_of_diffusers() {
    let file = file();
    let mut compared = 0;
    for (name, entry, schedule) in cases() {
        for kind in [SamplerKind::Ddpm, SamplerKind::Ddim, SamplerKind::DpmPlusPlus2M] {
            for (steps, want) in entry["timesteps"][kind.name()].as_object().unwrap() {
                let want: Vec<f32> = serde_json::from_value(want.clone()).unwrap();
                let sampler = kind.start(&schedule, steps.parse().unwrap(), 1, 0.0).unwrap();
                assert_eq!(sampler.timesteps(), want, "{name} {} {steps}", kind.name());
                assert_eq!(sampler.init_noise_sigma(), 1.0);
                compared += 1;
            }
        }
        let euler_steps: Vec<usize> = serde_json::from_value(entry["euler_steps"].clone()).unwrap();
        for steps in euler_steps {
            let tensor = |part: &str| &file[&format!("{name}.euler.{steps}.{part}")].values;
            let sampler = SamplerKind::Euler.start(&schedule, steps, 1, 0.0).unwrap();
            assert_eq!(sampler.timesteps(), tensor("timesteps"), "{name} euler {steps}");
            let what = format!("{name} euler {steps}: init_noise_sigma");
            assert_relatively_close(&what, &[sampler.init_noise_sigma()], tensor("init_noise_sigma"), 1e-6);
            // What the network's input is multiplied by tells each sigma.
            let got: Vec<f32> = (0..steps).map(|index| sampler.input_scale(index)).collect();
            let want: Vec<f32> =
                tensor("sigmas")[..steps].iter().map(|sigma| 1.0 / (sigma * sigma + 1.0).sqrt()).collect();
            assert_relatively_close(&format!("{name} euler {steps}: input scale"), &got, &want, 1e-6);
            compared += 1;
        }
    }
    println!("{compared} lists of timesteps");
}

/// `x_t = signal x_0 + sigma eps` and `v = signal eps - sigma x_0` are solved for what is missing.
#[test]
fn predictions_invert_the_mixing() {
    use diffusion::prediction::predict;
    use diffusion::schedule::PredictionType::{Epsilon, Sample, VPrediction};
    let schedule = NoiseSchedule::new(ScheduleConfig::default());
    let (original, noise) = (vec![0.25f32, -0.5, 1.0], vec![1.5f32, -0.75, 0.125]);
    for t in [1, 300, 700] {
        let (signal, sigma) = schedule.signal_and_noise(t);
        let sample = schedule.add_noise(&original, &noise, t);
        let velocity = schedule.velocity(&original, &noise, t);
        for (kind, output) in [(Epsilon, &noise), (VPrediction, &velocity), (Sample, &original)] {
            let got = predict(kind, output, &sample, signal, sigma);
            assert_close(&format!("x_0 from {kind:?} at {t}"), &got.original, &original, 1e-5);
            assert_close(&format!("eps from {kind:?} at {t}"), &got.epsilon, &noise, 1e-4);
        }
    }
}
