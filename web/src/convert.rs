//! JavaScript values to Rust values. Every mistake of a caller names the field it is in.

use std::collections::BTreeMap;

use diffusion::error::RequestError;
use diffusion::{Request, SamplerKind};
use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::failure::{Failure, Result};
use crate::objects::object;

/// "`name` must be `wanted`, not `got`".
fn wrong<T>(name: &str, wanted: &str, got: &str) -> Result<T> {
    Err(Failure::Argument(format!("{name} must be {wanted}, not {got}")))
}

/// A value, short enough for a sentence.
fn show(value: &JsValue) -> String {
    if let Some(text) = value.as_string() {
        return format!("\"{text}\"");
    }
    if let Some(number) = value.as_f64() {
        return number.to_string();
    }
    if value.is_null() {
        return "null".into();
    }
    value.js_typeof().as_string().unwrap_or_else(|| "something else".into())
}

/// A property of an object.
pub fn field(object: &JsValue, of: &str, name: &str) -> Result<JsValue> {
    if !object.is_object() {
        return wrong(of, "an object", &show(object));
    }
    let read = Reflect::get(object, &name.into());
    read.map_err(|_| Failure::Argument(format!("{of}.{name} cannot be read")))
}

/// A string.
pub fn text(value: &JsValue, name: &str) -> Result<String> {
    value.as_string().map_or_else(|| wrong(name, "a string", &show(value)), Ok)
}

/// The contents of a `Uint8Array`.
pub fn bytes(value: &JsValue, name: &str) -> Result<Vec<u8>> {
    match value.dyn_ref::<Uint8Array>() {
        Some(array) => Ok(array.to_vec()),
        None => wrong(name, "a Uint8Array", &show(value)),
    }
}

/// The contents of a `Uint8Array`, or of several one after the other.
pub fn shards(value: &JsValue, name: &str) -> Result<Vec<Vec<u8>>> {
    if Array::is_array(value) {
        return Array::from(value).iter().map(|shard| bytes(&shard, name)).collect();
    }
    Ok(vec![bytes(value, name)?])
}

fn floats(value: &JsValue, name: &str) -> Result<Vec<f32>> {
    match value.dyn_ref::<Float32Array>() {
        Some(array) => Ok(array.to_vec()),
        None => wrong(name, "a Float32Array", &show(value)),
    }
}

/// A number.
pub fn number(value: &JsValue, name: &str) -> Result<f64> {
    value.as_f64().map_or_else(|| wrong(name, "a number", &show(value)), Ok)
}

fn list(value: &JsValue, name: &str) -> Result<Vec<JsValue>> {
    if !Array::is_array(value) {
        return wrong(name, "an array", &show(value));
    }
    Ok(Array::from(value).iter().collect())
}

/// JavaScript's largest number up to which every whole number exists.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A whole number from 0 to `most`.
fn whole(value: f64, name: &str, most: u64) -> Result<u64> {
    // Both are exact below 2^53, and a comparison with NaN is false.
    if value.fract() == 0.0 && (0.0..=most as f64).contains(&value) {
        return Ok(value as u64);
    }
    wrong(name, &format!("a whole number from 0 to {most}"), &value.to_string())
}

fn count(value: &JsValue, name: &str) -> Result<usize> {
    Ok(whole(number(value, name)?, name, u32::MAX.into())? as usize)
}

/// The class that is meant by a name or an index.
fn label(value: &JsValue, name: &str, labels: &[String]) -> Result<usize> {
    match value.as_string() {
        Some(text) => label_index(&text, labels),
        None if value.as_f64().is_some() => count(value, name),
        None => wrong(name, "a class's name or its index", &show(value)),
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
pub fn sample_options(options: &JsValue, labels: &[String]) -> Result<SampleOptions> {
    let field = |name: &str| field(options, "options", name);
    let given = |name: &str| field(name).map(|value| (!value.is_undefined()).then_some(value));
    let flag = |name: &str| Ok::<_, Failure>(given(name)?.is_some_and(|value| value.is_truthy()));
    let element = |name: &str, index: usize| format!("{name}[{index}]");

    let classes = list(&field("labels")?, "labels")?;
    let classes = classes.iter().enumerate().map(|(i, value)| label(value, &element("labels", i), labels));
    let seeds = list(&field("seeds")?, "seeds")?;
    let seeds = seeds.iter().enumerate().map(|(i, value)| {
        let name = element("seeds", i);
        whole(number(value, &name)?, &name, MAX_SAFE_INTEGER)
    });
    let number_or = |name: &str, default: f64| given(name)?.map_or(Ok(default), |value| number(&value, name));
    let float_or = |name: &str, default: f32| Ok::<_, Failure>(number_or(name, default.into())? as f32);
    let defaults = Request::new(0, 0);
    let request = Request {
        labels: classes.collect::<Result<_>>()?,
        seeds: seeds.collect::<Result<_>>()?,
        num_inference_steps: given("steps")?
            .map_or(Ok(defaults.num_inference_steps), |value| count(&value, "steps"))?,
        sampler: match given("sampler")? {
            Some(value) => SamplerKind::from_name(&text(&value, "sampler")?)?,
            None => defaults.sampler,
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

/// What [`sample_options`] fills in where nothing is given.
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
    let Some(object) = value.dyn_ref::<Object>().filter(|_| !Array::is_array(value)) else {
        return wrong("scales", "an object such as { outline: 0.8 }", &show(value));
    };
    let mut scales = BTreeMap::new();
    for entry in Object::entries(object).iter() {
        let entry = Array::from(&entry);
        let name = text(&entry.get(0), "an adapter's name")?;
        let scale = number(&entry.get(1), &format!("the strength of adapter \"{name}\""))?;
        scales.insert(name, scale as f32);
    }
    Ok(scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result {
            Err(Failure::Argument(message)) => message,
            Err(Failure::Model(error)) => error.to_string(),
            Err(other) => panic!("{other:?}"),
            Ok(value) => panic!("{value:?} was accepted"),
        }
    }

    #[test]
    fn seeds_are_whole_numbers_that_javascript_can_count() {
        for (value, exact) in [(0.0, 0), (9_007_199_254_740_991.0, MAX_SAFE_INTEGER)] {
            assert!(matches!(whole(value, "seed", MAX_SAFE_INTEGER), Ok(number) if number == exact));
        }
        for refused in [-1.0, 0.5, 9_007_199_254_740_992.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                message(whole(refused, "seeds[1]", MAX_SAFE_INTEGER)),
                format!("seeds[1] must be a whole number from 0 to 9007199254740991, not {refused}")
            );
        }
    }

    #[test]
    fn a_class_is_found_by_its_name() {
        let labels = ["cat".to_owned(), "7".to_owned()];
        assert!(matches!(label_index("7", &labels), Ok(1)));
        assert_eq!(message(label_index("dog", &labels)), "there is no class \"dog\", the model has cat, 7");
    }
}
