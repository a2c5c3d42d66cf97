//! The model card of a models folder: what whoever finds the models published wants to know. Tests: in `trainer/tests/runs/own.rs`.

use std::fmt::Write;

use diffusion::Base;
use trainer::data::LICENCE_NOTE;

/// The digits' names, as MNIST's base has them.
pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Whether these are MNIST's classes.
pub fn are_digits(labels: &[String]) -> bool {
    labels.iter().map(String::as_str).eq(DIGITS)
}

/// A first model card, as Markdown, with gaps for what only its author knows.
pub fn card(title: &str, base: &Base, parameters: usize) -> String {
    let info = &base.info;
    let mut text =
        format!("# {}\n`manifest.json` lists the models with bytes and SHA-256.\n\n## base\n", escaped(title));
    let channels: Vec<String> = base.unet.block_out_channels.iter().map(usize::to_string).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "A diffusion model that draws pictures of {0} x {0} pixels{4}: a `UNet2DConditionModel` of {1:.2} million parameters\n\
         (channels {2}), which diffusers loads. {3}\n",
        info.image_size,
        parameters as f64 / 1e6,
        channels.join(", "),
        match info.labels.len() {
            1 => "It has one class.".to_owned(),
            count => format!("It knows {count} classes: {}.", listed(&info.labels)),
        },
        if info.channels == 1 { "" } else { " in colour" }
    );
    text += "Trained with `trainer base`; say here on which pictures, by whom they were made, and for how long.\n\n\
             ## lora/*\nAdapters in PEFT's format for this base. Say here what each was trained on.\n\n\
             ## How good they are\n`trainer eval --card README.md` puts its tables here.\n\n\
             <!-- trainer eval: begin -->\n<!-- trainer eval: end -->\n\n## Licence\n";
    if are_digits(&info.labels) {
        let _ = writeln!(
            text,
            "What was trained on MNIST (`trainer base` without --data, and the built-in styles) is derived from it:\n{LICENCE_NOTE},\n\
             to be named and passed on under the same licence. Of models of your own pictures, choose the licence yourself."
        );
    } else {
        text += "Choose one, and write it here: it is yours to choose as far as the pictures are yours, or their licence allows.\n";
    }
    text
}

/// The first names; the rest is counted.
fn listed(labels: &[String]) -> String {
    const SHOWN: usize = 40;
    let names: Vec<String> = labels.iter().take(SHOWN).map(|label| escaped(label)).collect();
    match labels.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// A name in Markdown, which reads some characters as marks.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|letter| (r"\`*_[]<>#|".contains(letter)).then_some('\\').into_iter().chain([letter]))
        .collect()
}
