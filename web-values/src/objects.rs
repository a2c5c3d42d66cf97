//! Objects and errors of JavaScript, made of Rust values.

use diffusion::error::{Field, Fields};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

/// An object with these properties.
pub fn object<const N: usize>(properties: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new().into();
    for (name, value) in properties {
        set(&object, name, &value);
    }
    object
}

/// Adds a property to an object that this crate has made. Only others', with setters or frozen, could refuse it.
pub fn set(object: &JsValue, name: &str, value: &JsValue) {
    let added = Reflect::set(object, &name.into(), value);
    debug_assert!(added.is_ok(), "{name}");
}

/// An object with the fields of an error.
pub fn record(fields: Fields) -> JsValue {
    let record = Object::new().into();
    for (name, field) in fields {
        let value = match field {
            Field::Text(text) => text.into(),
            Field::Number(number) => number.into(),
            Field::Shape(sides) => sides.into_iter().map(JsValue::from).collect::<Array>().into(),
            Field::Names(names) => names.into_iter().map(JsValue::from).collect::<Array>().into(),
        };
        set(&record, name, &value);
    }
    record
}

/// Adds to an error what it is about.
pub fn describe(error: JsValue, code: &str, kind: &str, fields: &JsValue) -> JsValue {
    set(&error, "code", &code.into());
    set(&error, "kind", &kind.into());
    set(&error, "fields", fields);
    error
}

/// Adds to an error what the model refuses.
pub fn describe_model_error(described: JsValue, error: &diffusion::Error) -> JsValue {
    describe(described, error.code(), error.kind(), &record(error.fields()))
}
