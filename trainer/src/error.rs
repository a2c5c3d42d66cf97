//! What can go wrong in the trainer, one variant per cause: what, where, and what to do about it.
//! Tests: here, of how pictures are listed; of the rest, where it goes wrong.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::text::{did_you_mean, shown};

/// Result of the trainer's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything the trainer refuses, each with a sentence fit to be shown to a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {action} {}: {}", .path.display(), why(action, source))]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not the IDX file it should be.
    #[error("{} is not a usable IDX file: {reason}", .path.display())]
    Idx {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of MNIST differs from the original.
    #[error(
        "{} is not MNIST's original file (SHA-256 {found}, expected {expected}); delete it and fetch again",
        .path.display()
    )]
    Checksum {
        /// Which file.
        path: PathBuf,
        /// The sum of the bytes that are there.
        found: String,
        /// The sum of the original.
        expected: &'static str,
    },
    /// MNIST was not fetched yet.
    #[error("there is no MNIST in {}: {file} is missing; fetch it with `trainer data`", .dir.display())]
    MnistMissing {
        /// The data folder.
        dir: PathBuf,
        /// The first file that is not there.
        file: &'static str,
    },
    /// No source gave the file.
    #[error(
        "{file} could not be fetched from any source ({}); download MNIST's four files by hand and name their folder with --from",
        .attempts.join("; ")
    )]
    Fetch {
        /// The file of MNIST.
        file: &'static str,
        /// Source by source, why not.
        attempts: Vec<String>,
    },
    /// A data set does not hold together.
    #[error("the data in {location} cannot be used: {reason}")]
    Data {
        /// The file, folder, or what else the data are.
        location: String,
        /// What is wrong, and what is accepted.
        reason: String,
    },
    /// Pictures of a data folder that cannot be used.
    #[error(
        "{} of {total} pictures in {} cannot be used: {}; mend them, remove them, or pass --skip-bad",
        .bad.len(), .dir.display(), listed(.bad, 8)
    )]
    BadPictures {
        /// The data folder.
        dir: PathBuf,
        /// Pictures found, good and bad.
        total: usize,
        /// Each bad one with its reason.
        bad: Vec<BadPicture>,
    },
    /// No style has this name.
    #[error("there is no style called \"{name}\"; the styles are {known}{}", did_you_mean(.name, .known.split(", ")))]
    UnknownStyle {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// No medium has this name.
    #[error("there is no medium called \"{name}\"; the media are {known}{}", did_you_mean(.name, .known.split(", ")))]
    UnknownMedium {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A style that draws digits was asked to draw another class.
    #[error("style \"{style}\" can draw {limit} classes, but the data has {classes}; choose another style")]
    StyleLabels {
        /// The style.
        style: &'static str,
        /// How many classes it can draw.
        limit: usize,
        /// How many the data has.
        classes: usize,
    },
    /// A picture could not be encoded or has impossible dimensions.
    #[error("cannot draw {}: {reason}", .path.display())]
    Picture {
        /// The picture that was to be written.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file holds no classifier that this program can use.
    #[error("{} is not a classifier of this program: {reason}; train one anew", .path.display())]
    Classifier {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A stop was asked for; what was under way was given up.
    #[error("stopped")]
    Stopped,
    /// Something between the processes of a run, or on another one of them.
    #[error("{reason}")]
    Rank {
        /// What, and on which rank and host.
        reason: String,
    },
    /// The loss became infinite or not a number.
    #[error("the loss is {loss} at step {step}, so training stopped; lower the learning rate")]
    LossNotFinite {
        /// Step of the run, from 1.
        step: usize,
        /// Its value.
        loss: f32,
    },
    /// The gradient became infinite or not a number.
    #[error("the gradient is not finite at step {step}, so training stopped; lower the learning rate")]
    GradientNotFinite {
        /// Step of the run, from 1.
        step: usize,
    },
    /// The weights became infinite or not a number.
    #[error("the weights are no numbers any more after step {step}, so training stopped; lower the learning rate")]
    WeightsNotFinite {
        /// Step of the run, from 1.
        step: usize,
    },
    /// Values could not be read back from the device.
    #[error("the device did not give its result back: {0}")]
    Device(String),
    /// The system starts no more threads.
    #[error("{threads} threads cannot be started: {reason}; give fewer with --threads")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The system's error.
        reason: String,
    },
    /// A base folder cannot be used.
    #[error("the base folder {} cannot be used: {source}", .dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        source: Box<diffusion::Error>,
    },
    /// Another process holds the folder.
    #[error("another run is writing to {} just now; wait for its end, or choose another --out", .dir.display())]
    Held {
        /// The folder.
        dir: PathBuf,
    },
    /// A checkpoint cannot be used.
    #[error("the checkpoint cannot be used: {reason}; choose another --out, or empty the folder to start again")]
    Checkpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint belongs to a run that was started with something else.
    #[error("--resume cannot go on: {reason}")]
    OtherRun {
        /// What differs.
        reason: String,
    },
    /// A configuration cannot be used.
    #[error("the configuration {file} cannot be used: {reason}")]
    Config {
        /// The file or preset.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds no base.
    #[error(
        "{} is no base folder: {reason}; name a run of `trainer base`, or a base that was exported",
        .dir.display()
    )]
    NoBase {
        /// The folder.
        dir: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// Weights that were read are not numbers.
    #[error("{} cannot be used: {tensor} has values that are no numbers; take an earlier checkpoint, or train it anew", .path.display())]
    NotFinite {
        /// The file or folder.
        path: PathBuf,
        /// The first of the tensors.
        tensor: String,
    },
    /// A folder holds no adapter.
    #[error("{} is no adapter: it has neither {} nor {} nor one other .safetensors file alone (an adapter in shards is not read)", .dir.display(), .names[0], .names[1])]
    NoAdapter {
        /// The folder.
        dir: PathBuf,
        /// Files that were looked for.
        names: [&'static str; 2],
    },
    /// A file is none of those that can be read here.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<diffusion::Error>,
    },
    /// A setting makes no sense.
    #[error("{reason}")]
    Setting {
        /// Which one, and what is accepted.
        reason: String,
    },
    /// The model refused.
    #[error(transparent)]
    Diffusion(#[from] diffusion::Error),
}

/// The system's error in its own words, but where these mislead.
fn why(action: &str, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AlreadyExists if action == "create" => "a file of this name is in its place".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder, not a file".to_owned(),
        io::ErrorKind::NotADirectory => format!("a file is in the place of a folder ({source})"),
        _ => source.to_string(),
    }
}

impl Error {
    /// For `map_err`: what was tried, "read" or "write", and on which path.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// A picture of a data folder that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPicture {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

impl fmt::Display for BadPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", shown(self.path.display()), self.reason)
    }
}

/// Pictures by their reasons, so that the same one is not said of each: of each the first few, `limit` in all. Reasons that
/// differ in their numbers only, such as sizes, are the same.
pub fn listed(bad: &[BadPicture], limit: usize) -> String {
    struct Group<'a> {
        kind: String,
        reason: &'a str,
        others: bool,
        names: Vec<String>,
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for BadPicture { path, reason } in bad {
        let name = shown(path.display());
        let kind = without_numbers(reason);
        match groups.iter_mut().find(|group| group.kind == kind) {
            Some(group) => {
                group.others |= group.reason != reason;
                group.names.push(name);
            }
            None => groups.push(Group { kind, reason, others: false, names: vec![name] }),
        }
    }
    let more = groups.len().saturating_sub(limit);
    let each = (limit / groups.len().max(1)).clamp(1, 3);
    let mut parts: Vec<String> = Vec::new();
    for Group { reason, others, names, .. } in &groups[..groups.len() - more] {
        let rest = names.len().saturating_sub(each);
        let named = names[..names.len() - rest].join(", ");
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let others = if *others { "; the others likewise, with other numbers" } else { "" };
        parts.push(format!("{named}{rest} ({reason}{others})"));
    }
    if more > 0 {
        parts.push(format!("and more for {more} other reasons"));
    }
    parts.join(", ")
}

/// The text with `#` for each run of digits.
fn without_numbers(text: &str) -> String {
    let mut kind = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign.is_ascii_digit() {
            true if kind.ends_with('#') => {}
            true => kind.push('#'),
            false => kind.push(sign),
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once_for_all_its_pictures() {
        let bad = |name: String, reason: &str| BadPicture { path: name.into(), reason: reason.into() };
        let mut all: Vec<BadPicture> = (0..10).map(|i| bad(format!("{i}.jpg"), "this is JPEG")).collect();
        all.push(bad("a.png".into(), "not square"));
        assert_eq!(listed(&all, 4), "0.jpg, 1.jpg and 8 more (this is JPEG), a.png (not square)");
        all.extend((0..4).map(|i| bad(format!("b{i}.png"), &format!("reason {}", ["a", "b", "c", "d"][i]))));
        let told = listed(&all, 4);
        assert!(told.contains("0.jpg and 9 more (") && told.ends_with("and more for 2 other reasons"), "{told}");
        // 300 photographs, each of another size, are one sentence.
        let all: Vec<BadPicture> =
            (10..310).map(|i| bad(format!("{i}.jpg"), &format!("it is {i}x{}", 2 * i))).collect();
        let told = listed(&all, 8);
        assert_eq!(told, "10.jpg, 11.jpg, 12.jpg and 297 more (it is 10x20; the others likewise, with other numbers)");
    }
}
