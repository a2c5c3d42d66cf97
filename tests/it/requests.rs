//! Requests that cannot be met, each with a message that says what is wrong and what is possible.

use std::collections::BTreeMap;
use std::path::Path;

use diffusion::schedule::TimestepSpacing;
use diffusion::{Request, SamplerKind};

use crate::support::*;

#[test]
fn refusals() {
    let model = tiny();
    let good = Request::new(1, 42);
    let sampler = |sampler| Request { sampler, ..good.clone() };
    let table: Vec<(&str, Request, &[&str])> = vec![
        ("no steps", Request { num_inference_steps: 0, ..good.clone() }, &["steps", "1 to 999", "not 0"]),
        (
            "as many steps as T for dpm++2m",
            Request { num_inference_steps: 1000, ..good.clone() },
            &["1 to 999 for dpm++2m", "not 1000"],
        ),
        (
            "more steps than T",
            Request { num_inference_steps: 1001, ..sampler(SamplerKind::Ddpm) },
            &["1 to 1000 for ddpm", "not 1001"],
        ),
        (
            "steps beyond counting",
            Request { num_inference_steps: usize::MAX, ..sampler(SamplerKind::Euler) },
            &["1 to 1000 for euler"],
        ),
        ("guidance NaN", Request { guidance_scale: f32::NAN, ..good.clone() }, &["guidance", "NaN"]),
        ("guidance inf", Request { guidance_scale: f32::INFINITY, ..good.clone() }, &["guidance", "inf"]),
        (
            "guidance from before the run",
            Request { guidance_start: -0.1, ..good.clone() },
            &["start of guidance", "-0.1"],
        ),
        ("guidance from the end", Request { guidance_start: 1.0, ..good.clone() }, &["start of guidance", "below 1"]),
        ("guidance from NaN", Request { guidance_start: f64::NAN, ..good.clone() }, &["start of guidance", "NaN"]),
        (
            "guidance to before its start",
            Request { guidance_start: 0.5, guidance_stop: 0.25, ..good.clone() },
            &["end of guidance", "0.5, its start", "0.25"],
        ),
        ("guidance to behind the run", Request { guidance_stop: 1.5, ..good.clone() }, &["end of guidance", "1.5"]),
        ("guidance to NaN", Request { guidance_stop: f64::NAN, ..good.clone() }, &["end of guidance", "NaN"]),
        ("guidance's eta above 1", Request { guidance_eta: 1.5, ..good.clone() }, &["eta of guidance", "1.5"]),
        ("guidance's eta NaN", Request { guidance_eta: f32::NAN, ..good.clone() }, &["eta of guidance", "NaN"]),
        ("eta above 1", Request { eta: 1.5, ..sampler(SamplerKind::Ddim) }, &["eta must be 0 to 1", "1.5"]),
        ("eta below 0", Request { eta: -0.1, ..sampler(SamplerKind::Ddim) }, &["eta", "-0.1"]),
        ("eta NaN", Request { eta: f32::NAN, ..sampler(SamplerKind::Ddim) }, &["eta", "NaN"]),
        ("no label", Request { labels: vec![], seeds: vec![], ..good.clone() }, &["at least one"]),
        (
            "more seeds than labels",
            Request { seeds: vec![1, 2, 3], ..good.clone() },
            &["as many seeds as labels", "3 and 1"],
        ),
        ("an unknown label", Request { labels: vec![4], ..good.clone() }, &["class 4", "0 to 2"]),
        (
            "short latents",
            Request { latents: Some(vec![0.0; 783]), ..good.clone() },
            &["latents", "1 x 4 x 14 x 14", "783"],
        ),
        (
            "latents of one picture for two",
            Request { labels: vec![0, 1], seeds: vec![0, 1], latents: Some(vec![0.0; 784]), ..good.clone() },
            &["2 x 4 x 14 x 14", "784"],
        ),
        (
            "latents with a hole",
            Request { latents: Some([vec![0.0; 783], vec![f32::NAN]].concat()), ..good.clone() },
            &["latents", "finite"],
        ),
    ];
    for (what, request, parts) in table {
        assert_refused(what, model.generate(request), parts);
    }
    // The limits themselves are fine, and so is the null class.
    for (steps, kind) in [(999, SamplerKind::DpmPlusPlus2M), (1000, SamplerKind::Ddpm), (1, SamplerKind::Euler)] {
        let request = Request { num_inference_steps: steps, labels: vec![3], ..sampler(kind) };
        assert_eq!(model.generate(request).unwrap().total(), steps);
    }
}

#[test]
fn samplers_and_spacings_have_names() {
    for kind in SamplerKind::ALL {
        assert_eq!(SamplerKind::from_name(kind.name()).unwrap(), kind);
        assert_eq!(serde_json::json!(kind), kind.name());
    }
    for &(name, spacing) in TimestepSpacing::ALL {
        assert_eq!(TimestepSpacing::from_name(name).unwrap(), spacing);
    }
    let even = TimestepSpacing::from_name("even");
    assert_refused("an unknown spacing", even, &["\"even\"", "linspace, leading, trailing"]);
    assert_refused("an unknown sampler", SamplerKind::from_name("heun"), &["\"heun\"", "dpm++2m, ddim, euler, ddpm"]);
}

/// The page and the class show what they take by default before there is an engine: www/options.js says it again.
#[test]
fn javascript_has_the_same_defaults() {
    let script = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/options.js"));
    let (_, rest) = script.split_once("DEFAULTS = Object.freeze({").unwrap();
    let (list, _) = rest.split_once('}').unwrap();
    let pairs = list.split(',').map(|pair| pair.split_once(':').unwrap());
    let shown: BTreeMap<&str, &str> = pairs.map(|(key, value)| (key.trim(), value.trim())).collect();
    let Request {
        num_inference_steps, sampler, guidance_scale, guidance_start, guidance_stop, guidance_eta, eta, ..
    } = Request::new(0, 0);
    let own = [
        ("steps", num_inference_steps.to_string()),
        ("sampler", format!("'{}'", sampler.name())),
        ("guidanceScale", guidance_scale.to_string()),
        ("guidanceStart", guidance_start.to_string()),
        ("guidanceStop", guidance_stop.to_string()),
        ("guidanceEta", guidance_eta.to_string()),
        ("eta", eta.to_string()),
    ];
    for (key, value) in &own {
        assert_eq!(shown.get(key), Some(&value.as_str()), "{key}");
    }
    assert_eq!(shown.len(), own.len() + 2, "and device and threads, which are no part of a request: {shown:?}");
}
