//! Adapters that draw in few steps: what they learn is where one DDIM step has to lead, and what their files say of them.

use diffusion::adapter::initial::Start;
use diffusion::peft::{PeftConfig, read_adapter, write_adapter, write_diffusers, write_kohya};
use diffusion::schedule::{NoiseSchedule, PredictionType, ScheduleConfig, TimestepSpacing};
use diffusion::tensors::Precision;
use diffusion::training::{Recipe, Segments, Trajectories};
use diffusion::{Request, SamplerKind, Turbo};

use crate::support::*;

const LEN: usize = 5;

fn schedule(prediction_type: PredictionType) -> NoiseSchedule {
    let tiny = base("tiny").schedule;
    NoiseSchedule::new(ScheduleConfig { prediction_type, clip_sample: false, ..tiny })
}

/// Numbers that are all different, within the range of pictures.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    diffusion::noise::NoiseSource::new(seed).normals(count).iter().map(|z| 0.5 * z).collect()
}

#[test]
fn the_target_is_the_output_with_which_a_step_of_ddim_leads_there() {
    for prediction in [PredictionType::VPrediction, PredictionType::Epsilon, PredictionType::Sample] {
        let schedule = schedule(prediction);
        for steps in [1, 2, 4, 5] {
            let segments = Segments::new(&schedule, steps).unwrap();
            let spaced = schedule.spaced(TimestepSpacing::Trailing);
            let mut sampler = SamplerKind::Ddim.start(&spaced, steps, LEN, 0.0).unwrap();
            let asked: Vec<f32> = segments.timesteps().iter().map(|t| *t as f32).collect();
            assert_eq!(sampler.timesteps(), asked);
            for index in 0..steps {
                let (x_t, x_s) = (numbers(LEN, 1), numbers(LEN, 2));
                let target = segments.target(index, &x_t, &x_s);
                let mut x = x_t.clone();
                sampler.step(index, &target, &mut x, &[]);
                // Where nearly all is noise, eps says next to nothing of the picture.
                let blind = prediction == PredictionType::Epsilon && index == 0;
                let off = max_abs_diff(&x, &x_s);
                assert!(off < if blind { 1e-1 } else { 2e-6 }, "{prediction:?}, step {index} of {steps}: {off:e}");
            }
        }
    }
}

#[test]
fn a_teacher_has_to_pass_where_the_steps_begin() {
    let schedule = schedule(PredictionType::VPrediction);
    let teacher = |sampler, steps, spacing| Request {
        num_inference_steps: steps,
        sampler,
        timestep_spacing: Some(spacing),
        ..Request::new(0, 0)
    };
    let ends = |taught, teacher: &Request| Segments::new(&schedule, taught).unwrap().ends_in(teacher, &schedule);
    for sampler in SamplerKind::ALL {
        let trailing = teacher(sampler, 12, TimestepSpacing::Trailing);
        assert_eq!(ends(4, &trailing).unwrap(), [2, 5, 8, 11]);
        assert_eq!(ends(2, &trailing).unwrap(), [5, 11]);
        assert_eq!(ends(1, &trailing).unwrap(), [11]);
    }
    let parts = ["does not pass timestep 749", "multiple of 4"];
    let dpm = SamplerKind::DpmPlusPlus2M;
    assert_refused("10 steps", ends(4, &teacher(dpm, 10, TimestepSpacing::Trailing)), &parts);
    let linspace = teacher(dpm, 13, TimestepSpacing::Linspace);
    assert_refused("linspace", ends(4, &linspace), &["multiple of 4"]);
    let leading = teacher(dpm, 12, TimestepSpacing::Leading);
    assert_refused("leading", ends(4, &leading), &["does not pass timestep 999"]);
    assert_refused("three", Segments::new(&schedule, 3), &["3 steps", "1000 timesteps"]);
    assert_refused("none", Segments::new(&schedule, 0), &["0 steps"]);
}

#[test]
fn rows_are_the_segments_of_every_run_each_once_in_an_epoch() {
    let schedule = schedule(PredictionType::VPrediction);
    let segments = Segments::new(&schedule, 2).unwrap();
    // Numbers that 16 bits hold exactly.
    let ends: Vec<f32> = (0..3 * 2 * LEN).map(|i| i as f32 / 16.0 - 1.0).collect();
    let seeds = [10, 11, 12];
    let mut all = Trajectories::new(segments.clone(), LEN);
    for (run, &seed) in seeds.iter().enumerate() {
        all.push(seed, run, &ends[run * 2 * LEN..][..2 * LEN]).unwrap();
    }
    assert_refused("a value too few", all.push(13, 0, &ends[..9]), &["9 values", "not 10"]);
    assert_eq!((all.runs(), all.rows()), (3, 6));
    let recipe = Recipe { batch_size: 2, micro_batch: 1, dropout: 0.0, ..Recipe::default() };
    let mut seen = Vec::new();
    for step in 0..3 {
        let jobs = all.jobs_of_step(&recipe, step);
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            assert_eq!((job.len(), job.noisy.len(), job.target.len()), (1, LEN, LEN));
            let run = job.labels[0];
            let end = |segment: usize| ends[(run * 2 + segment) * LEN..][..LEN].to_vec();
            let (index, x_t, x_s) = match job.timesteps[0] {
                999.0 => (0, diffusion::noise::NoiseSource::new(seeds[run]).normals(LEN), end(0)),
                499.0 => (1, end(0), end(1)),
                other => panic!("timestep {other}"),
            };
            assert_eq!(job.noisy, x_t);
            assert_eq!(job.target, segments.target(index, &x_t, &x_s));
            seen.push((run, index));
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
    // Weights of the loss over all rows add up to 1: the segments' are 1 in the mean.
    // From another network's states: the same ends, other beginnings but for the noise.
    let mut own = Trajectories::new(segments.clone(), LEN);
    let elsewhere: Vec<f32> = ends.iter().map(|x| x + 0.5).collect();
    for (run, &seed) in seeds.iter().enumerate() {
        own.push(seed, run, &elsewhere[run * 2 * LEN..][..2 * LEN]).unwrap();
    }
    let mut others = Trajectories::new(segments.clone(), LEN);
    others.push(99, 0, &ends[..2 * LEN]).unwrap();
    assert_refused("other runs", all.clone().starting_at(others).map(|_| ()), &["other noise"]);
    let jobs = all.clone().starting_at(own).unwrap().all_jobs(&Recipe { micro_batch: 1, dropout: 0.0, ..recipe });
    assert_eq!(jobs[0], all.all_jobs(&recipe)[0]);
    assert_eq!(jobs[1].noisy, elsewhere[..LEN]);
    assert_eq!(jobs[1].target, segments.target(1, &elsewhere[..LEN], &ends[LEN..2 * LEN]));
    let weights: f32 = all.all_jobs(&recipe).iter().flat_map(|job| &job.weights).sum();
    assert!((weights - 1.0).abs() < 1e-6, "{weights}");
}

#[test]
fn a_file_says_how_it_is_drawn_with_in_every_dialect() {
    let base = base("tiny");
    let to_q = |path: &str| path.ends_with("to_q").then_some((2, 2.0));
    let mut adapter = Start::Lora { dora: false }.adapter(&base.state, 0, to_q);
    let turbo = Turbo::of_steps(4, vec!["outline:0.8".into()]);
    adapter.turbo = Some(turbo.clone());
    let config = PeftConfig::describing(&adapter);
    let peft = write_adapter(&adapter, &config, "turbo-4", Precision::F32).unwrap();
    let others = [
        write_diffusers(&adapter, &config, "turbo-4", Precision::F32).unwrap(),
        write_kohya(&adapter, "turbo-4", Precision::F32).unwrap(),
    ];
    let read = read_adapter(&peft, Some(&config.to_json()), &base.state).unwrap();
    assert_eq!(read.turbo.as_ref(), Some(&turbo));
    for bytes in others {
        assert_eq!(read_adapter(&bytes, None, &base.state).unwrap().turbo.as_ref(), Some(&turbo));
    }
    assert_eq!(adapter.differences(&base.state).turbo.as_ref(), Some(&turbo));

    let request = turbo.request(Request { eta: 0.5, ..Request::new(1, 7) });
    assert_eq!(
        (request.num_inference_steps, request.sampler, request.guidance_scale, request.eta),
        (4, SamplerKind::Ddim, 1.0, 0.0)
    );
    assert_eq!((request.timestep_spacing, request.seeds), (Some(TimestepSpacing::Trailing), vec![7]));
}

#[test]
fn a_header_that_says_it_wrongly_is_refused_by_its_key() {
    assert_eq!(Turbo::from_json(&Turbo::of_steps(2, vec![]).to_json()).unwrap(), Turbo::of_steps(2, vec![]));
    for (text, parts) in [
        ("{", vec!["digit_diffusion.turbo"]),
        (r#"{"sampler":"ddim","timestep_spacing":"trailing"}"#, vec!["steps is missing", "1 to 1000"]),
        (r#"{"steps":0,"sampler":"ddim","timestep_spacing":"trailing"}"#, vec!["steps must be", "not 0"]),
        (r#"{"steps":4,"sampler":"lcm","timestep_spacing":"trailing"}"#, vec!["sampler", "lcm"]),
        (r#"{"steps":4,"sampler":"ddim","timestep_spacing":"even"}"#, vec!["timestep_spacing", "even"]),
        // What would not be heeded.
        (
            r#"{"steps":4,"sampler":"ddim","timestep_spacing":"trailing","guidance_scale":2}"#,
            vec!["guidance_scale must be 1", "not 2"],
        ),
        (
            r#"{"steps":4,"sampler":"ddim","timestep_spacing":"trailing","with":[1]}"#,
            vec!["with must be a list of names"],
        ),
        (
            r#"{"steps":4,"sampler":"ddim","timestep_spacing":"trailing","eta":1}"#,
            vec!["eta must be left out", "not 1"],
        ),
    ] {
        assert_refused(text, Turbo::from_json(text), &parts);
    }
}
