//! What is wrong with a request.

use thiserror::Error;

use super::fields::{Field, Fields, number, shown, text};

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No step, or more than the sampler can make of the schedule.
    #[error("steps must be 1 to {most} for {sampler}, not {found}")]
    Steps {
        /// Name of the sampler.
        sampler: &'static str,
        /// The largest number of steps.
        most: usize,
        /// The number asked for.
        found: usize,
    },
    /// DDIM's eta is out of range.
    #[error("eta must be 0 to 1, not {found}")]
    Eta {
        /// The eta asked for.
        found: f32,
    },
    /// The scale of guidance is infinite or not a number.
    #[error("guidance must be a number, not {found}")]
    GuidanceScale {
        /// The scale asked for.
        found: f32,
    },
    /// The start of guidance is out of range.
    #[error("the start of guidance must be at least 0 and below 1, not {found}")]
    GuidanceStart {
        /// The start asked for.
        found: f64,
    },
    /// The end of guidance is out of range.
    #[error("the end of guidance must be {start}, its start, to 1, not {found}")]
    GuidanceStop {
        /// Its start.
        start: f64,
        /// The end asked for.
        found: f64,
    },
    /// The eta of guidance is out of range.
    #[error("the eta of guidance must be 0 to 1, not {found}")]
    GuidanceEta {
        /// The eta asked for.
        found: f32,
    },
    /// Labels and seeds are not pairs.
    #[error("there must be as many seeds as labels and at least one, not {seeds} and {labels}")]
    Batch {
        /// Number of labels.
        labels: usize,
        /// Number of seeds.
        seeds: usize,
    },
    /// No class has this index.
    #[error("class {found} does not exist, the model has classes 0 to {last}")]
    Class {
        /// The index asked for.
        found: usize,
        /// The last class that has a name.
        last: usize,
    },
    /// No class has this name.
    #[error("there is no class \"{found}\", the model has {}", .known.join(", "))]
    ClassName {
        /// The name asked for.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No sampler has this name.
    #[error("there is no sampler \"{found}\", choose one of {}", .known.join(", "))]
    Sampler {
        /// The name asked for.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No spacing of timesteps has this name.
    #[error("there is no timestep spacing \"{found}\", choose one of {}", .known.join(", "))]
    TimestepSpacing {
        /// The name asked for.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The starting noise has not as many values as the batch needs.
    #[error("latents must have {} values, not {found}", .expected.map(|side| side.to_string()).join(" x "))]
    Latents {
        /// `[b, c, h, w]` of the batch.
        expected: [usize; 4],
        /// The number of values given.
        found: usize,
    },
    /// The starting noise is not all numbers.
    #[error("latents must be finite numbers")]
    LatentsNotFinite,
    /// An adapter's strength is infinite or not a number.
    #[error("the strength of adapter \"{name}\" must be a number, not {found}")]
    Strength {
        /// Name of the adapter.
        name: String,
        /// The strength asked for.
        found: f32,
    },
    /// Latents, timesteps and labels of a single prediction do not belong together.
    #[error(
        "{labels} labels and {timesteps} timesteps ask for as many latents of {channels} channels, sides divisible by {side}, not for {found:?}"
    )]
    Prediction {
        /// Number of labels.
        labels: usize,
        /// Number of timesteps.
        timesteps: usize,
        /// Channels of the network's input.
        channels: usize,
        /// What height and width must be multiples of.
        side: usize,
        /// Shape of the latents given.
        found: Vec<usize>,
    },
    /// As many values and timesteps do not make such latents.
    #[error(
        "{values} values and {timesteps} timesteps do not make {} latents of {} x {} x {}",
        .expected[0], .expected[1], .expected[2], .expected[3]
    )]
    Input {
        /// Number of values given.
        values: usize,
        /// Number of timesteps given.
        timesteps: usize,
        /// `[b, c, h, w]` that was expected.
        expected: [usize; 4],
    },
    /// Values that are no whole pictures or latents of an autoencoder, or sides that it cannot halve often enough.
    #[error(
        "{values} values do not make pictures of {channels} x {} x {} for the autoencoder, with sides that divide by {factor}",
        .size[0], .size[1]
    )]
    Autoencoded {
        /// Number of values given.
        values: usize,
        /// Channels that it has there.
        channels: usize,
        /// Height and width given.
        size: [usize; 2],
        /// What both must be multiples of.
        factor: usize,
    },
    /// A step after the last.
    #[error("the run is over, there is no further step")]
    Over,
}

impl RequestError {
    pub(super) fn describe(&self) -> (&'static str, Fields) {
        let known = |names: &Vec<String>| ("known", Field::Names(names.clone()));
        match self {
            Self::Steps { sampler, most, found } => {
                ("steps", vec![("sampler", text(sampler)), ("most", number(*most)), ("found", number(*found))])
            }
            Self::Eta { found } => ("eta", vec![("found", shown(*found))]),
            Self::GuidanceScale { found } => ("guidance-scale", vec![("found", shown(*found))]),
            Self::GuidanceStart { found } => ("guidance-start", vec![("found", Field::Number(*found))]),
            Self::GuidanceStop { start, found } => {
                ("guidance-stop", vec![("start", Field::Number(*start)), ("found", Field::Number(*found))])
            }
            Self::GuidanceEta { found } => ("guidance-eta", vec![("found", shown(*found))]),
            Self::Batch { labels, seeds } => ("batch", vec![("labels", number(*labels)), ("seeds", number(*seeds))]),
            Self::Class { found, last } => ("class", vec![("found", number(*found)), ("last", number(*last))]),
            Self::ClassName { found, known: names } => ("class-name", vec![("found", text(found)), known(names)]),
            Self::Sampler { found, known: names } => ("sampler", vec![("found", text(found)), known(names)]),
            Self::TimestepSpacing { found, known: names } => {
                ("timestep-spacing", vec![("found", text(found)), known(names)])
            }
            Self::Latents { expected, found } => {
                ("latents", vec![("expected", Field::Shape(expected.to_vec())), ("found", number(*found))])
            }
            Self::LatentsNotFinite => ("latents-values", vec![]),
            Self::Strength { name, found } => ("strength", vec![("name", text(name)), ("found", shown(*found))]),
            Self::Prediction { labels, timesteps, channels, side, found } => (
                "prediction",
                vec![
                    ("labels", number(*labels)),
                    ("timesteps", number(*timesteps)),
                    ("channels", number(*channels)),
                    ("side", number(*side)),
                    ("found", Field::Shape(found.clone())),
                ],
            ),
            Self::Input { values, timesteps, expected } => (
                "input",
                vec![
                    ("values", number(*values)),
                    ("timesteps", number(*timesteps)),
                    ("expected", Field::Shape(expected.to_vec())),
                ],
            ),
            Self::Autoencoded { values, channels, size, factor } => (
                "autoencoded",
                vec![
                    ("values", number(*values)),
                    ("expected", Field::Shape(vec![*channels, size[0], size[1]])),
                    ("factor", number(*factor)),
                ],
            ),
            Self::Over => ("over", vec![]),
        }
    }
}
