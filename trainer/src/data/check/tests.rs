use diffusion::config::ModelInfo;

use super::*;
use crate::styles::STYLES;

fn digits() -> Dataset {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/mnist-64.idx3");
    Dataset::from_idx(&path, &path.with_extension("idx1")).unwrap()
}

fn info(data: &Dataset) -> ModelInfo {
    ModelInfo {
        format: 1,
        labels: (0..10).map(|digit| digit.to_string()).collect(),
        tokens_per_class: 2,
        image_size: data.size(),
        patch_size: 2,
        latent_channels: None,
        latent_rgb: None,
        channels: 1,
        null_class_trained: true,
        guidance_scale: None,
    }
}

/// The same pictures with their pixels changed: by the levels, and where they are.
fn changed(data: &Dataset, pixel: impl Fn(&[u8], usize, usize) -> u8) -> Dataset {
    let size = data.size();
    let pixels = data
        .images()
        .flat_map(|image| (0..size * size).map(|at| pixel(image, at % size, at / size)).collect::<Vec<u8>>())
        .collect();
    Dataset::new("changed", pixels, data.labels().to_vec(), size, data.class_names().to_vec()).unwrap()
}

fn found(data: &Dataset, purpose: Purpose<'_>) -> Vec<(&'static str, bool)> {
    let all = warnings(data, purpose, Decided::default()).unwrap();
    // Some classes of the 64 digits have few pictures; what is told of that has a test of its own.
    all.iter().filter(|warning| warning.kind != "few").map(|warning| (warning.kind, warning.stops)).collect()
}

/// The same but for classes with few pictures: the fixture has a single 8.
fn seen(data: &Dataset, purpose: Purpose<'_>) -> Vec<(&'static str, bool)> {
    found(data, purpose).into_iter().filter(|(kind, _)| *kind != "few").collect()
}

#[test]
fn digits_in_every_style_and_textures_raise_no_alarm() {
    let digits = digits();
    let info = info(&digits);
    assert_eq!(seen(&digits, Purpose::Base), []);
    assert_eq!(seen(&digits, Purpose::Known(&info)), []);
    for style in STYLES.iter().filter(|style| style.name != "inverted") {
        let styled = digits.styled(style).unwrap();
        for purpose in [Purpose::Base, Purpose::Known(&info)] {
            let found = found(&styled, purpose);
            assert!(found.iter().all(|(_, stops)| !stops), "{}: {found:?}", style.name);
        }
    }
    // Grey pictures that fill their square: clouds of three waves, each its own.
    let wave = |i: usize, x: usize, y: usize| -> f64 {
        let (x, y, i) = (x as f64, y as f64, i as f64);
        (x * (0.11 + 0.013 * i) + i).sin() + (y * (0.17 - 0.002 * i) + 2.0 * i).sin() + ((x + y) * 0.31 + i).sin()
    };
    let pixels =
        (0..40).flat_map(|i| (0..784).map(move |at| (128.0 + 40.0 * wave(i, at % 28, at / 28)) as u8)).collect();
    let names = ["cloud", "water"].map(str::to_owned).to_vec();
    let textures = Dataset::new("textures", pixels, (0..40).map(|i| i % 2).collect(), 28, names).unwrap();
    let told = found(&textures, Purpose::Base);
    assert!(told.iter().all(|(kind, stops)| !stops && *kind == "filled"), "{told:?}");
}

#[test]
fn paper_stops_whatever_it_is_for() {
    let digits = digits();
    let info = info(&digits);
    let light = |level: u8| {
        move |image: &[u8], x: usize, y: usize| level - (u16::from(image[y * 28 + x]) * u16::from(level) / 300) as u8
    };
    // Grey paper in uneven light, as a photograph that was only made smaller has it.
    let shade = |image: &[u8], x: usize, y: usize| (90 + x + y) as u8 - image[y * 28 + x] / 4;
    for purpose in [Purpose::Base, Purpose::Known(&info)] {
        assert!(found(&changed(&digits, light(250)), purpose).contains(&("light_ground", true)));
        assert!(found(&changed(&digits, light(110)), purpose).contains(&("grey_paper", true)));
        assert!(found(&changed(&digits, shade), purpose).contains(&("grey_paper", true)));
        assert!(found(&digits.clone().inverted(), purpose).contains(&("light_ground", true)));
    }
    let dark = changed(&digits, |image, x, y| image[y * 28 + x].max(20));
    assert_eq!(seen(&dark, Purpose::Base), [("ground", false)]);
    let names = warnings(&digits.inverted(), Purpose::Base, Decided::default()).unwrap();
    assert!(names[0].text.contains("all 64 pictures have a light ground") && names[0].text.contains("--invert"));
}

#[test]
fn black_squares_stop_where_they_are_many_or_a_whole_class() {
    let digits = digits();
    let black = |every: usize| {
        let area = 28 * 28;
        let pixels = digits
            .images()
            .enumerate()
            .flat_map(|(i, image)| if i % every == 0 { vec![0; area] } else { image.to_vec() });
        Dataset::new("some", pixels.collect(), digits.labels().to_vec(), 28, digits.class_names().to_vec()).unwrap()
    };
    assert!(found(&black(3), Purpose::Base).contains(&("blank", true)));
    assert!(found(&black(50), Purpose::Base).contains(&("blank", false)));
    let pixels = digits
        .images()
        .zip(digits.labels())
        .flat_map(|(image, &label)| if label == 4 { vec![0; 784] } else { image.to_vec() });
    let one =
        Dataset::new("one", pixels.collect(), digits.labels().to_vec(), 28, digits.class_names().to_vec()).unwrap();
    let told = warnings(&one, Purpose::Base, Decided::default()).unwrap();
    assert!(told[0].stops && told[0].text.contains("so are all of class 4"), "{}", told[0].text);
}

#[test]
fn digits_that_stand_wrong_are_told_how() {
    let digits = digits();
    type Turn = fn(&[u8], usize, usize) -> u8;
    let turned: [(&str, Turn); 4] = [
        ("mirrored", |image, x, y| image[y * 28 + 27 - x]),
        ("upside down", |image, x, y| image[(27 - y) * 28 + 27 - x]),
        ("turned to the right", |image, x, y| image[(27 - x) * 28 + y]),
        ("transposed", |image, x, y| image[x * 28 + y]),
    ];
    for (how, turn) in turned {
        let told = warnings(&changed(&digits, turn), Purpose::Base, Decided::default()).unwrap();
        assert!(told[0].stops && told[0].text.contains(&format!("the digits look {how}")), "{how}: {told:?}");
        let decided = warnings(&changed(&digits, turn), Purpose::Base, Decided { turned: true }).unwrap();
        assert!(decided.iter().all(|warning| warning.kind != "turned"), "who has said how they stand is believed");
    }
    // Classes of other names, and digits that are none, are not judged by MNIST.
    let mirrored = changed(&digits, turned[0].1);
    let names = ('a'..='j').map(String::from).collect();
    let letters =
        Dataset::new("letters", mirrored.images().flatten().copied().collect(), mirrored.labels().to_vec(), 28, names);
    assert_eq!(seen(&letters.unwrap(), Purpose::Base), []);
    let shuffled = mirrored.labels().iter().map(|label| (label + 3) % 10).collect();
    let others = Dataset::new(
        "others",
        mirrored.images().flatten().copied().collect(),
        shuffled,
        28,
        mirrored.class_names().to_vec(),
    );
    assert_eq!(seen(&others.unwrap(), Purpose::Base), []);
}

#[test]
fn twins_few_and_missing_classes_and_little_ink_are_told() {
    let digits = digits();
    let info = info(&digits);
    let with = |more: Vec<u8>, label: u16| {
        let pixels = digits.images().flatten().copied().chain(more).collect();
        let labels = digits.labels().iter().copied().chain([label]).collect();
        Dataset::new("with", pixels, labels, 28, digits.class_names().to_vec()).unwrap()
    };
    let (first, label) = (digits.image(0), digits.label(0));
    let noisy: Vec<u8> =
        first.iter().enumerate().map(|(at, &level)| level.saturating_add((at * 7 % 9) as u8)).collect();
    for twin in [first.to_vec(), noisy] {
        assert_eq!(seen(&with(twin.clone(), label), Purpose::Base), [], "one of 65 is usual");
        let told = warnings(&with(twin, (label + 1) % 10), Purpose::Base, Decided::default()).unwrap();
        assert!(told[0].kind == "same_in_two_classes" && told[0].text.contains("picture 0 in"), "{told:?}");
    }
    let twice = digits.pick(&(0..64).chain(0..8).collect::<Vec<_>>());
    assert_eq!(seen(&twice, Purpose::Base), [("near_duplicates", false)]);
    let some: Vec<usize> =
        (0..64).filter(|&i| digits.label(i) != 3).chain((0..64).find(|&i| digits.label(i) == 3)).collect();
    let few = warnings(&digits.pick(&some), Purpose::Base, Decided::default()).unwrap();
    assert!(few[0].kind == "few" && few[0].text.contains("2 classes have few") && few[0].text.contains("3 (1), 8 (1)"));
    let none: Vec<usize> = (0..64).filter(|&i| digits.label(i) != 3).collect();
    assert_eq!(seen(&digits.pick(&none), Purpose::Known(&info)), [("missing", false)]);
    let tiny =
        changed(&digits, |image, x, y| if x < 12 && y < 12 { image[(2 * y + 2) * 28 + 2 * x + 2] / 2 } else { 0 });
    assert!(found(&tiny, Purpose::Known(&info)).contains(&("ink_share", false)));
}
