//! Pictures as people have them: of any format, size and shape; what is told of them, and what stops.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use trainer::data::{Dataset, ReadOptions};

use crate::support::*;

fn digits() -> Dataset {
    Dataset::from_idx(fixture("mnist-64.idx3").as_ref(), fixture("mnist-64.idx1").as_ref()).unwrap()
}

/// A digit in ink on paper, four times as large and off the middle.
fn on_paper(digit: &[u8], width: u32, height: u32, left: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let at = |from: u32, by: u32| from.checked_sub(by).map(|at| at / 4).filter(|&at| at < 28);
        let ink = match (at(x, left), at(y, 30)) {
            (Some(x), Some(y)) => u32::from(digit[(y * 28 + x) as usize]),
            _ => 0,
        };
        // The light falls off to one side.
        let paper = 215 - 60 * x / width;
        let level = |dark: u32| (paper - (paper - dark) * ink / 255) as u8;
        Rgb([level(30), level(40), level(110)])
    })
}

fn write(path: &str, picture: impl Into<DynamicImage>, format: ImageFormat) {
    fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    let picture: DynamicImage = picture.into();
    match format {
        ImageFormat::Jpeg => DynamicImage::from(picture.to_rgb8()).save_with_format(path, format).unwrap(),
        ImageFormat::WebP | ImageFormat::Gif => {
            DynamicImage::from(picture.to_rgba8()).save_with_format(path, format).unwrap()
        }
        _ => picture.save_with_format(path, format).unwrap(),
    }
}

/// Correlation of two pictures.
fn alike(a: &[u8], b: &[u8]) -> f64 {
    let centred = |all: &[u8]| -> Vec<f64> {
        let mean = all.iter().map(|&level| f64::from(level)).sum::<f64>() / all.len() as f64;
        all.iter().map(|&level| f64::from(level) - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

const FORMATS: [(ImageFormat, &str); 6] = [
    (ImageFormat::Jpeg, "jpg"),
    (ImageFormat::Png, "png"),
    (ImageFormat::WebP, "webp"),
    (ImageFormat::Gif, "gif"),
    (ImageFormat::Bmp, "bmp"),
    (ImageFormat::Tiff, "tiff"),
];

/// Photographs of the first digits, each of another format; their folder.
fn photographs(folder: &Folder, name: &str, count: usize) -> String {
    let digits = digits();
    for i in 0..count {
        let (format, ending) = FORMATS[i % FORMATS.len()];
        let class = &digits.class_names()[usize::from(digits.label(i))];
        let photo = on_paper(digits.image(i), 200 + 7 * i as u32, 180, 20 + i as u32);
        write(&folder.path(&format!("{name}/{class}/{i}.{ending}")), photo, format);
    }
    folder.path(name)
}

/// The program's document for `data --data`.
fn document(args: &[&str]) -> serde_json::Value {
    let output = trainer(&[&["data", "--json"], args].concat()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&stdout)
        .unwrap_or_else(|error| panic!("{error}: {stdout} {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn photographs_of_every_format_become_what_the_network_sees() {
    let folder = Folder::new();
    let photos = photographs(&folder, "photos", 12);
    let opened = Dataset::open(photos.as_ref(), &ReadOptions { size: Some(28), ..ReadOptions::default() }).unwrap();
    let digits = digits();
    assert_eq!((opened.data.len(), opened.data.size()), (12, 28));
    for i in 0..12 {
        let name = opened.data.name(i).unwrap();
        let number: usize = Path::new(name).file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let likeness = alike(opened.data.image(i), digits.image(number));
        assert!(likeness > 0.8, "{name}: {likeness}");
    }
    let told: Vec<&str> = opened.changes.iter().map(|change| change.kind).collect();
    assert!(told.contains(&"fit") && told.contains(&"coloured"), "{told:?}");
    assert!(
        opened.changes[0].text.contains("12 pictures are cut out")
            && opened.changes[0].text.contains("--fit auto chose")
    );

    // What is shown is what is trained on.
    let sheet = folder.path("sheet.png");
    let base = folder.path("base");
    done(&strs(&base_run(&base, "2")));
    let shown = document(&["--data", &photos, "--base", &base, "--sheet", &sheet]);
    assert_eq!((&shown["pictures"], &shown["image_size"], &shown["stops"]), (&12.into(), &28.into(), &false.into()));
    assert!(image::open(&sheet).unwrap().width() > 300);
    let trained = document_of_training(&photos, &base, &folder.path("lora"));
    assert_eq!(shown["sha256"].as_str().unwrap(), trained);
}

/// The SHA-256 of the data that an adapter was trained on: its checkpoint has it.
fn document_of_training(data: &str, base: &str, out: &str) -> String {
    done(&[
        "lora",
        "--base",
        base,
        "--data",
        data,
        "--batch-size",
        "4",
        "--max-train-steps",
        "1",
        "--sample-every",
        "0",
        "--save-every",
        "1",
        "--out",
        out,
    ]);
    let bytes = fs::read(Path::new(out).join(CHECKPOINT)).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let at = text.find("data_sha256").unwrap();
    text[at..].chars().skip("data_sha256".len()).skip_while(|sign| !sign.is_ascii_hexdigit()).take(64).collect()
}

#[test]
fn a_photograph_is_turned_as_its_file_says() {
    let folder = Folder::new();
    let digits = digits();
    let path = folder.path("photos/3/a.jpg");
    write(&path, DynamicImage::from(on_paper(digits.image(0), 220, 180, 40)).rotate270(), ImageFormat::Jpeg);
    let bytes = fs::read(&path).unwrap();
    // EXIF with the one entry Orientation (0x0112), 6: turned by 90 degrees to the right to be shown.
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    fs::write(&path, [&bytes[..2], b"\xff\xe1", &length, exif, &bytes[2..]].concat()).unwrap();
    let opened =
        Dataset::open(folder.path("photos").as_ref(), &ReadOptions { size: Some(28), ..ReadOptions::default() })
            .unwrap();
    let likeness = alike(opened.data.image(0), digits.image(0));
    assert!(likeness > 0.8, "{likeness}");
    assert!(opened.changes.iter().any(|change| change.kind == "turned"), "{:?}", opened.changes);
}

#[test]
fn folders_of_the_right_size_stay_what_they_were() {
    let folder = Folder::new();
    let digits = digits();
    for i in 0..20 {
        let class = &digits.class_names()[usize::from(digits.label(i))];
        let picture = GrayImage::from_raw(28, 28, digits.image(i).to_vec()).unwrap();
        write(&folder.path(&format!("own/{class}/{i}.png")), picture, ImageFormat::Png);
    }
    let own = folder.path("own");
    for options in [ReadOptions::default(), ReadOptions { size: Some(28), ..ReadOptions::default() }] {
        let opened = Dataset::open(own.as_ref(), &options).unwrap();
        assert!(opened.changes.is_empty() && opened.notes.is_empty(), "{opened:?}");
        let mut found: Vec<&[u8]> = opened.data.images().collect();
        let mut expected: Vec<&[u8]> = digits.images().take(20).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    // A photograph among them is fitted, and the others stay.
    write(&folder.path("own/3/photo.jpg"), on_paper(digits.image(0), 300, 200, 60), ImageFormat::Jpeg);
    let opened = Dataset::open(own.as_ref(), &ReadOptions::default()).unwrap();
    assert_eq!((opened.data.len(), opened.data.size()), (21, 28));
    assert!(opened.changes[0].text.starts_with("1 picture is cut out"), "{:?}", opened.changes);
    let message = refused(&["base", "--data", &own, "--fit", "none", "--out", &folder.path("x")]);
    assert!(message.contains("1 of 21 pictures") && message.contains("300x200, not square; --fit"), "{message}");
    // Another size is what is asked for, of a table's pictures too.
    let shown =
        document(&["--data", &fixture("mnist-64.idx3"), "--image-size", "32", "--sheet", &folder.path("a.png")]);
    assert_eq!((&shown["image_size"], &shown["pictures"]), (&32.into(), &64.into()));
    assert!(shown["changes"][0]["text"].as_str().unwrap().contains("32x32"), "{shown}");
}

#[test]
fn what_would_be_learnt_wrongly_stops_unless_forced() {
    let folder = Folder::new();
    let digits = digits();
    let data = |name: &str, level: &dyn Fn(u8, usize) -> u8| {
        for i in 0..20 {
            let class = &digits.class_names()[usize::from(digits.label(i))];
            let pixels = digits.image(i).iter().enumerate().map(|(at, &ink)| level(ink, at)).collect();
            write(
                &folder.path(&format!("{name}/{class}/{i}.png")),
                GrayImage::from_raw(28, 28, pixels).unwrap(),
                ImageFormat::Png,
            );
        }
        folder.path(name)
    };
    let paper = data("paper", &|ink, at| 100 + (at % 28) as u8 - ink / 4);
    let white = data("white", &|ink, _| 255 - ink);
    let black = data("black", &|ink, at| if at % 2 == 0 { ink / 8 } else { 0 });
    let sheet = folder.path("sheet.png");
    let run = |data: &str, out: &str, more: &[&str]| {
        let args = [
            "base",
            "--data",
            data,
            "--channels",
            "8,16",
            "--batch-size",
            "4",
            "--max-train-steps",
            "1",
            "--hold-out",
            "0",
            "--sample-every",
            "0",
            "--out",
            out,
        ];
        with(&args.map(str::to_owned), more)
    };
    let out = folder.path("out");
    for (data, reason) in [(&paper, "grey ground"), (&white, "light ground")] {
        let trained = refused(&strs(&run(data, &out, &[])));
        let shown = refused(&["data", "--data", data, "--sheet", &sheet]);
        for message in [trained, shown] {
            assert!(message.contains("would be learnt wrongly") && message.contains(reason), "{message}");
            assert!(message.contains("--force") && message.contains("all 20 pictures"), "{message}");
        }
        let found = document(&["--data", data, "--sheet", &sheet]);
        assert_eq!((&found["stops"], &found["findings"][0]["stops"]), (&true.into(), &true.into()));
    }
    assert!(!Path::new(&out).exists(), "nothing is left behind");
    assert!(refused(&["data", "--data", &black, "--sheet", &sheet]).contains("no ink in it"));
    let told = done(&strs(&run(&paper, &folder.path("forced"), &["--force"])));
    assert!(told.contains("warning: all 20 pictures have a grey ground"), "{told}");
    let told = done(&strs(&run(&white, &folder.path("inverted"), &["--invert"])));
    assert!(!told.contains("warning"), "{told}");
}

#[test]
fn classes_without_a_picture_say_why_and_names_do_no_harm() {
    let folder = Folder::new();
    let photos = photographs(&folder, "photos", 6);
    let name = "7\u{1b}[2J";
    write(
        &folder.path(&format!("photos/{name}/a.jpg")),
        RgbImage::from_pixel(90, 70, Rgb([200, 201, 200])),
        ImageFormat::Jpeg,
    );
    let message = refused(&["base", "--data", &photos, "--out", &folder.path("x")]);
    assert!(message.contains("1 of 7 pictures") && message.contains("no ink"), "{message}");
    let message = refused(&["base", "--data", &photos, "--skip-bad", "--out", &folder.path("x")]);
    assert!(
        message.contains(r"no picture is left in 7\u{1b}[2J (its picture was left out: there is no ink"),
        "{message}"
    );
    assert!(!message.contains('\u{1b}'));
    assert!(refused(&["data", "--data", "outline"]).contains("--style outline"));
    assert!(refused(&["data", "--fit", "pad"]).contains("go with --data"));
    let luma = GrayImage::from_pixel(9, 9, Luma([9]));
    write(&folder.path("loose/a.png"), luma, ImageFormat::Png);
    let message = refused(&["data", "--data", &folder.path("loose")]);
    assert!(
        message.contains("its 1 pictures lie in no class folder") && message.contains("into a folder of its name"),
        "{message}"
    );
}
