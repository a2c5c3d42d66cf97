//! JavaScript values to Rust values and back. Every mistake of a caller names the field it is in.

use std::collections::BTreeMap;

use diffusion::{Request, SamplerKind};
use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// What the engine throws: always an `Error`, with a sentence fit for a visitor.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// A wrong argument: a `TypeError`.
    Argument(String),
    /// What the model refuses.
    Model(diffusion::Error),
    /// What this crate refuses.
    Refused(String),
}

/// Result of this crate's functions.
pub type Result<T> = std::result::Result<T, Failure>;

impl From<diffusion::Error> for Failure {
    fn from(error: diffusion::Error) -> Self {
        Self::Model(error)
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Argument(message) => js_sys::TypeError::new(&message).into(),
            Failure::Model(error) => js_sys::Error::new(&error.to_string()).into(),
            Failure::Refused(message) => js_sys::Error::new(&message).into(),
        }
    }
}

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
    labels.iter().position(|label| label == text).ok_or_else(|| {
        let message = format!("there is no class \"{text}\", the model has {}", labels.join(", "));
        diffusion::Error::Request(message).into()
    })
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
    let request = Request {
        labels: classes.collect::<Result<_>>()?,
        seeds: seeds.collect::<Result<_>>()?,
        num_inference_steps: count(&field("steps")?, "steps")?,
        sampler: SamplerKind::from_name(&text(&field("sampler")?, "sampler")?)?,
        guidance_scale: number(&field("guidanceScale")?, "guidanceScale")? as f32,
        guidance_start: given("guidanceStart")?.map_or(Ok(0.0), |value| number(&value, "guidanceStart"))?,
        guidance_stop: given("guidanceStop")?.map_or(Ok(1.0), |value| number(&value, "guidanceStop"))?,
        guidance_eta: given("guidanceEta")?.map_or(Ok(1.0), |value| number(&value, "guidanceEta"))? as f32,
        eta: given("eta")?.map_or(Ok(0.0), |value| number(&value, "eta"))? as f32,
        latents: given("latents")?.map(|value| floats(&value, "latents")).transpose()?,
        attention: flag("attention")?,
    };
    Ok(SampleOptions { request, raw: flag("raw")? })
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

/// An object with these properties.
pub fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Result<JsValue> {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name, &value)?;
    }
    Ok(object.into())
}

/// Adds a property to an object.
pub fn set(object: &JsValue, name: &str, value: &JsValue) -> Result<()> {
    let done = Reflect::set(object, &name.into(), value);
    done.map(drop).map_err(|_| Failure::Refused(format!("the browser refused to set {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result {
            Err(Failure::Argument(message) | Failure::Refused(message)) => message,
            Err(Failure::Model(error)) => error.to_string(),
            Ok(value) => panic!("{value:?} was accepted"),
        }
    }

    #[test]
    fn seeds_are_whole_numbers_that_javascript_can_count() {
        assert_eq!(whole(0.0, "seed", MAX_SAFE_INTEGER), Ok(0));
        assert_eq!(whole(9_007_199_254_740_991.0, "seed", MAX_SAFE_INTEGER), Ok(MAX_SAFE_INTEGER));
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
        assert_eq!(label_index("7", &labels), Ok(1));
        assert_eq!(message(label_index("dog", &labels)), "there is no class \"dog\", the model has cat, 7");
    }
}
