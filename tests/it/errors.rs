//! Errors as JavaScript gets them: codes that never change, kinds that the page has sentences for, fields.

use std::collections::BTreeSet;
use std::path::Path;

use diffusion::Error;
use diffusion::error::{
    AdapterError, ConfigError, DeviceError, Field, RequestError, TensorsError, TrainingError, WebGpuLimit, WriteError,
    WrongShape,
};
use diffusion::foreign::ForeignFile;
use diffusion::sampler::SamplerKind;
use diffusion::schedule::TimestepSpacing;

use crate::support::*;

/// One of each kind, with its code.
fn examples() -> Vec<(Error, &'static str)> {
    let json = || serde_json::from_str::<u8>("{").unwrap_err();
    let format = || safetensors::SafeTensorError::HeaderTooSmall;
    let config = |source| Error::Config { file: "unet/config.json", source };
    let (path, tensor, name) = (|| "mid.q".to_owned(), || "mid.q.weight".to_owned(), || "bold".to_owned());
    let engine: Vec<Error> = vec![
        Error::Json { file: "unet/config.json", source: json() },
        config(ConfigError::Unsupported { key: "act_fn".into(), found: "gelu".into(), accepted: None }),
        config(ConfigError::Sampler {
            sampler: "ddpm",
            key: "variance_type",
            found: "\"x\"".into(),
            accepted: "\"y\"",
        }),
        config(ConfigError::Process { key: "_class_name".into(), found: "\"EDM\"".into() }),
        config(ConfigError::Value { key: "r".into(), accepted: "at least 1".into(), found: None }),
        config(ConfigError::ChangesBase { method: "pissa".into() }),
        config(ConfigError::Invalid { reason: "no".into() }),
        Error::Unwritable(WriteError::Format(format())),
        Error::Weights {
            missing: vec![tensor()],
            unexpected: vec![],
            wrong: vec![WrongShape { tensor: tensor(), found: vec![1], expected: vec![2] }],
        },
        Error::NoNumbers { tensor: tensor() },
        Error::UnknownAdapter { name: name(), loaded: vec![] },
        RequestError::Steps { sampler: "ddim", most: 1000, found: 0 }.into(),
        RequestError::Eta { found: 2.0 }.into(),
        RequestError::GuidanceScale { found: f32::NAN }.into(),
        RequestError::GuidanceStart { found: 2.0 }.into(),
        RequestError::GuidanceStop { start: 0.5, found: 2.0 }.into(),
        RequestError::GuidanceEta { found: 2.0 }.into(),
        RequestError::Batch { labels: 1, seeds: 2 }.into(),
        RequestError::Class { found: 11, last: 9 }.into(),
        RequestError::ClassName { found: "x".into(), known: vec!["0".into()] }.into(),
        SamplerKind::from_name("heun").unwrap_err(),
        TimestepSpacing::from_name("even").unwrap_err(),
        RequestError::Latents { expected: [1, 4, 14, 14], found: 3 }.into(),
        RequestError::LatentsNotFinite.into(),
        RequestError::Strength { name: name(), found: f32::NAN }.into(),
        RequestError::Prediction { labels: 1, timesteps: 1, channels: 4, side: 2, found: vec![1, 4] }.into(),
        RequestError::Input { values: 1, timesteps: 1, expected: [1, 4, 14, 14] }.into(),
        RequestError::Autoencoded { values: 1, channels: 3, size: [6, 8], factor: 4 }.into(),
        RequestError::Over.into(),
        Error::NotFinite { step: 3 },
        DeviceError::Lost.into(),
        DeviceError::OutOfMemory { pictures: 60, height: 14, width: 14 }.into(),
        DeviceError::TooLarge { pictures: 60, height: 14, width: 14 }.into(),
        DeviceError::Refused { reason: "no".into() }.into(),
        DeviceError::Length { found: 1, expected: 2 }.into(),
        WebGpuLimit::Channels(30).into(),
    ];
    let unreadable: Vec<Error> = vec![
        Error::SafeTensors(TensorsError::Format(format())),
        Error::SafeTensors(TensorsError::Foreign(ForeignFile::LfsPointer)),
        Error::SafeTensors(TensorsError::Length { found: 12 }),
        Error::SafeTensors(TensorsError::Twice { tensor: tensor() }),
        Error::SafeTensors(TensorsError::DataType { tensor: tensor(), found: safetensors::Dtype::BOOL }),
    ];
    let misfit = [
        AdapterError::UnknownModules { paths: vec![path()], known: path() },
        AdapterError::Shape { path: path(), a: vec![4, 8], b: vec![8, 4], weight: [16, 16].into() },
        AdapterError::TensorShape { path: path(), tensor: "hra_u", found: vec![3, 2], weight: [16, 16].into() },
    ];
    let adapter = [
        AdapterError::Empty,
        AdapterError::NotLinear { path: path() },
        AdapterError::MissingFactor { path: path() },
        AdapterError::Twice { path: path() },
        AdapterError::NotTargeted { path: path(), setting: "target_modules" },
        AdapterError::Factors { path: path(), a: vec![4], b: vec![8, 4] },
        AdapterError::Alpha { path: path() },
        AdapterError::MissingTensor { path: path(), has: "boft_R", missing: "boft_s" },
        AdapterError::Together { path: path(), tensor: "dora_scale", kind: "OFT" },
        AdapterError::NoBias { path: path() },
        AdapterError::TextEncoder { tensor: tensor() },
        AdapterError::NotAFactor { tensor: tensor() },
    ];
    let training = [
        TrainingError::Setting { name: "lr".into(), accepted: "a positive number" },
        TrainingError::NoPictures,
        TrainingError::Pictures { pictures: 3, size: 28, values: 7 },
        TrainingError::Kind { path: path(), kind: "OFT" },
        TrainingError::Length { found: 1, expected: 2 },
        TrainingError::Results { found: 1, expected: 2 },
        TrainingError::Job { found: 1 },
        TrainingError::Diverged { step: 3 },
        TrainingError::Parameter { tensor: tensor() },
        TrainingError::NoCheckpoint { missing: "recipe" },
        TrainingError::OtherBase,
        TrainingError::OtherPictures,
    ];
    let all = engine.into_iter().map(|error| (error, "engine"));
    all.chain(unreadable.into_iter().map(|error| (error, "unreadable")))
        .chain(training.into_iter().map(|error| (error.into(), "training")))
        .chain(misfit.into_iter().map(|error| (error.into(), "misfit")))
        .chain([(AdapterError::UnknownAlpha.into(), "unconfigured")])
        .chain([(AdapterError::Unconfigured { kind: "HRA" }.into(), "unconfigured")])
        .chain(adapter.into_iter().map(|error| (error.into(), "adapter")))
        .collect()
}

#[test]
fn codes_are_those_of_the_javascript_class() {
    for (error, code) in examples() {
        assert_eq!(error.code(), code, "{error}");
    }
}

/// A kind without a sentence would be told in English on the Chinese page.
#[test]
fn every_kind_has_a_sentence_in_every_language() {
    let kinds: BTreeSet<&str> = examples().iter().map(|(error, _)| error.kind()).collect();
    assert_eq!(kinds.len(), examples().len(), "kinds are unique");
    for files in [&["engine.js", "drawing.js", "training.js"][..], &["refusals-zh.js", "training-zh.js"]] {
        let file = |name: &str| text(Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/texts").join(name));
        let texts: String = files.iter().map(|name| file(name)).collect();
        for kind in &kinds {
            let (bare, quoted) = (format!("\n  {kind}: "), format!("\n  '{kind}': "));
            assert!(texts.contains(&bare) || texts.contains(&quoted), "{files:?} have no sentence for \"{kind}\"");
        }
    }
}

/// What a person meets often can be said without the English sentence.
#[test]
fn fields_carry_what_the_sentence_needs() {
    let fields = |error: Error| error.fields();
    let steps = fields(RequestError::Steps { sampler: "ddim", most: 1000, found: 0 }.into());
    let word = |text: &str| Field::Text(text.into());
    assert_eq!(steps, [("sampler", word("ddim")), ("most", Field::Number(1000.0)), ("found", Field::Number(0.0))]);
    let shape = AdapterError::Shape { path: "mid.q".into(), a: vec![4, 8], b: vec![8, 4], weight: [16, 16].into() };
    let names: Vec<_> = fields(shape.into()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["path", "a", "b", "weight"]);
    let eta = fields(RequestError::Eta { found: 1.1 }.into());
    assert_eq!(eta, [("found", word("1.1"))], "as it was written, not the nearest f64");
}

#[test]
fn source_errors_are_kept() {
    let sources = examples().into_iter().filter(|(error, _)| std::error::Error::source(error).is_some()).count();
    assert!(sources > 20, "{sources}");
    let json = Error::Json { file: "unet/config.json", source: serde_json::from_str::<u8>("{").unwrap_err() };
    assert!(std::error::Error::source(&json).unwrap().downcast_ref::<serde_json::Error>().is_some());
}
