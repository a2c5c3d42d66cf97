//! The `config.json` of one of diffusers' networks as it is read: each kind of value, and what is refused.
//!
//! Tests: `tests/it/configs.rs`.

use serde_json::Value;

use crate::error::{ConfigError, Error, Result, shown};
use crate::json;

/// Larger numbers are mistakes, and would only be noticed when memory runs out.
pub(super) const LARGEST: usize = 65_536;

/// What is read of a network's settings, and what becomes of the others.
pub(super) struct Rules {
    /// The file, as errors name it.
    pub file: &'static str,
    /// diffusers' name of the network.
    pub class: &'static str,
    /// Settings with one value that is supported, and whether `null` is the same.
    pub only: fn() -> Vec<(&'static str, Value, bool)>,
    /// Settings that are read.
    pub read: &'static [&'static str],
    /// Settings that change nothing.
    pub inert: &'static [&'static str],
}

pub(super) struct Reader {
    json: Value,
    rules: &'static Rules,
}

/// A whole number of a size that a network can have.
pub(super) fn whole(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= LARGEST)
}

/// diffusers' names of SiLU, in which it ignores case.
fn is_silu(name: &str) -> bool {
    ["silu", "swish"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl Reader {
    /// Parses the text, and refuses the settings that are not supported.
    pub(super) fn new(text: &str, rules: &'static Rules) -> Result<Self> {
        let reader = Self { json: json::read(rules.file, text)?, rules };
        reader.require_defaults()?;
        Ok(reader)
    }

    fn refuse<T>(&self, source: ConfigError) -> Result<T> {
        Err(Error::Config { file: self.rules.file, source })
    }

    /// The value of `key` is not what it must be.
    fn refuse_value<T>(&self, key: &str, accepted: String) -> Result<T> {
        let found = self.json.get(key).map(shown);
        self.refuse(ConfigError::Value { key: key.into(), accepted, found })
    }

    /// Settings that change the computation and are supported with one value only.
    fn require_defaults(&self) -> Result<()> {
        let &Rules { class, only, read, inert, .. } = self.rules;
        if self.json.get("_class_name").and_then(Value::as_str) != Some(class) {
            let found = self.json.get("_class_name").filter(|value| !value.is_null()).map(shown);
            let accepted = format!("\"{class}\"");
            return self.refuse(ConfigError::Value { key: "_class_name".into(), accepted, found });
        }
        for (key, accepted, null) in only() {
            match self.json.get(key) {
                None => {}
                Some(Value::Null) if null => {}
                Some(value) if *value == accepted || value.as_f64().is_some_and(|v| Some(v) == accepted.as_f64()) => {}
                Some(Value::String(name)) if key == "act_fn" && is_silu(name) => {}
                Some(value) => return self.refuse(ConfigError::unsupported(key, shown(value), shown(&accepted))),
            }
        }
        let set = |value: &Value| !value.is_null() && *value != Value::Bool(false);
        for (key, value) in self.json.as_object().into_iter().flatten() {
            let known = read.contains(&key.as_str()) || inert.contains(&key.as_str()) || key.starts_with('_');
            if !known && set(value) && !only().iter().any(|(only, ..)| only == key) {
                return self.refuse(ConfigError::Unsupported { key: key.into(), found: shown(value), accepted: None });
            }
        }
        Ok(())
    }

    pub(super) fn number(&self, key: &str) -> Result<usize> {
        match self.json.get(key).and_then(whole) {
            Some(n) => Ok(n),
            None => self.refuse_value(key, format!("a whole number, at most {LARGEST}")),
        }
    }

    pub(super) fn number_or(&self, key: &str, default: usize) -> Result<usize> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.number(key),
        }
    }

    pub(super) fn positive_or(&self, key: &str, default: f64) -> Result<f64> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => match value.as_f64() {
                Some(n) if n > 0.0 => Ok(n),
                _ => self.refuse_value(key, "a number above 0".into()),
            },
        }
    }

    /// A number, or nothing.
    pub(super) fn finite(&self, key: &str) -> Result<Option<f64>> {
        match self.json.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(n) if n.is_finite() => Ok(Some(n)),
                _ => self.refuse_value(key, "a number".into()),
            },
        }
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> Result<bool> {
        match self.json.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => self.refuse_value(key, "true or false".into()),
        }
    }

    pub(super) fn probability(&self, key: &str) -> Result<f64> {
        match self.json.get(key).map(Value::as_f64) {
            None => Ok(0.0),
            Some(Some(n)) if (0.0..=1.0).contains(&n) => Ok(n),
            Some(_) => self.refuse_value(key, "a number from 0 to 1".into()),
        }
    }

    /// A number for all resolutions, or a list with the same number for each.
    pub(super) fn uniform(&self, key: &str, levels: usize, default: usize) -> Result<usize> {
        match self.json.get(key).and_then(Value::as_array) {
            None => self.number_or(key, default),
            Some(items) => match items.split_first() {
                Some((first, rest)) if items.len() == levels && rest.iter().all(|item| item == first) => {
                    whole(first).map_or_else(|| self.number(key), Ok)
                }
                _ => self.refuse_value(key, format!("one whole number, or the same {levels} times")),
            },
        }
    }

    /// Refuses another value than the one that follows from the rest.
    pub(super) fn must_be(&self, key: &str, implied: Value) -> Result<()> {
        match self.json.get(key) {
            Some(value) if !value.is_null() && *value != implied => {
                self.refuse(ConfigError::unsupported(key, shown(value), shown(&implied)))
            }
            _ => Ok(()),
        }
    }

    /// The larger side, where they are two.
    pub(super) fn side(&self, key: &str) -> Result<usize> {
        match self.json.get(key) {
            Some(Value::Array(sides)) => match sides.iter().map(whole).collect::<Option<Vec<_>>>() {
                Some(sides) if sides.len() == 2 => Ok(sides[0].max(sides[1])),
                _ => self.refuse_value(key, "a whole number, or two".into()),
            },
            _ => self.number_or(key, 0),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<Vec<usize>> {
        let items = self.json.get(key).and_then(Value::as_array);
        match items.and_then(|items| items.iter().map(whole).collect::<Option<Vec<_>>>()) {
            Some(list) if !list.is_empty() => Ok(list),
            _ => self.refuse_value(key, format!("a list of whole numbers, each at most {LARGEST}")),
        }
    }

    /// One value for each resolution, or one for all.
    pub(super) fn per_level<T: Clone>(
        &self,
        key: &str,
        levels: usize,
        default: T,
        get: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let values = match self.json.get(key) {
            None | Some(Value::Null) => Some(vec![default; levels]),
            Some(Value::Array(items)) => items.iter().map(&get).collect(),
            Some(single) => get(single).map(|v| vec![v; levels]),
        };
        match values {
            Some(values) if values.len() == levels => Ok(values),
            _ => self.refuse_value(key, format!("one value, or one for each of the {levels} block_out_channels")),
        }
    }

    /// For each resolution, whether its block is of the kind with attention.
    pub(super) fn blocks(&self, key: &str, with: &str, without: &str, levels: usize) -> Result<Vec<bool>> {
        let kind = |value: &Value| match value.as_str() {
            Some(name) if name == with => Some(true),
            Some(name) if name == without => Some(false),
            _ => None,
        };
        let names = self.json.get(key).and_then(Value::as_array);
        let kinds = names.and_then(|names| names.iter().map(kind).collect::<Option<Vec<_>>>());
        match kinds {
            Some(kinds) if kinds.len() == levels => Ok(kinds),
            _ => self.refuse_value(key, format!("a list of {levels} times \"{with}\" or \"{without}\"")),
        }
    }
}
