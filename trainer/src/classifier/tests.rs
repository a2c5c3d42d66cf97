//! Training, reading and refusing, on three drawn digits.

use burn::tensor::Device;
use tempfile::tempdir;

use super::card::Card;
use super::design::Design;
use super::model::Classifier;
use super::net::{FEATURES, Net};
use super::train::{ClassifierConfig, train_classifier};
use crate::data::Dataset;
use crate::files;
use crate::testing::drawn_digit;

/// Three digits, moved about a little.
fn data() -> Dataset {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for shift in 0..16 {
        for (label, digit) in [0, 1, 7].into_iter().enumerate() {
            let mut image = drawn_digit(digit);
            image.rotate_right(shift % 4 + 28 * (shift / 4));
            pixels.extend(image);
            labels.push(label as u16);
        }
    }
    let names = ["zero", "one", "seven"].map(str::to_owned).to_vec();
    Dataset::new("test", pixels, labels, 28, names).unwrap()
}

fn trained(design: Design, threads: usize) -> Classifier {
    let learning_rate = design.learning_rate();
    let config = ClassifierConfig { design, epochs: 60, batch_size: 48, learning_rate, seed: 4, threads };
    train_classifier(&config, &data(), &Device::flex(), |_| ()).unwrap()
}

#[test]
fn learns_three_digits_the_same_on_any_number_of_threads_and_survives_a_file() {
    for design in Design::ALL {
        survives_a_file(trained(design, 1), trained(design, 3));
    }
}

fn survives_a_file(mut classifier: Classifier, threaded: Classifier) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("judge.safetensors");
    assert_eq!(classifier.test(&data()).unwrap(), 1.0, "{:?}", classifier.card().design);
    classifier.save(&path).unwrap();

    let again = Classifier::load(&path, &Device::flex()).unwrap();
    assert_eq!(again.card(), classifier.card());
    let (images, labels) = data().batch(&[0, 1, 2, 47]);
    assert_eq!(again.probabilities(&images).unwrap(), classifier.probabilities(&images).unwrap());
    assert_eq!(again.predict(&images).unwrap(), labels);
    assert_eq!(again.features(&images).unwrap()[3].len(), FEATURES);

    assert_eq!(threaded.probabilities(&images).unwrap(), classifier.probabilities(&images).unwrap());
}

#[test]
fn other_files_and_odd_pictures_are_refused() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("judge.safetensors");
    for bytes in [&b"not weights"[..], b"\x02\0\0\0\0\0\0\0{}"] {
        files::write_atomic(&path, bytes).unwrap();
        let message = Classifier::load(&path, &Device::flex()).unwrap_err().to_string();
        assert!(message.contains("judge.safetensors") && message.contains("train one anew"), "{message}");
    }
    let net = Net::new(Design::default(), [1, 28], 10, &Device::flex());
    let card = Card { class_names: (0..10).map(|i| i.to_string()).collect(), image_size: 28, ..Card::default() };
    let classifier = Classifier::new(net, card, Device::flex());
    assert!(classifier.predict(&[]).unwrap().is_empty());
    assert!(classifier.predict(&[0.0; 785]).unwrap_err().to_string().contains("785 values"));
    let message = classifier.predict(&[f32::NAN; 784]).unwrap_err().to_string();
    assert!(message.contains("not all numbers"), "{message}");
}
