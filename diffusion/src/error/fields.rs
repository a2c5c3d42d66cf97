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

/// As it is shown. Of an f32 these are fewer and better digits than those of the f64 next to it.
pub(super) fn text(value: impl ToString) -> Field {
    Field::Text(value.to_string())
}

pub(super) fn number(value: usize) -> Field {
    Field::Number(value as f64)
}
