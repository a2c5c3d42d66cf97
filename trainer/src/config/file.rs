//! Configuration files and presets: reading, writing, comparing. Tests: here.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::run_settings::RunSettings;
use crate::error::{Error, Result};
use crate::messages::did_you_mean;

/// A configuration that comes with the program.
pub struct Preset {
    /// What `--config` knows it by.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// The file.
    pub text: &'static str,
}

/// What a file may have; each kind of run reads some.
const SECTIONS: [&str; 6] = ["model", "autoencoder", "lora", "turbo", "train", "run"];

/// The presets.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "few",
        purpose: "few pictures of your own, such as photographs of handwriting (lora takes it by itself)",
        text: include_str!("../../presets/few.toml"),
    },
    Preset {
        name: "shipped",
        purpose: "the recipe of the shipped adapters",
        text: include_str!("../../presets/shipped.toml"),
    },
    Preset {
        name: "small",
        purpose: "a network of a quarter of the work per picture, to try things out",
        text: include_str!("../../presets/small.toml"),
    },
    Preset {
        name: "seed",
        purpose: "the recipe of the article that this project grew from: epsilon-prediction, L1, no guidance",
        text: include_str!("../../presets/seed.toml"),
    },
];

/// `defaults`, overridden by the values of a configuration: a file, or a preset by name.
///
/// # Errors
/// A file that cannot be read, is no TOML, or has sections, keys or values that are not known.
pub fn load<T: Serialize + DeserializeOwned>(defaults: T, file_or_preset: Option<&str>) -> Result<T> {
    let Some(name) = file_or_preset else { return Ok(defaults) };
    overlay(&defaults, &text_of(name)?).map_err(|reason| Error::Config { file: name.to_owned(), reason })
}

/// Whether a configuration sets one of these keys of `[train]`.
///
/// # Errors
/// As [`load`].
pub fn sets(file_or_preset: Option<&str>, keys: &[&str]) -> Result<bool> {
    let Some(name) = file_or_preset else { return Ok(false) };
    let given = parse(&text_of(name)?).map_err(|reason| Error::Config { file: name.to_owned(), reason })?;
    let train = given.get("train").and_then(toml::Value::as_table);
    Ok(train.is_some_and(|train| keys.iter().any(|key| train.contains_key(*key))))
}

/// Section `[run]` of a configuration; nothing where it has none.
///
/// # Errors
/// As [`load`].
pub fn run_settings(file_or_preset: Option<&str>) -> Result<Option<RunSettings>> {
    let Some(name) = file_or_preset else { return Ok(None) };
    let refuse = |reason| Error::Config { file: name.to_owned(), reason };
    let given = parse(&text_of(name)?).map_err(refuse)?;
    let Some(run) = given.get("run") else { return Ok(None) };
    let read = run.clone().try_into::<RunSettings>();
    read.map(Some).map_err(|error| refuse(format!("[run]: {}", error.to_string().trim().replace('\n', " "))))
}

/// A whole configuration as TOML, in which every float is written so that it is read back exactly.
///
/// # Errors
/// Values that TOML does not have, as integers of 2^63 and more.
pub fn to_toml<T: Serialize>(config: &T) -> Result<String> {
    toml::to_string(config).map_err(|error| Error::Config { file: "config.toml".into(), reason: error.to_string() })
}

/// Settings of a section that differ: name, and a text with both values.
///
/// # Errors
/// As [`to_toml`].
pub fn differences<T: Serialize>(before: &T, now: &T) -> Result<Vec<(String, String)>> {
    // By way of the text, in which a float is as short as it was given.
    let table = |section: &T| {
        let text = to_toml(section)?;
        toml::from_str::<toml::Table>(&text)
            .map_err(|error| Error::Config { file: "config.toml".into(), reason: error.to_string() })
    };
    let (before, now) = (table(before)?, table(now)?);
    // Both have all keys: no setting is optional.
    let differing = before.into_iter().filter_map(|(name, before)| {
        let now = now.get(&name)?;
        (before != *now).then(|| (name.clone(), format!("{name} {before}, not {now}")))
    });
    Ok(differing.collect())
}

fn text_of(file_or_preset: &str) -> Result<String> {
    if let Some(preset) = PRESETS.iter().find(|preset| preset.name == file_or_preset) {
        return Ok(preset.text.to_owned());
    }
    let path = Path::new(file_or_preset);
    if !path.exists() {
        let presets = PRESETS.map(|preset| preset.name);
        let near = did_you_mean(file_or_preset, presets);
        let reason = format!("there is no such file, and the presets are {}{near}", presets.join(", "));
        return Err(Error::Config { file: path.display().to_string(), reason });
    }
    fs::read_to_string(path).map_err(Error::io("read", path))
}

fn parse(text: &str) -> std::result::Result<toml::Table, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("line {line}: {}", error.message().replace('\n', ", "))
    })
}

fn overlay<T: Serialize + DeserializeOwned>(defaults: &T, text: &str) -> std::result::Result<T, String> {
    let given = parse(text)?;
    let mut merged = toml::Table::try_from(defaults).map_err(|error| error.to_string())?;
    for (section, values) in given {
        if !SECTIONS.contains(&section.as_str()) {
            return Err(format!("[{section}] is not one of the sections [{}]", SECTIONS.join("], [")));
        }
        let toml::Value::Table(values) = values else {
            return Err(format!("{section} must be a section, [{section}]"));
        };
        // Its settings come together from several places: `run_settings`.
        if section == "run" {
            continue;
        }
        // A file may hold all kinds of runs: `base` skips [lora], `lora` skips [model].
        if let Some(toml::Value::Table(known)) = merged.get_mut(&section) {
            for (key, value) in values {
                if !known.contains_key(&key) {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    return Err(format!("[{section}] has no {key}; it has {}", names.join(", ")));
                }
                known.insert(key, value);
            }
        }
    }
    merged.try_into().map_err(|error: toml::de::Error| error.to_string().trim().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use diffusion::schedule::PredictionType;
    use diffusion::training::{Recipe, Shape};

    use super::*;
    use crate::config::{AdapterConfig, BaseConfig, LoraSettings, LossKind, TrainConfig};

    #[test]
    fn every_preset_is_a_base_run_and_an_adapter_run() {
        for Preset { name, .. } in PRESETS {
            let base = load(BaseConfig::default(), Some(name)).unwrap();
            base.train.check().unwrap();
            let lora = load(AdapterConfig::default(), Some(name)).unwrap();
            lora.lora.check().unwrap();
            lora.train.check().unwrap();
        }
    }

    #[test]
    fn the_seeds_recipe_is_what_the_article_says() {
        let config = load(BaseConfig::default(), Some("seed")).unwrap();
        assert_eq!(config.model.prediction_type, PredictionType::Epsilon);
        assert_eq!(config.model.num_train_timesteps, 1000);
        let TrainConfig { loss, lr, batch_size, lr_floor, weight_decay, .. } = config.train;
        assert_eq!((loss, lr, batch_size, lr_floor, weight_decay), (LossKind::L1, 1e-3, 50, 1.0, 0.0));
        let lora = load(AdapterConfig::default(), Some("seed")).unwrap();
        assert_eq!(lora.lora.target_modules, ["to_q", "to_k", "to_v"]);
    }

    /// A browser trains by the same numbers. There a job has 8 pictures; here the threads decide.
    #[test]
    fn few_pictures_have_one_recipe() {
        let config = load(AdapterConfig::default(), Some("few")).unwrap();
        let recipe = Recipe { dropout: config.lora.dropout, micro_batch: 8, ..config.train.recipe(240) };
        assert_eq!((recipe, config.train.max_train_steps), (Recipe::default(), 240));
        let LoraSettings { rank, alpha, target_modules: targets, .. } = config.lora;
        assert_eq!(Shape { rank, alpha, targets }, Shape::default());
    }

    #[test]
    fn a_written_configuration_is_read_again() {
        let mut config = BaseConfig::default();
        config.train.lr = 0.125;
        assert_eq!(overlay(&BaseConfig::default(), &to_toml(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn what_a_file_gets_wrong_is_named() {
        let refused = |text: &str| overlay(&BaseConfig::default(), text).unwrap_err();
        assert!(refused("[train]\nlearning_rate = 1").contains("no learning_rate"));
        assert!(refused("[optimizer]\nlr = 1").contains("[optimizer]"));
        assert!(refused("train = 3").contains("[train]"));
        assert!(refused("[train]\nlr = \"fast\"").contains("lr"));
        assert!(refused("[train\n").contains("line 1"));
        assert!(refused("[train]\nlr = 1\nlr = 2\n").contains("line 3"));
        assert!(sets(Some("nowhere.toml"), &[]).is_err() && !sets(Some("shipped"), &["epochs"]).unwrap());
        assert!(sets(Some("small"), &["lr", "epochs"]).unwrap());
        let message = load(BaseConfig::default(), Some("nowhere.toml")).unwrap_err().to_string();
        assert!(message.contains("nowhere.toml") && message.contains("seed"), "{message}");
    }
}
