//! What callers ask for, as requests of `diffusion`. Every mistake names the field it is in.

use std::collections::BTreeMap;

use diffusion::error::RequestError;
use diffusion::schedule::TimestepSpacing;
use diffusion::{Model, Request, SamplerKind};
use wasm_bindgen::JsValue;
use web_values::arguments::{MAX_SAFE_INTEGER, count, entries, field, floats, list, number, show, text, whole, wrong};
use web_values::objects::object;

use crate::failure::{Failure, Result};

/// The class that is meant by a name or an index.
fn label(value: &JsValue, name: &str, labels: &[String]) -> Result<usize> {
    match value.as_string() {
        Some(text) => label_index(&text, labels),
        None if value.as_f64().is_some() => Ok(count(value, name)?),
        None => Ok(wrong(name, "a class's name or its index", &show(value))?),
    }
}

fn label_index(text: &str, labels: &[String]) -> Result<usize> {
    labels
        .iter()
        .position(|label| label == text)
        .ok_or_else(|| RequestError::ClassName { found: text.to_owned(), known: labels.to_vec() }.into())
}

/// What `Engine.sample` is asked for.
pub struct SampleOptions {
    /// What to draw.
    pub request: Request,
    /// Whether the float pictures are wanted too.
    pub raw: bool,
}

/// Reads the argument of `Engine.sample`.
pub fn sample_options(options: &JsValue, model: &Model) -> Result<SampleOptions> {
    let base = &model.base().info;
    let field = |name: &str| Ok::<_, Failure>(field(options, "options", name)?);
    let given = |name: &str| field(name).map(|value| (!value.is_undefined()).then_some(value));
    let flag = |name: &str| Ok::<_, Failure>(given(name)?.is_some_and(|value| value.is_truthy()));
    let element = |name: &str, index: usize| format!("{name}[{index}]");

    let classes = list(&field("labels")?, "labels")?;
    let classes = classes.iter().enumerate().map(|(i, value)| label(value, &element("labels", i), &base.labels));
    let seeds = list(&field("seeds")?, "seeds")?;
    let seeds = seeds.iter().enumerate().map(|(i, value)| {
        let name = element("seeds", i);
        Ok(whole(number(value, &name)?, &name, MAX_SAFE_INTEGER)?)
    });
    let number_or =
        |name: &str, default: f64| Ok::<_, Failure>(given(name)?.map_or(Ok(default), |value| number(&value, name))?);
    let float_or = |name: &str, default: f32| Ok::<_, Failure>(number_or(name, default.into())? as f32);
    let defaults = model.usual_request(0, 0);
    let request = Request {
        labels: classes.collect::<Result<_>>()?,
        seeds: seeds.collect::<Result<_>>()?,
        num_inference_steps: given("steps")?
            .map_or(Ok(defaults.num_inference_steps), |value| count(&value, "steps"))?,
        sampler: match given("sampler")? {
            Some(value) => SamplerKind::from_name(&text(&value, "sampler")?)?,
            None => defaults.sampler,
        },
        timestep_spacing: match given("timestepSpacing")? {
            Some(value) => Some(TimestepSpacing::from_name(&text(&value, "timestepSpacing")?)?),
            None => None,
        },
        guidance_scale: float_or("guidanceScale", defaults.guidance_scale)?,
        guidance_start: number_or("guidanceStart", defaults.guidance_start)?,
        guidance_stop: number_or("guidanceStop", defaults.guidance_stop)?,
        guidance_eta: float_or("guidanceEta", defaults.guidance_eta)?,
        eta: float_or("eta", defaults.eta)?,
        latents: given("latents")?.map(|value| floats(&value, "latents")).transpose()?,
        attention: flag("attention")?,
    };
    Ok(SampleOptions { request, raw: flag("raw")? })
}

/// What [`sample_options`] fills in where nothing is given, and neither the base nor an adapter says anything else.
pub fn defaults() -> JsValue {
    let Request {
        num_inference_steps, sampler, guidance_scale, guidance_start, guidance_stop, guidance_eta, eta, ..
    } = Request::new(0, 0);
    object([
        ("steps", num_inference_steps.into()),
        ("sampler", sampler.name().into()),
        ("guidanceScale", guidance_scale.into()),
        ("guidanceStart", guidance_start.into()),
        ("guidanceStop", guidance_stop.into()),
        ("guidanceEta", guidance_eta.into()),
        ("eta", eta.into()),
    ])
}

/// Reads the argument of `Engine.setAdapters`.
pub fn scales(value: &JsValue) -> Result<BTreeMap<String, f32>> {
    let mut scales = BTreeMap::new();
    for (name, scale) in entries(value, "scales", "an object such as { outline: 0.8 }")? {
        let name = text(&name, "an adapter's name")?;
        let scale = number(&scale, &format!("the strength of adapter \"{name}\""))?;
        scales.insert(name, scale as f32);
    }
    Ok(scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_its_name() {
        let labels = ["cat".to_owned(), "7".to_owned()];
        assert!(matches!(label_index("7", &labels), Ok(1)));
        let Err(Failure::Model(error)) = label_index("dog", &labels) else { panic!("a dog was accepted") };
        assert_eq!(error.to_string(), "there is no class \"dog\", the model has cat, 7");
    }
}
