//! JavaScript values to Rust values. Every mistake of a caller names the field it is in.

use diffusion::error::decimal;
use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::objects::{describe, object};

/// A mistake of a caller, as a sentence: a `TypeError` in JavaScript.
#[derive(Debug)]
pub struct Argument(pub String);

/// Result of this module's functions.
pub type Result<T> = std::result::Result<T, Argument>;

impl From<Argument> for JsValue {
    fn from(Argument(message): Argument) -> Self {
        let fields = object([("reason", message.as_str().into())]);
        describe(js_sys::TypeError::new(&message).into(), "engine", "argument", &fields)
    }
}

/// "`name` must be `wanted`, not `got`".
///
/// # Errors
/// That, always.
pub fn wrong<T>(name: &str, wanted: &str, got: &str) -> Result<T> {
    Err(Argument(format!("{name} must be {wanted}, not {got}")))
}

/// A value, short enough for a sentence.
pub fn show(value: &JsValue) -> String {
    if let Some(text) = value.as_string() {
        return format!("\"{text}\"");
    }
    if let Some(number) = value.as_f64() {
        return decimal(number);
    }
    if value.is_null() {
        return "null".into();
    }
    value.js_typeof().as_string().unwrap_or_else(|| "something else".into())
}

/// A property of an object.
///
/// # Errors
/// No object, or one that throws.
pub fn field(object: &JsValue, of: &str, name: &str) -> Result<JsValue> {
    if !object.is_object() {
        return wrong(of, "an object", &show(object));
    }
    let read = Reflect::get(object, &name.into());
    read.map_err(|_| Argument(format!("{of}.{name} cannot be read")))
}

/// A string.
///
/// # Errors
/// Anything else.
pub fn text(value: &JsValue, name: &str) -> Result<String> {
    value.as_string().map_or_else(|| wrong(name, "a string", &show(value)), Ok)
}

/// The contents of a `Uint8Array`.
///
/// # Errors
/// Anything else.
pub fn bytes(value: &JsValue, name: &str) -> Result<Vec<u8>> {
    match value.dyn_ref::<Uint8Array>() {
        Some(array) => Ok(array.to_vec()),
        None => wrong(name, "a Uint8Array", &show(value)),
    }
}

/// The contents of a `Uint8Array`, or of several one after the other.
///
/// # Errors
/// Anything else.
pub fn shards(value: &JsValue, name: &str) -> Result<Vec<Vec<u8>>> {
    if Array::is_array(value) {
        return Array::from(value).iter().map(|shard| bytes(&shard, name)).collect();
    }
    Ok(vec![bytes(value, name)?])
}

/// The contents of a `Float32Array`.
///
/// # Errors
/// Anything else.
pub fn floats(value: &JsValue, name: &str) -> Result<Vec<f32>> {
    match value.dyn_ref::<Float32Array>() {
        Some(array) => Ok(array.to_vec()),
        None => wrong(name, "a Float32Array", &show(value)),
    }
}

/// A number.
///
/// # Errors
/// Anything else.
pub fn number(value: &JsValue, name: &str) -> Result<f64> {
    value.as_f64().map_or_else(|| wrong(name, "a number", &show(value)), Ok)
}

/// The elements of an array.
///
/// # Errors
/// Anything else.
pub fn list(value: &JsValue, name: &str) -> Result<Vec<JsValue>> {
    if !Array::is_array(value) {
        return wrong(name, "an array", &show(value));
    }
    Ok(Array::from(value).iter().collect())
}

/// Names and values of an object that is no array; `wanted` says what it should be.
///
/// # Errors
/// Anything else.
pub fn entries(value: &JsValue, name: &str, wanted: &str) -> Result<Vec<(JsValue, JsValue)>> {
    let Some(object) = value.dyn_ref::<Object>().filter(|_| !Array::is_array(value)) else {
        return wrong(name, wanted, &show(value));
    };
    let entries = Object::entries(object);
    Ok(entries.iter().map(|entry| Array::from(&entry)).map(|entry| (entry.get(0), entry.get(1))).collect())
}

/// JavaScript's largest number up to which every whole number exists.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A whole number from 0 to `most`.
///
/// # Errors
/// Any other number.
pub fn whole(value: f64, name: &str, most: u64) -> Result<u64> {
    // Both are exact below 2^53, and a comparison with NaN is false.
    if value.fract() == 0.0 && (0.0..=most as f64).contains(&value) {
        return Ok(value as u64);
    }
    wrong(name, &format!("a whole number from 0 to {most}"), &decimal(value))
}

/// A whole number that counts something.
///
/// # Errors
/// Anything else, or more than 32 bits hold.
pub fn count(value: &JsValue, name: &str) -> Result<usize> {
    Ok(whole(number(value, name)?, name, u32::MAX.into())? as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_whole_numbers_that_javascript_can_count() {
        for (value, exact) in [(0.0, 0), (9_007_199_254_740_991.0, MAX_SAFE_INTEGER)] {
            assert!(matches!(whole(value, "seed", MAX_SAFE_INTEGER), Ok(number) if number == exact));
        }
        for refused in [-1.0, 0.5, 9_007_199_254_740_992.0, f64::NAN, f64::INFINITY] {
            let Err(Argument(message)) = whole(refused, "seeds[1]", MAX_SAFE_INTEGER) else {
                panic!("{refused} was accepted");
            };
            assert_eq!(message, format!("seeds[1] must be a whole number from 0 to 9007199254740991, not {refused}"));
        }
    }
}
