//! The judge of pictures of one's own: read from its file, or trained, once for the same pictures. Tests: in
//! `trainer/tests/runs/own.rs`.

use std::time::Instant;

use burn::tensor::Device;
use trainer::classifier::{Classifier, ClassifierConfig, Progress, train_classifier};
use trainer::data::Dataset;
use trainer::eval::{Data, Judge};
use trainer::messages::{say, warn};

use super::args::Args;
use super::drawing::bar;

/// Share of the held-out pictures that a judge should read right.
const GOOD_JUDGE: f64 = 0.95;

/// The judge of these pictures: read from its file, or trained. A sentence about it.
pub fn judge(
    args: &Args,
    device: &Device,
    train: &Dataset,
    held_out: Option<&Dataset>,
    data: &Data,
    notes: &mut Vec<String>,
) -> anyhow::Result<(Judge, String)> {
    // Of other pictures, or of others held out, it would be another judge.
    let config = ClassifierConfig::for_own(train, args.judge_epochs);
    let path = args.judges.join(format!("own-{}.safetensors", &data.sha256[..16]));
    let fits = |classifier: &Classifier| {
        let card = classifier.card();
        card.data_sha256.as_ref() == Some(&data.sha256)
            && card.train_images == train.len()
            && card.epochs == config.epochs
    };
    let kept = if path.exists() { Some(Classifier::load(&path, device)?).filter(fits) } else { None };
    let classifier = match kept {
        Some(classifier) => classifier,
        None => {
            let seen = config.epochs * train.len();
            say!(
                "training a judge on {} of your pictures first, {} classes, kept as {}: {seen} pictures to go through, once",
                train.len(),
                data.classes,
                path.display()
            );
            let mut classifier = trained("the judge", &config, train, device)?;
            classifier.made_for(data.sha256.clone());
            if let Some(held_out) = held_out {
                classifier.test(held_out)?;
            }
            classifier.save(&path)?;
            classifier
        }
    };
    let card = classifier.card();
    let reads = match (card.test_accuracy, card.test_images) {
        (Some(share), Some(count)) => {
            if share < GOOD_JUDGE {
                let sentence = format!(
                    "The judge reads {:.1} % of {count} real pictures right that it had not seen: with so few or so various pictures it is a poor judge, and what it says of generated ones is no better.",
                    100.0 * share
                );
                warn!("{sentence}");
                notes.push(sentence);
            }
            format!("reads {:.2} % of {count} held-out pictures as they are named", 100.0 * share)
        }
        _ => {
            let sentence = "No class has a picture to spare: how well the judge reads real pictures is not known.";
            warn!("{sentence}");
            notes.push(sentence.to_owned());
            "how well it reads real pictures is not known".to_owned()
        }
    };
    let sentence = format!(
        "judge: {reads} (trained on {} pictures of {} classes, {} epochs, seed {})",
        card.train_images, data.classes, card.epochs, card.seed
    );
    say!("{sentence}");
    Ok((Judge::plain(classifier), sentence))
}

/// Trains a classifier, and says after the first steps how long it will take.
pub fn trained(
    title: &str,
    config: &ClassifierConfig,
    pictures: &Dataset,
    device: &Device,
) -> anyhow::Result<Classifier> {
    Ok(train_classifier(config, pictures, device, training(title))?)
}

/// What a training of a classifier calls after every step: moves a bar, and says after the first steps how long it will take.
pub fn training(title: &str) -> impl FnMut(Progress) {
    /// The first steps are slow: they are not counted.
    const WARM: usize = 5;
    /// After how many more the time is told.
    const TIMED: usize = 15;
    let (bar, title) = (bar(0, title), title.to_owned());
    let mut start = Instant::now();
    move |Progress { step, total, .. }| {
        bar.set_length(total as u64);
        bar.set_position(step as u64);
        if step == WARM {
            start = Instant::now();
        } else if step == WARM + TIMED {
            let left = start.elapsed().as_secs_f64() / TIMED as f64 * (total - step) as f64;
            bar.suspend(|| say!("{title}: {} to go", duration(left)));
        }
        if step == total {
            bar.finish_and_clear();
        }
    }
}

/// A time for people.
fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("about {seconds:.0} seconds"),
        seconds => format!("about {:.0} minutes", seconds / 60.0),
    }
}
