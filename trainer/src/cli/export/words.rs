//! What the page calls a base and its adapters where nobody says it. Tests: in `trainer/tests/runs/own.rs`.

use diffusion::tensors::{Metadata, read_tensors};
use trainer::store::AdapterFiles;
use trainer::styles::{Medium, Style};

use super::{are_digits, names};

/// Title and description of an adapter: a style's, those that its file brings, or its name.
pub fn words_of(name: &str, files: &AdapterFiles) -> (String, String) {
    if let Ok(style) = Style::named(name) {
        return (style.title.to_owned(), style.description.to_owned());
    }
    if let Ok(medium) = Medium::named(name) {
        return (medium.title.to_owned(), medium.description.to_owned());
    }
    let metadata = read_tensors(&files.bytes).map_or_else(|_| Metadata::new(), |(_, metadata)| metadata);
    let word = |keys: &[&str]| keys.iter().find_map(|key| names::readable(metadata.get(*key)?)).map(str::to_owned);
    let title = word(&["modelspec.title", "ss_output_name"]).unwrap_or_else(|| name.to_owned());
    (title, word(&["modelspec.description", "ss_training_comment"]).unwrap_or_default())
}

/// A title for these classes.
pub fn title_of(labels: &[String]) -> String {
    const SHOWN: usize = 4;
    match labels {
        labels if are_digits(labels) => "Handwritten digits".to_owned(),
        [shown @ .., _] if shown.len() >= SHOWN => format!("{}, …", shown[..SHOWN].join(", ")),
        labels => labels.join(", "),
    }
}
