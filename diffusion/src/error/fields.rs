//! What an error knows, as data of which a sentence can be made in any language.

/// The value of an error's field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A word, or a technical detail in English.
    Text(String),
    /// A number.
    Number(f64),
    /// The sides of a tensor.
    Shape(Vec<usize>),
    /// Names.
    Names(Vec<String>),
}

/// Fields by name, in camelCase.
pub type Fields = Vec<(&'static str, Field)>;

/// As it is shown.
pub(super) fn text(value: impl ToString) -> Field {
    Field::Text(value.to_string())
}

/// A number as it is shown, that need not be finite.
pub(super) fn shown(value: impl Into<f64>) -> Field {
    Field::Text(decimal(value.into()))
}

pub(super) fn number(value: usize) -> Field {
    Field::Number(value as f64)
}

/// A number in a sentence, as `to_string` has it. By the writer of JSON, which a browser's module has anyway: the standard
/// library's is 6 KB more of brotli.
pub fn decimal(number: f64) -> String {
    let narrow = number as f32;
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number.is_infinite() => (if number > 0.0 { "inf" } else { "-inf" }).to_owned(),
        _ if number.abs() < 1e18 && number.trunc() == number => (number as i64).to_string(),
        // Of an f32 these are fewer and better digits than those of the f64 that it is.
        _ if f64::from(narrow) == number => serde_json::to_string(&narrow).unwrap_or_default(),
        _ => serde_json::to_string(&number).unwrap_or_default(),
    }
}
