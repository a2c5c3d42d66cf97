//! `rank_pattern` and `alpha_pattern`: values by patterns of module paths, in the file's order.
//!
//! Tests: `tests/it/patterns.rs`, `tests/it/lora_files.rs`.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::{ConfigError, Error, Result};

use super::names::CONFIG_FILE as FILE;
use super::names::is_text_encoder;
use super::pattern::Pattern;

/// Values by pattern. Of the patterns that match a path, the first one counts, so their order does, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Patterns<T>(Vec<(String, T)>);

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(String, T)> for Patterns<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Self {
        let mut patterns = Self::default();
        entries.into_iter().for_each(|(key, value)| patterns.set(key, value));
        patterns
    }
}

impl<T> Patterns<T> {
    /// Patterns and values, the first ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// As Python's dict has it: a key keeps its first place and its last value.
    fn set(&mut self, key: String, value: T) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value for a module: that of the first pattern which matches the end of its path, from a dot on or all of it
    /// (PEFT's `get_pattern_key`).
    ///
    /// # Errors
    /// A key that is no pattern, or one that is not supported.
    pub fn matching(&self, path: &str) -> Result<Option<&T>> {
        for (key, value) in self.iter() {
            if pattern(&format!(r"(.*\.)?({key})$"), key)
                .and_then(|pattern| pattern.matches(path).map_err(refuse(key)))?
            {
                return Ok(Some(value));
            }
        }
        Ok(self.iter().find(|(key, _)| *key == path).map(|(_, value)| value))
    }

    /// The same values with the patterns in alphabetical order, as PEFT writes them.
    pub(super) fn sorted(&self) -> Self
    where
        T: Clone,
    {
        let mut entries = self.0.clone();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(entries)
    }
}

/// Compiles `text`, which was made of `key`.
pub(super) fn pattern(text: &str, key: &str) -> Result<Pattern> {
    Pattern::new(text).map_err(refuse(key))
}

/// Why `key` is no pattern.
pub(super) fn refuse(key: &str) -> impl Fn(&'static str) -> Error {
    move |why| {
        let reason = format!("\"{key}\" is not a pattern of Python's re that can be used: {why}");
        Error::Config { file: FILE, source: ConfigError::Invalid { reason } }
    }
}

impl<T: Serialize> Serialize for Patterns<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The patterns of a configuration with their values as they stand there, whatever stands in front of their keys.
#[derive(Default)]
pub(super) struct BothPatterns {
    pub ranks: Patterns<Value>,
    pub alphas: Patterns<Value>,
}

impl Patterns<Value> {
    /// Values of another type; those that have none are left out.
    pub(super) fn typed<T>(self, get: impl Fn(&Value) -> Option<T>) -> Patterns<T> {
        Patterns(self.0.into_iter().filter_map(|(key, value)| Some((key, get(&value)?))).collect())
    }
}

/// Entries in their order, which [`Value`] does not keep.
impl<'de> Deserialize<'de> for Patterns<Value> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Patterns<Value>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("values by pattern")
            }

            fn visit_unit<E>(self) -> std::result::Result<Self::Value, E> {
                Ok(Patterns::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut patterns = Patterns::default();
                while let Some((key, value)) = map.next_entry()? {
                    patterns.set(key, value);
                }
                Ok(patterns)
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

impl<'de> Deserialize<'de> for BothPatterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = BothPatterns;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut both = BothPatterns::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.rsplit('.').next().filter(|_| !is_text_encoder(&key)) {
                        Some("rank_pattern") => both.ranks = map.next_value()?,
                        Some("alpha_pattern") => both.alphas = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(both)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
