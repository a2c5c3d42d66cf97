//! Data as people have it: files of MNIST's kin, pictures that other programs wrote, names of any letters.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageBuffer, Luma};
use trainer::data::{Dataset, ReadOptions, Transpose};

use crate::support::*;

fn digits() -> Dataset {
    Dataset::from_idx(fixture("mnist-64.idx3").as_ref(), fixture("mnist-64.idx1").as_ref()).unwrap()
}

/// Two members, as pigz and bgzip make them.
fn gzip(path: &str, bytes: &[u8]) {
    let member = |part: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    fs::write(path, [member(first), member(second)].concat()).unwrap();
}

/// A run of one step on the digits' classes.
fn base_of(data: &str, out: &str) -> Vec<String> {
    let args = ["base", "--data", data, "--channels", "8,16", "--batch-size", "4", "--max-train-steps", "1"];
    args.into_iter().chain(["--hold-out", "0", "--sample-every", "0", "--out", out]).map(str::to_owned).collect()
}

#[test]
fn qmnists_labels_and_emnists_pictures_are_read_as_they_are_meant() {
    let folder = Folder::new();
    let real = digits();
    let header = |rank: u8, kind: u8, dims: &[u32]| -> Vec<u8> {
        [vec![0, 0, kind, rank], dims.iter().flat_map(|dim| dim.to_be_bytes()).collect()].concat()
    };
    let pixels: Vec<u8> = real.images().flatten().copied().collect();
    let qmnist = folder.path("qmnist-train-images-idx3-ubyte.gz");
    gzip(&qmnist, &[header(3, 8, &[64, 28, 28]), pixels].concat());
    let names = real.class_names();
    let digit = |label: u16| names[usize::from(label)].parse::<i32>().unwrap();
    let row = |(i, &label): (usize, &u16)| [digit(label), 4, i as i32, 70_000, digit(label) + 48, i as i32, 0, 0];
    let table: Vec<u8> = real.labels().iter().enumerate().flat_map(row).flat_map(i32::to_be_bytes).collect();
    gzip(&folder.path("qmnist-train-labels-idx2-int.gz"), &[header(2, 0x0c, &[64, 8]), table].concat());
    let opened = Dataset::open(qmnist.as_ref(), &ReadOptions::default()).unwrap();
    assert_eq!((opened.data.labels(), opened.data.class_names()), (real.labels(), names));
    assert!(opened.data.images().eq(real.images()));
    let told = done(&strs(&base_of(&qmnist, &folder.path("qmnist"))));
    assert!(told.contains("column 0 of 8"), "{told}");

    let turned: Vec<u8> = real.clone().transposed().images().flatten().copied().collect();
    let emnist = folder.path("emnist-digits-test-images-idx3-ubyte.gz");
    gzip(&emnist, &[header(3, 8, &[64, 28, 28]), turned].concat());
    fs::copy(fixture("mnist-64.idx1"), folder.path("emnist-digits-test-labels-idx1-ubyte")).unwrap();
    let opened = |transpose| {
        let options = ReadOptions { transpose, ..ReadOptions::default() };
        Dataset::open(emnist.as_ref(), &options).unwrap().data
    };
    assert!(opened(Transpose::Auto).images().eq(real.images()));
    assert!(opened(Transpose::No).images().eq(real.clone().transposed().images()));
    let told = |more: &[&str]| done(&strs(&with(&base_of(&emnist, &folder.path(&more.concat())), more)));
    assert!(told(&[]).contains("pictures are transposed: they are turned (--transpose no"));
    assert!(!told(&["--transpose", "no"]).contains("transposed"));
    assert!(refused(&["base", "--transpose", "yes", "--out", &folder.path("x")]).contains("MNIST's are upright"));
}

#[test]
fn pictures_with_little_range_are_scaled_and_black_ones_refused() {
    let folder = Folder::new();
    let real = digits();
    let write = |name: &str, picture: &dyn Fn(&[u8]) -> image::DynamicImage| {
        for (i, image) in real.images().enumerate().take(8) {
            let path = folder.path(&format!("{name}/{}/{i}.png", real.class_names()[usize::from(real.label(i))]));
            fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
            picture(image).save(path).unwrap();
        }
        folder.path(name)
    };
    let sixteen = write("sixteen", &|image| {
        ImageBuffer::from_fn(28, 28, |x, y| Luma([u16::from(image[(y * 28 + x) as usize])])).into()
    });
    let opened = Dataset::open(sixteen.as_ref(), &ReadOptions::default()).unwrap();
    let mut expected: Vec<&[u8]> = real.images().take(8).collect();
    let mut found: Vec<&[u8]> = opened.data.images().collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "nothing is lost");
    let told = done(&strs(&base_of(&sixteen, &folder.path("base"))));
    assert!(told.contains("8 pictures are 16-bit files whose values end at 25"), "{told}");

    let masks = write("masks", &|image| {
        ImageBuffer::from_fn(28, 28, |x, y| Luma([u8::from(image[(y * 28 + x) as usize] > 127)])).into()
    });
    let opened = Dataset::open(masks.as_ref(), &ReadOptions::default()).unwrap();
    assert!(opened.data.images().all(|image| image.contains(&255) && image.iter().all(|&p| p == 0 || p == 255)));
    assert!(opened.notes[0].contains("1 is taken for white"));

    let black = write("black", &|_| image::GrayImage::new(28, 28).into());
    let message = refused(&strs(&base_of(&black, &folder.path("nothing"))));
    assert!(message.contains("all 8 pictures are black") && message.contains(&black), "{message}");
    assert!(!Path::new(&folder.path("nothing")).exists());
    // One of them among others is told, and left out on request.
    fs::copy(folder.path("black/7/0.png"), folder.path("masks/7/empty.png")).unwrap();
    let told = |more: &[&str]| done(&strs(&with(&base_of(&masks, &folder.path(&more.concat())), more)));
    let message = told(&[]);
    assert!(message.contains("1 of 9 pictures is blank") && message.contains("empty.png; learnt as"), "{message}");
    assert!(told(&["--skip-bad"]).contains("empty.png; left out"));
}

#[test]
fn classes_of_any_name_are_found() {
    let folder = Folder::new();
    let (decomposed, composed) = ("e\u{301}", "\u{e9}");
    let write = |data: &str, class: &str| {
        let dir = folder.path(&format!("{data}/{class}"));
        fs::create_dir_all(&dir).unwrap();
        let stroke = ImageBuffer::from_fn(28, 28, |x, _| Luma([if x == 14 { 255u8 } else { 0 }]));
        stroke.save(format!("{dir}/a.png")).unwrap();
        stroke.save(format!("{dir}/b.png")).unwrap();
    };
    for class in ["all", "1,5", "1", decomposed] {
        write("mac", class);
    }
    write("other", composed);
    let (mac, base, other) = (folder.path("mac"), folder.path("base"), folder.path("other"));
    done(&strs(&base_of(&mac, &base)));
    let info = format!("{base}/digit_diffusion.json");
    let text = fs::read_to_string(&info).unwrap();
    assert!(text.contains(composed) && !text.contains(decomposed), "{text}");
    // Bases of before have the name as the folder had it.
    for labels in [text.clone(), text.replace(composed, decomposed)] {
        fs::write(&info, labels).unwrap();
        let args = ["lora", "--base", &base, "--data", &other, "--max-train-steps", "1", "--batch-size", "2"];
        done(&[&args[..], &["--hold-out", "0", "--sample-every", "0", "--out", &folder.path("lora")]].concat());
        fs::remove_dir_all(folder.path("lora")).unwrap();
    }
    let out = folder.path("drawn");
    let draw = |label: &str| {
        let args = ["sample", "--base", &base, "--steps", "1", "--guidance", "1", "--out", &out, "--label", label];
        let told = done(&args);
        let mut classes: Vec<String> =
            fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        classes.sort();
        fs::remove_dir_all(&out).unwrap();
        (classes, told)
    };
    assert_eq!(draw(composed).0, [decomposed]);
    assert_eq!(draw(r"\all").0, ["all"]);
    assert_eq!(draw(r"1\,5,1").0, ["1", "1,5"]);
    let (every, told) = draw("all");
    assert!(every.len() == 4 && told.contains(r"--label '\all'"), "{told}");
    let message = refused(&["sample", "--base", &base, "--label", "1,5", "--out", &out]);
    assert!(message.contains("there is no class \"5\"") && message.contains(r"--label '1\,5'"), "{message}");
}
