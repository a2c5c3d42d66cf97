//! A base of one's own is measured against its own pictures, and exported in its own words.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::*;

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Few and quick pictures.
const QUICK: [&str; 6] = ["--count", "20", "--steps", "2", "--judge-epochs", "1"];

#[test]
fn a_base_is_compared_with_its_own_pictures_by_a_judge_of_their_own() {
    let folder = Folder::new();
    let (base, judges, out) = (folder.path("base"), folder.path("judges"), folder.path("report"));
    let (data, card) = (fixture("mnist-64.idx3"), folder.path("card.md"));
    done(&strs(&base_run(&base, "2")));
    fs::write(&card, "<!-- trainer eval: begin -->\n<!-- trainer eval: end -->\n").unwrap();
    let eval = ["eval", "--base", &base, "--data", &data, "--judges", &judges, "--out", &out, "--card", &card];
    let message = done(&[&eval[..], &QUICK].concat());
    assert!(message.contains("training a judge on 52 of your pictures first, 10 classes"), "{message}");
    let report = json(Path::new(&out).join("report.json"));
    assert_eq!(report["data"]["images"], 64);
    let row = &report["rows"][0];
    assert_eq!((&row["images"], &row["accuracy"]["images"]), (&Value::from(20), &Value::from(20)));
    for number in [&row["frechet"], &row["manifold"]["coverage"], &row["copies"]["copies"], &row["copies"]["nearer"]] {
        assert!(number.as_f64().is_some_and(f64::is_finite), "{row}");
    }
    // Two steps of training copy nothing. Of 12 pictures that are most like copies and the first 12, the nearest are told.
    assert_eq!(row["copies"]["copies"], 0.0);
    let nearest = row["nearest"].as_array().unwrap();
    assert_eq!((nearest.len(), nearest[0]["nearest"].as_array().unwrap().len()), (24, 3));
    assert!(nearest[0]["nearest"][0]["name"].as_str().unwrap().starts_with("picture "));
    assert_eq!(report["floors"][0]["copies"]["images"], 20);
    assert!(Path::new(&out).join("neighbours-2.png").is_file());
    let text = fs::read_to_string(&card).unwrap();
    assert!(text.contains("| class | drawn |") && text.contains("nearer than its neighbours"), "{text}");
    // A judge that has seen each picture once is said to be poor.
    assert!(text.contains("12 held-out pictures") && message.contains("poor judge"), "{text}{message}");

    // It is kept for these pictures, and for no others.
    let kept = || fs::read_dir(&judges).unwrap().count();
    let message = done(&[&eval[..], &QUICK, &["--measure", "accuracy"]].concat());
    assert!(kept() == 1 && !message.contains("training a judge"), "{message}");
    let other = folder.path("other");
    done(&["sample", "--base", &base, "--label", "1,7", "--count", "4", "--steps", "2", "--out", &other]);
    let eval = ["eval", "--base", &base, "--data", &other, "--judges", &judges, "--out", &out];
    done(&[&eval[..], &QUICK].concat());
    let report = json(Path::new(&out).join("report.json"));
    assert_eq!((kept(), &report["data"]["classes"]), (2, &Value::from(2)));
    // Only classes that there are pictures of are drawn, and files are told by their paths.
    let drawn = report["rows"][0]["nearest"].as_array().unwrap();
    assert!(drawn.iter().all(|one| ["1", "7"].contains(&one["class"].as_str().unwrap())), "{drawn:?}");
    assert!(drawn[0]["nearest"][0]["name"].as_str().unwrap().ends_with(".png"), "{}", drawn[0]);
    // Whose pictures its run has not named.
    fs::remove_file(Path::new(&base).join("config.toml")).unwrap();
    let message = refused(&["eval", "--base", &base, "--measure", "copies"]);
    assert!(message.contains("--data"), "{message}");
}

#[test]
fn a_base_of_one_class_is_measured_by_distances_alone() {
    let folder = Folder::new();
    let (base, pictures, own) = (folder.path("base"), folder.path("pictures"), folder.path("own"));
    done(&strs(&base_run(&base, "2")));
    done(&["sample", "--base", &base, "--label", "3", "--count", "12", "--steps", "2", "--out", &pictures]);
    let run = without(&base_run(&own, "2"), &["--data"]);
    done(&strs(&with(&run, &["--data", &pictures])));
    let (out, judges) = (folder.path("report"), folder.path("judges"));
    fs::remove_file(Path::new(&own).join("config.toml")).unwrap();
    let message = refused(&["eval", "--base", &own, "--mnist", &folder.path("none")]);
    assert!(message.contains("--data"), "{message}");
    let eval = ["eval", "--base", &own, "--data", &pictures, "--judges", &judges, "--out", &out];
    done(&[&eval[..], &QUICK].concat());
    let report = json(Path::new(&out).join("report.json"));
    let row = &report["rows"][0];
    assert!(row["accuracy"].is_null() && row["frechet"].is_number() && row["copies"]["copies"].is_number(), "{row}");
    assert!(!Path::new(&judges).exists(), "nothing was to be learnt");
}

#[test]
fn an_export_has_the_words_of_its_base_and_names_that_can_be_addresses() {
    let folder = Folder::new();
    let (base, models) = (folder.path("base"), folder.path("models"));
    done(&strs(&base_run(&base, "2")));
    let always = ["export", "--base", &base, "--out", &models];
    let export = |more: &[&str]| done(&[&always[..], more].concat());
    let refused = |more: &[&str]| refused(&[&always[..], more].concat());
    let manifest = || json(Path::new(&models).join("manifest.json"));
    export(&["--title", "Capital letters", "--noun", "leaf,leaves"]);
    export(&[]);
    assert_eq!(manifest()["base"]["title"], "Capital letters");
    assert_eq!(manifest()["base"]["noun"], serde_json::json!({ "one": "leaf", "many": "leaves" }));
    // The model card is a beginning: it is written once.
    let card = Path::new(&models).join("README.md");
    assert!(fs::read_to_string(&card).unwrap().contains("# Capital letters"));
    fs::write(&card, "mine").unwrap();
    export(&["--noun", "letter"]);
    assert_eq!(
        (fs::read_to_string(&card).unwrap().as_str(), &manifest()["base"]["noun"]["many"]),
        ("mine", &"letters".into())
    );
    // Other classes do not take over words that were said of these.
    let (pictures, other) = (folder.path("pictures"), folder.path("other"));
    done(&["sample", "--base", &base, "--label", "1,7", "--count", "2", "--steps", "2", "--out", &pictures]);
    done(&strs(&with(&without(&base_run(&other, "2"), &["--data"]), &["--data", &pictures])));
    done(&["export", "--base", &other, "--out", &models]);
    assert_eq!((&manifest()["base"]["title"], &manifest()["base"]["noun"]), (&"1, 7".into(), &Value::Null));
    // What diffusers' pipeline is told of them.
    let index = json(Path::new(&models).join("base/model_index.json"));
    assert_eq!(index["labels"], serde_json::json!(["1", "7"]));
    assert!(Path::new(&models).join("base/pipeline.py").is_file());
    assert!(index["guidance_scale"].is_null());

    // What it says of its guidance is drawn with, and stays with it.
    export(&["--guidance", "2.2"]);
    let exported = Path::new(&models).join("base").display().to_string();
    for name in ["digit_diffusion.json", "model_index.json"] {
        assert_eq!(json(Path::new(&exported).join(name))["guidance_scale"], 2.2, "{name}");
    }
    let drawn = |more: &[&str]| {
        let (out, raw) = (folder.path("drawn.png"), folder.path("drawn.safetensors"));
        let sample = ["sample", "--base", &exported, "--label", "7", "--steps", "4", "--out", &out, "--raw", &raw];
        done(&[&sample[..], more].concat());
        fs::read(&raw).unwrap()
    };
    assert_eq!(drawn(&[]), drawn(&["--guidance", "2.2"]));
    assert_ne!(drawn(&[]), drawn(&["--guidance", "1.6"]));
    let again = folder.path("again");
    done(&["export", "--base", &exported, "--out", &again]);
    assert_eq!(json(Path::new(&again).join("base/digit_diffusion.json"))["guidance_scale"], 2.2);
    assert!(refused(&["--guidance", "inf"]).contains("guidance_scale must be a finite number"));

    let adapter = folder.path("good");
    done(&strs(&lora_run(&base, &adapter, "2")));
    // So is what an adapter says of its own; merged, it is the base's.
    done(&["export", "--base", &base, "--out", &again, "--lora", &adapter, "--lora-guidance", "2.4"]);
    assert_eq!(json(Path::new(&again).join("manifest.json"))["adapters"][0]["guidance_scale"], 2.4);
    let (styled, plain) = (format!("{again}/lora/good"), format!("{again}/base"));
    let drawn = |more: &[&str]| {
        let (out, raw) = (folder.path("styled.png"), folder.path("styled.safetensors"));
        let sample = ["sample", "--base", &plain, "--label", "7", "--steps", "4", "--out", &out, "--raw", &raw];
        done(&[&sample[..], more].concat());
        fs::read(&raw).unwrap()
    };
    let on = ["--lora", &styled];
    assert_eq!(drawn(&on), drawn(&[&on[..], &["--guidance", "2.4"]].concat()));
    assert_ne!(drawn(&on), drawn(&[&on[..], &["--guidance", "1.6"]].concat()));
    assert_eq!(drawn(&[]), drawn(&["--guidance", "1.6"]));
    let merged = folder.path("merged");
    done(&["merge", "--base", &plain, "--lora", &styled, "--out", &merged]);
    assert_eq!(json(Path::new(&merged).join("digit_diffusion.json"))["guidance_scale"], 2.4);
    assert!(refused(&["--lora", &adapter, "--lora-guidance", "nan"]).contains("finite number"));
    assert!(refused(&["--lora-guidance", "2"]).contains("--lora"));
    for (name, other) in [("a#b", "a-b"), ("x:0.8,y", "x-0-8-y"), ("-n", "n"), ("CON", "style-CON")] {
        let renamed = folder.path(name);
        fs::rename(&adapter, &renamed).unwrap();
        let message = refused(&["--lora", &renamed]);
        fs::rename(&renamed, &adapter).unwrap();
        assert!(message.contains(&format!("such as \"{other}\"")) && message.lines().count() == 1, "{message}");
    }
    let upper = folder.path("GOOD");
    done(&["convert", "--base", &base, "--lora", &adapter, "--to", "peft", "--out", &upper]);
    assert!(refused(&["--lora", &adapter, "--lora", &upper]).contains("one folder on disks"));
    export(&["--lora", &adapter]);
    assert!(refused(&["--lora", &upper]).contains("rename GOOD"));
    assert!(refused(&["--lora", &format!("{adapter}:0.8")]).contains("has a strength"));
    // A class that a terminal would obey.
    let info = Path::new(&base).join("digit_diffusion.json");
    let text = fs::read_to_string(&info).unwrap();
    fs::write(&info, text.replacen("\"7\"", "\"\\u001b[2J\"", 1)).unwrap();
    let message = refused(&[]);
    assert!(message.contains("class 7 is called") && message.contains("\\u{1b}[2J"), "{message:?}");
}

/// 12 pictures of one colour each, red or blue, with a square of the other's green on it.
fn coloured(folder: &Folder) -> String {
    let pictures = folder.path("colours");
    for (name, colour) in [("red", [220u8, 30, 30]), ("blue", [30, 60, 220])] {
        fs::create_dir_all(Path::new(&pictures).join(name)).unwrap();
        for i in 0..6u32 {
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                if (x + i) % 16 < 5 && y < 5 { image::Rgb([20, 200, 40 + i as u8]) } else { image::Rgb(colour) }
            });
            picture.save(Path::new(&pictures).join(name).join(format!("{i}.png"))).unwrap();
        }
    }
    pictures
}

#[test]
fn a_base_in_colour_goes_all_the_way() {
    let folder = Folder::new();
    let (base, pictures) = (folder.path("base"), coloured(&folder));
    let run = with(&without(&base_run(&base, "2"), &["--data"]), &["--data", &pictures]);
    let message = refused(&strs(&with(&run, &["--colour", "--fit", "mnist"])));
    assert!(message.contains("finds ink, which is grey"), "{message}");
    assert!(refused(&strs(&with(&run, &["--ground", "white"]))).contains("--colour"), "a ground is of colours");
    assert!(refused(&strs(&with(&run, &["--colour", "--augment", "1"]))).contains("moves ink"));
    done(&strs(&with(&run, &["--color", "--patch-size", "4", "--resize", "crop"])));
    let info = json(Path::new(&base).join("digit_diffusion.json"));
    assert_eq!([&info["channels"], &info["image_size"], &info["patch_size"]], [3, 16, 4].map(Value::from).each_ref());
    assert_eq!(json(Path::new(&base).join("unet/config.json"))["in_channels"], 48);
    assert!(done(&["inspect", &base]).contains("16 x 16 in colour, folded by 4"));

    // An adapter learns in colour without being told; no style is drawn in it without MNIST.
    let adapter = folder.path("adapter");
    let lora = with(&without(&lora_run(&base, &adapter, "2"), &["--data"]), &["--data", &pictures]);
    done(&strs(&lora));
    let sheet = folder.path("sheet.png");
    done(&["sample", "--base", &base, "--lora", &adapter, "--steps", "2", "--out", &sheet]);
    let strip = folder.path("film.gif");
    done(&["sample", "--base", &base, "--steps", "2", "--filmstrip", "--out", &strip]);
    let drawn = image::open(&sheet).unwrap();
    assert_eq!((drawn.color(), drawn.width()), (image::ColorType::Rgb8, 2 * (16 * 4 + 2) + 2));
    let raw = folder.path("raw.safetensors");
    done(&["sample", "--base", &base, "--steps", "2", "--raw", &raw, "--out", &folder.path("single")]);
    let single = Path::new(&folder.path("single")).join("red/0.png");
    assert_eq!(image::open(single).unwrap().color(), image::ColorType::Rgb8);

    // Judged in colour, without which its classes are the same.
    let (judges, out) = (folder.path("judges"), folder.path("report"));
    let eval = ["eval", "--base", &base, "--data", &pictures, "--judges", &judges, "--out", &out];
    done(&[&eval[..], &QUICK].concat());
    assert_eq!(json(Path::new(&out).join("report.json"))["data"]["images"], 12);
    let models = folder.path("models");
    done(&["export", "--base", &base, "--lora", &adapter, "--out", &models]);
    assert_eq!(json(Path::new(&models).join("base/digit_diffusion.json"))["channels"], 3);
    let (grey, other) = (grey_base(&folder), folder.path("other"));
    let lora = with(&without(&lora, &["--base", "--out"]), &["--base", &grey, "--out", &other]);
    let message = refused(&strs(&with(&lora, &["--colour"])));
    assert!(message.contains("this one draws in grey"), "{message}");
}

/// A base of the same classes that draws in grey.
fn grey_base(folder: &Folder) -> String {
    let base = folder.path("grey");
    let run = without(&base_run(&base, "2"), &["--data"]);
    done(&strs(&with(&run, &["--data", &folder.path("colours"), "--force"])));
    base
}
