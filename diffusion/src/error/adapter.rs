//! Why an adapter is refused.

use thiserror::Error;

use super::fields::{Field, Fields, text};

/// Why an adapter is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// No factor at all.
    #[error("the file has no tensors of an adapter in it, such as lora_A and lora_B")]
    Empty,
    /// The base has no such modules: the file names its modules in a way that is not known, or is for another network.
    #[error("it names {}, which this base does not have: its modules are called like {known}", short(.paths))]
    UnknownModules {
        /// Paths of the modules.
        paths: Vec<String>,
        /// A module of the base.
        known: String,
    },
    /// Two tensors of the file are the same factor of the same module.
    #[error("it has the factors of {path} twice, under two names; take one of them out")]
    Twice {
        /// Path of the module.
        path: String,
    },
    /// The configuration leaves a module out whose factors the file has.
    #[error(
        "its file has factors of {path}, but {setting} in adapter_config.json leaves it out: PEFT would draw without them; correct one of the two"
    )]
    NotTargeted {
        /// Path of the module.
        path: String,
        /// The setting.
        setting: &'static str,
    },
    /// The module is of a kind that LoRA does not change.
    #[error("it changes {path}, which is neither a Linear nor a convolution")]
    NotLinear {
        /// Path of the module.
        path: String,
    },
    /// The factors' sides are not the base's.
    #[error("{path} has lora_A {a:?} and lora_B {b:?}, the base's weight is {weight:?}: it was made for another model")]
    Shape {
        /// Path of the module.
        path: String,
        /// Shape of lora_A.
        a: Vec<usize>,
        /// Shape of lora_B.
        b: Vec<usize>,
        /// Shape of the base's weight.
        weight: Box<[usize]>,
    },
    /// A tensor's sides do not go with the base's.
    #[error(
        "{path} has {tensor} {found:?}, which does not go with the base's weight {weight:?}: it was made for another model, or is damaged"
    )]
    TensorShape {
        /// Path of the module.
        path: String,
        /// Which of its tensors.
        tensor: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// Shape of the base's weight.
        weight: Box<[usize]>,
    },
    /// A tensor without which the others mean nothing is not there.
    #[error("{path} has {has}, but not {missing}, which belongs to it: the file is damaged or incomplete")]
    MissingTensor {
        /// Path of the module.
        path: String,
        /// What is there.
        has: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A tensor that means nothing beside the others of its module.
    #[error("{path} has {tensor} beside {kind}, which mean nothing together")]
    Together {
        /// Path of the module.
        path: String,
        /// The tensor.
        tensor: &'static str,
        /// What it stands beside.
        kind: &'static str,
    },
    /// It changes a bias, and the base has none there.
    #[error("it changes the bias of {path}, which has none in this base")]
    NoBias {
        /// Path of the module.
        path: String,
    },
    /// One of a module's two factors is not there.
    #[error("{path} has only one of its two factors")]
    MissingFactor {
        /// Path of the module.
        path: String,
    },
    /// The factors are not two matrices of one rank.
    #[error(
        "{path} has factors {a:?} and {b:?}, not lora_A [rank, in] and lora_B [out, rank], or of a convolution [rank, in, height, width] and [out, rank, 1, 1]"
    )]
    Factors {
        /// Path of the module.
        path: String,
        /// Shape of lora_A.
        a: Vec<usize>,
        /// Shape of lora_B.
        b: Vec<usize>,
    },
    /// Nothing says what alpha is.
    #[error("alpha is unknown: give adapter_config.json too, or a file that carries lora_adapter_metadata")]
    UnknownAlpha,
    /// Of a kind whose settings stand in the configuration alone, which is not there.
    #[error("its tensors of {kind} mean nothing without their settings: give adapter_config.json too")]
    Unconfigured {
        /// The kind.
        kind: &'static str,
    },
    /// An alpha is infinite, not a number, or 0, with which nothing would change.
    #[error("the alpha of {path} must be a number other than 0")]
    Alpha {
        /// Path of the module.
        path: String,
    },
    /// A tensor of a text encoder.
    #[error("tensor {tensor} is not of this network: it changes a text encoder, which this model does not have")]
    TextEncoder {
        /// Name of the tensor.
        tensor: String,
    },
    /// Some other tensor.
    #[error(
        "tensor {tensor} is of no kind of adapter that is read: LoRA, DoRA, LoHa, LoKr, OFT, BOFT, HRA, (IA)³, GLoRA, and whole layers or differences"
    )]
    NotAFactor {
        /// Name of the tensor.
        tensor: String,
    },
}

impl AdapterError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::UnknownModules { .. } | Self::Shape { .. } | Self::TensorShape { .. } => "misfit",
            Self::UnknownAlpha | Self::Unconfigured { .. } => "unconfigured",
            _ => "adapter",
        }
    }

    pub(super) fn describe(&self) -> (&'static str, Fields) {
        let path = |path: &String| vec![("path", text(path))];
        let tensor = |name: &String| vec![("tensor", text(name))];
        let shape = |shape: &[usize]| Field::Shape(shape.to_vec());
        match self {
            Self::Empty => ("adapter-empty", vec![]),
            Self::UnknownModules { paths, known } => {
                let first = paths.first().into_iter().map(|path| ("path", text(path)));
                let fields = first.chain([("paths", Field::Names(paths.clone())), ("known", text(known))]);
                ("unknown-modules", fields.collect())
            }
            Self::Twice { path: at } => ("factor-twice", path(at)),
            Self::NotTargeted { path, setting } => {
                ("not-targeted", vec![("path", text(path)), ("setting", text(setting))])
            }
            Self::NotLinear { path: at } => ("not-linear", path(at)),
            Self::Shape { path, a, b, weight } => (
                "module-shape",
                vec![("path", text(path)), ("a", shape(a)), ("b", shape(b)), ("weight", shape(weight))],
            ),
            Self::TensorShape { path, tensor, found, weight } => (
                "tensor-shape-of-module",
                vec![
                    ("path", text(path)),
                    ("tensor", text(tensor)),
                    ("found", shape(found)),
                    ("weight", shape(weight)),
                ],
            ),
            Self::MissingTensor { path, has, missing } => {
                ("missing-tensor", vec![("path", text(path)), ("has", text(has)), ("missing", text(missing))])
            }
            Self::Together { path, tensor, kind } => {
                ("tensors-together", vec![("path", text(path)), ("tensor", text(tensor)), ("kind", text(kind))])
            }
            Self::NoBias { path: at } => ("no-bias", path(at)),
            Self::MissingFactor { path: at } => ("missing-factor", path(at)),
            Self::Factors { path, a, b } => {
                ("factor-shapes", vec![("path", text(path)), ("a", shape(a)), ("b", shape(b))])
            }
            Self::UnknownAlpha => ("unknown-alpha", vec![]),
            Self::Unconfigured { kind } => ("unconfigured-kind", vec![("kind", text(kind))]),
            Self::Alpha { path: at } => ("alpha", path(at)),
            Self::TextEncoder { tensor: name } => ("text-encoder", tensor(name)),
            Self::NotAFactor { tensor: name } => ("not-a-factor", tensor(name)),
        }
    }
}

/// The first of many names, and how many there are.
fn short(paths: &[String]) -> String {
    match paths {
        [one, two, three, _, ..] => format!("{} modules ({one}, {two}, {three}, …)", paths.len()),
        _ => paths.join(", "),
    }
}
