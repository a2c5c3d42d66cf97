//! Each setting of a saved `scheduler_config.json` in each sampler, against diffusers: timesteps, x_t and x_0 of every step
//! of short runs with an arithmetic stand-in for a network.

use diffusion::schedule::{BetaSchedule, NoiseSchedule, ScheduleConfig, TimestepSpacing};
use diffusion::state::StateDict;
use diffusion::{Backend, Base, Error, Model, Request, SamplerKind};
use serde_json::{Value, json};

use crate::support::*;

/// Values of one picture; there are two.
const LEN: usize = 6;

fn file() -> StateDict {
    tensors("schedules/settings.safetensors")
}

/// The same function as in the recipe of the fixtures.
fn network(sample: &[f32], timestep: f32, pattern: &[f32]) -> Vec<f32> {
    let time = timestep / 1000.0 + 0.5;
    sample.iter().zip(pattern).map(|(x, p)| x * 0.4 + p * time).collect()
}

/// x_t and x_0 of every step, one after the other.
fn run(config: &ScheduleConfig, kind: SamplerKind, steps: usize, file: &StateDict) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let schedule = NoiseSchedule::new(config.clone());
    let mut sampler = kind.start(&schedule, steps, LEN, 0.0).unwrap();
    let pattern = &file["pattern"].values;
    let mut x: Vec<f32> = file["noise"].values.iter().map(|z| z * sampler.init_noise_sigma()).collect();
    let (mut x_t, mut x_0) = (Vec::new(), Vec::new());
    for step in 0..sampler.timesteps().len() {
        let scale = sampler.input_scale(step);
        let input: Vec<f32> = x.iter().map(|x| x * scale).collect();
        let output = network(&input, sampler.timesteps()[step], pattern);
        let noise = &file["step_noise"].values[step * x.len()..(step + 1) * x.len()];
        let original = sampler.step(step, &output, &mut x, if sampler.needs_noise(step) { noise } else { &[] });
        x_t.extend_from_slice(&x);
        x_0.extend(original);
    }
    (sampler.timesteps().to_vec(), x_t, x_0)
}

#[test]
fn saved_settings_give_the_values_of_diffusers() {
    let file = file();
    let listing = json("schedules/settings.json");
    let cases = listing["cases"].as_array().unwrap();
    assert!(cases.len() > 90, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let kind = SamplerKind::from_name(case["sampler"].as_str().unwrap()).unwrap();
        let config = ScheduleConfig::from_json(case["config"].as_str().unwrap()).unwrap();
        assert_eq!(ScheduleConfig::from_json(&config.to_json()).unwrap(), config, "{name}: written and read again");
        let (timesteps, x_t, x_0) = run(&config, kind, case["steps"].as_u64().unwrap() as usize, &file);
        let want: Vec<f32> = serde_json::from_value(case["timesteps"].clone()).unwrap();
        if timesteps.len() != want.len() || max_abs_diff(&timesteps, &want) > 2e-3 {
            wrong.push(format!("{name}: timesteps {timesteps:?}, not {want:?}"));
            continue;
        }
        for (what, got) in [("x_t", &x_t), ("x_0", &x_0)] {
            let want = &file[&format!("{name}.{what}")].values;
            // Relative to the largest value: Euler begins at thousands.
            let largest = want.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
            let off = max_abs_diff(got, want) / largest;
            println!("{name} {what}: {off:e}");
            if off.is_nan() || off > 2e-5 {
                wrong.push(format!("{name} {what}: off by {off:e}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn betas_of_the_other_schedules() {
    let file = file();
    let config = |settings: Value| ScheduleConfig::from_json(&settings.to_string()).unwrap();
    for (name, settings) in [
        ("sigmoid", json!({"num_train_timesteps": 50, "beta_schedule": "sigmoid"})),
        ("laplace", json!({"num_train_timesteps": 50, "beta_schedule": "laplace"})),
        (
            "rescaled",
            json!({"num_train_timesteps": 50, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                "beta_end": 0.012, "rescale_betas_zero_snr": true}),
        ),
    ] {
        let schedule = NoiseSchedule::new(config(settings));
        assert_close(name, schedule.betas(), &file[&format!("betas.{name}")].values, 1e-6);
        let off = assert_close(name, schedule.alphas_cumprod(), &file[&format!("alphas_cumprod.{name}")].values, 1e-6);
        println!("{name}: abar off by {off:e}");
        if name == "rescaled" {
            assert_eq!(schedule.alphas_cumprod()[49], 0.0, "nothing is left of the picture");
            assert_eq!(schedule.signal_and_noise(49), (0.0, 1.0), "training sees noise alone there");
        }
    }
}

/// What diffusers passes over or fails at is told before anything is drawn.
#[test]
fn what_a_sampler_cannot_honour_is_refused_when_it_starts() {
    use SamplerKind::{Ddim, Ddpm, DpmPlusPlus2M as Dpm, Euler};
    let table: [(Value, &[SamplerKind], usize, &[&str]); 12] = [
        (json!({"variance_type": "learned"}), &[Ddpm, Dpm], 4, &["variance_type", "\"learned\"", "the sampler"]),
        (json!({"variance_type": "fixed_large_log"}), &[Ddpm], 4, &["variance_type", "fixed_large_log"]),
        (
            json!({"use_karras_sigmas": true, "use_beta_sigmas": true}),
            &[Dpm, Euler],
            4,
            &["use_karras_sigmas", "use_beta"],
        ),
        (json!({"algorithm_type": "data_prediction"}), &[Dpm], 4, &["algorithm_type", "data_prediction", "dpm++2m"]),
        (json!({"algorithm_type": "dpmsolver"}), &[Dpm], 4, &["final_sigmas_type", "sigma_min"]),
        (
            json!({"algorithm_type": "sde-dpmsolver", "solver_order": 3, "final_sigmas_type": "sigma_min"}),
            &[Dpm],
            4,
            &["solver_order 3", "only 1, 2"],
        ),
        (json!({"solver_order": 4}), &[Dpm], 4, &["solver_order 4", "only 1, 2, 3"]),
        (json!({"solver_type": "rk4"}), &[Dpm], 4, &["solver_type", "rk4"]),
        (json!({"lambda_min_clipped": 99}), &[Dpm], 4, &["dpm++2m", "steps"]),
        (json!({"steps_offset": 1}), &[Ddpm, Ddim], 1000, &["steps_offset 1", "999"]),
        (
            json!({"rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}),
            &[Ddpm, Ddim],
            4,
            &["no picture at timestep 999", "epsilon", "timestep_spacing"],
        ),
        (json!({"beta_end": 0.9}), &[Dpm, Euler], 4, &["no picture"]),
    ];
    for (settings, refusing, steps, parts) in table {
        let schedule = NoiseSchedule::new(ScheduleConfig::from_json(&settings.to_string()).unwrap());
        for kind in SamplerKind::ALL {
            let started = kind.start(&schedule, steps, LEN, 0.0);
            if refusing.contains(&kind) {
                assert_refused(&format!("{settings} {}", kind.name()), started.map(|_| ()), parts);
            }
        }
    }
    // Those that the setting does not touch draw on.
    let learned = ScheduleConfig { variance_type: "learned".into(), ..ScheduleConfig::default() };
    assert!(Ddim.start(&NoiseSchedule::new(learned), 4, LEN, 0.0).is_ok());
}

/// A request's spacing is that of a base whose scheduler says so; without one the base's own counts.
#[test]
fn a_request_may_choose_the_timesteps() {
    let drawn = |schedule: ScheduleConfig, sampler, timestep_spacing| {
        let model = Model::new(Base { schedule, ..base("tiny") }, Backend::Cpu).unwrap();
        let request = Request { num_inference_steps: 4, sampler, timestep_spacing, ..Request::new(1, 3) };
        let steps = model.generate(request).unwrap().collect::<Result<Vec<_>, Error>>().unwrap();
        (steps.iter().map(|step| step.timestep).collect::<Vec<_>>(), steps[3].sample.clone())
    };
    let own = base("tiny").schedule;
    for sampler in SamplerKind::ALL {
        let mut all = Vec::new();
        for &(name, spacing) in TimestepSpacing::ALL {
            let said = ScheduleConfig { timestep_spacing: Some(spacing), ..own.clone() };
            let asked = drawn(own.clone(), sampler, Some(spacing));
            assert_eq!(asked, drawn(said, sampler, None), "{name} {}", sampler.name());
            all.push(asked.0);
        }
        assert_eq!(all[2], [999.0, 749.0, 499.0, 249.0], "trailing");
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
        let other = ScheduleConfig { timestep_spacing: Some(TimestepSpacing::Leading), ..own.clone() };
        assert_eq!(drawn(other, sampler, Some(TimestepSpacing::Trailing)).0, all[2]);
    }
}

/// Fewer timesteps than were asked for: every step is drawn, with and without guidance.
#[test]
fn a_shorter_run_is_drawn_to_its_end() {
    let schedule = ScheduleConfig {
        beta_schedule: BetaSchedule::SquaredcosCapV2,
        lambda_min_clipped: -1.0,
        timestep_spacing: Some(TimestepSpacing::Trailing),
        ..base("tiny").schedule
    };
    let model = Model::new(Base { schedule, ..base("tiny") }, Backend::Cpu).unwrap();
    for (start, stop) in [(0.0, 1.0), (0.2, 1.0), (0.0, 0.9)] {
        let request = Request {
            num_inference_steps: 12,
            guidance_scale: 2.0,
            guidance_start: start,
            guidance_stop: stop,
            ..Request::new(1, 3)
        };
        let run = model.generate(request).unwrap();
        let total = run.total();
        assert!(total < 12);
        let steps = run.collect::<Result<Vec<_>, Error>>().unwrap();
        assert_eq!(steps.len(), total);
    }
}
