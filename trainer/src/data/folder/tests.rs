use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, Luma, Rgb};
use tempfile::{TempDir, tempdir};

use super::*;

fn grey(dir: &TempDir, name: &str, width: u32, height: u32, level: u8) {
    save(dir, name, GrayImage::from_pixel(width, height, image::Luma([level])));
}

fn save(dir: &TempDir, name: &str, picture: impl Into<DynamicImage>) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.into().save_with_format(path, image::ImageFormat::Png).unwrap();
}

/// Without `--fit`, as before there was one.
fn opened(dir: &Path, bad: BadPictures, dark_ink: bool) -> Result<Folder> {
    let ink = if dark_ink { Ink::Dark } else { Ink::Light };
    let options = ReadOptions { bad, ink, fit: Fit::None, ..ReadOptions::default() };
    read(&dir.display().to_string(), Listing::of_folder(dir)?, &options)
}

fn load(dir: &Path, policy: BadPictures, dark_ink: bool) -> Result<(Dataset, Vec<BadPicture>)> {
    opened(dir, policy, dark_ink).map(|folder| (folder.data, folder.skipped))
}

#[test]
fn classes_in_order_and_colours_to_grey() {
    let dir = tempdir().unwrap();
    grey(&dir, "10/a.png", 8, 8, 10);
    grey(&dir, "9/a.PNG", 8, 8, 9);
    grey(&dir, "star/z.png", 8, 8, 99);
    fs::write(dir.path().join("star/notes.txt"), "not a picture").unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    let red: ImageBuffer<Rgb<u8>, _> = ImageBuffer::from_pixel(8, 8, Rgb([255u8, 0, 0]));
    red.save(dir.path().join("star/a.png")).unwrap();
    let clear = GrayAlphaImage::from_pixel(8, 8, image::LumaA([255, 80]));
    clear.save(dir.path().join("star/b.png")).unwrap();
    grey(&dir, "star/deeper/c.png", 8, 8, 7);
    grey(&dir, "star/deeper/still/d.png", 8, 8, 7);

    let (data, skipped) = load(dir.path(), BadPictures::Skip, false).unwrap();
    assert_eq!(skipped.len(), 2, "those that lie too deep");
    assert_eq!(data.class_names(), ["9", "10", "star"]);
    assert_eq!((data.size(), data.labels()), (8, &[0u16, 1, 2, 2, 2][..]));
    let first: Vec<u8> = data.images().map(|image| image[0]).collect();
    assert_eq!((first[0], first[1], first[3], first[4]), (9, 10, 80, 99));
    assert!((50..80).contains(&first[2]), "red is a dark grey, got {}", first[2]);
}

#[test]
fn bad_pictures_are_named_counted_and_skipped_on_request() {
    let dir = tempdir().unwrap();
    for name in ["0/a.png", "0/b.png", "1/a.png"] {
        grey(&dir, name, 8, 8, 200);
    }
    grey(&dir, "0/oblong.png", 8, 12, 0);
    grey(&dir, "0/larger.png", 12, 12, 0);
    grey(&dir, "1/seven.png", 7, 7, 0);
    fs::write(dir.path().join("1/broken.png"), b"\x89PNG and then nothing").unwrap();

    let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
    assert!(message.contains("4 of 7 pictures"), "{message}");
    for part in ["oblong.png", "8x12", "larger.png", "most of the others are 8x8", "broken.png", "seven.png"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let (data, skipped) = load(dir.path(), BadPictures::Skip, false).unwrap();
    assert_eq!((data.len(), skipped.len()), (3, 4));
}

#[test]
fn pictures_that_are_not_read_are_not_forgotten() {
    let dir = tempdir().unwrap();
    grey(&dir, "0/a.png", 8, 8, 200);
    fs::write(dir.path().join("0/photo.JPG"), b"\xff\xd8\xff\xe0").unwrap();
    fs::write(dir.path().join("stray.png"), b"anywhere").unwrap();
    let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
    for part in ["2 of 3", "photo.JPG (", "stray.png (it lies in no class folder)"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(load(dir.path(), BadPictures::Skip, false).unwrap().0.len(), 1);
    fs::create_dir(dir.path().join("7")).unwrap();
    let message = load(dir.path(), BadPictures::Skip, false).unwrap_err().to_string();
    assert!(message.contains("no picture is left in 7"), "{message}");
}

#[test]
fn empty_and_absent_folders_are_told() {
    let dir = tempdir().unwrap();
    let message = |path: &Path| load(path, BadPictures::Skip, false).unwrap_err().to_string();
    assert!(message(dir.path()).contains("<class name>/*.png"));
    assert!(message(&dir.path().join("absent")).contains("absent"));
    grey(&dir, "3_001.png", 8, 8, 9);
    assert!(message(dir.path()).contains("its 1 pictures lie in no class folder; put those of each class"));
    fs::remove_file(dir.path().join("3_001.png")).unwrap();
    fs::create_dir(dir.path().join("0")).unwrap();
    assert!(message(dir.path()).contains("hold no picture"));
}

#[test]
fn dark_ink_on_no_ground_is_not_taken_for_black_pictures() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("0")).unwrap();
    let mut drawing = GrayAlphaImage::from_pixel(8, 8, image::LumaA([0, 0]));
    drawing.put_pixel(4, 4, image::LumaA([0, 255]));
    drawing.save(dir.path().join("0/a.png")).unwrap();
    let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
    assert!(message.contains("a.png") && message.contains("--invert"), "{message}");
    let (data, _) = load(dir.path(), BadPictures::Refuse, true).unwrap();
    assert_eq!((data.image(0)[0], data.image(0)[4 * 8 + 4]), (0, 255));
    assert!(!data.has_light_ground() && data.inverted().has_light_ground());
    drawing.put_pixel(4, 4, image::LumaA([255, 255]));
    drawing.save(dir.path().join("0/a.png")).unwrap();
    let message = load(dir.path(), BadPictures::Skip, true).unwrap_err().to_string();
    assert!(message.contains("no good one") && message.contains("leave out --invert"), "{message}");
}

#[test]
fn the_bytes_say_what_a_picture_is() {
    let dir = tempdir().unwrap();
    grey(&dir, "0/a.jpg", 8, 8, 200); // a PNG file, whatever its name
    fs::write(dir.path().join("0/b.png"), b"\xff\xd8\xff\xe0 from a telephone").unwrap();
    fs::write(dir.path().join("0/c.png"), b"").unwrap();
    let message = load(dir.path(), BadPictures::Refuse, false).unwrap_err().to_string();
    assert!(message.contains("2 of 3") && message.contains("b.png ("), "{message}");
    assert_eq!(load(dir.path(), BadPictures::Skip, false).unwrap().0.len(), 1);
}

#[test]
fn a_small_range_that_all_have_is_scaled_and_told() {
    let ink = |white: u16| ImageBuffer::from_fn(8, 8, |x, _| Luma([if x == 3 { white } else { 0 }]));
    let dir = tempdir().unwrap();
    save(&dir, "0/a.png", ink(255));
    save(&dir, "1/a.png", ink(200));
    let folder = opened(dir.path(), BadPictures::Refuse, false).unwrap();
    assert_eq!((folder.data.image(0)[3], folder.data.image(1)[3]), (255, 200));
    assert!(folder.notes[0].contains("2 pictures are 16-bit files whose values end at 255"), "{:?}", folder.notes);
    // One that uses the whole range says what white is for all.
    save(&dir, "1/b.png", ink(u16::MAX));
    let folder = opened(dir.path(), BadPictures::Refuse, false).unwrap();
    assert_eq!((folder.data.image(0)[3], folder.data.image(2)[3], folder.notes.len()), (1, 255, 0));

    let masks = tempdir().unwrap();
    save(&masks, "0/a.png", ImageBuffer::from_fn(8, 8, |x, _| Luma([u8::from(x == 3)])));
    for (dark_ink, expected) in [(false, [0, 255]), (true, [255, 0])] {
        let folder = opened(masks.path(), BadPictures::Refuse, dark_ink).unwrap();
        assert_eq!(folder.data.image(0)[2..4], expected);
        assert!(folder.notes[0].contains("0 and 1 only"), "{:?}", folder.notes);
    }
}

#[test]
fn folders_whose_names_are_the_same_letters_are_one_class() {
    let dir = tempdir().unwrap();
    for name in ["a/1.png", "e\u{301}/1.png", "\u{e9}/2.png"] {
        grey(&dir, name, 8, 8, 9);
    }
    let folder = opened(dir.path(), BadPictures::Refuse, false).unwrap();
    // A file system that knows one form alone has one folder.
    assert_eq!(folder.data.class_names(), ["a", "\u{e9}"]);
    assert_eq!((folder.data.labels(), folder.data.len()), (&[0u16, 1, 1][..], 3));
    let base = ["e\u{301}".to_owned(), "a".to_owned()];
    let data = folder.data.with_classes(&base).unwrap();
    assert_eq!((data.labels(), data.class_names()), (&[1u16, 0, 0][..], &base[..]));
}

#[test]
fn a_folder_above_the_classes_and_one_of_idx_files_are_told() {
    let dir = tempdir().unwrap();
    grey(&dir, "train/0/a.png", 8, 8, 9);
    grey(&dir, "test/0/a.png", 8, 8, 9);
    for policy in [BadPictures::Refuse, BadPictures::Skip] {
        let message = load(dir.path(), policy, false).unwrap_err().to_string();
        assert!(message.contains("give the folder whose folders are the classes, perhaps"), "{message}");
        assert!(message.ends_with("test"), "{message}");
    }
    let idx = tempdir().unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::write(idx.path().join(name), b"").unwrap();
    }
    let message = load(idx.path(), BadPictures::Refuse, false).unwrap_err().to_string();
    assert!(
        message.contains("give one of pictures, as") && message.ends_with("train-images-idx3-ubyte.gz"),
        "{message}"
    );
}

/// The first pixel of a picture in colour: red, green, blue.
fn first(image: &[u8]) -> [u8; 3] {
    [0, 1, 2].map(|channel| image[channel * image.len() / 3])
}

#[test]
fn colours_are_kept_where_they_are_asked_for() {
    let dir = tempdir().unwrap();
    save(&dir, "a/1.png", ImageBuffer::from_pixel(16, 16, Rgb([200u8, 30, 40])));
    save(&dir, "a/2.png", ImageBuffer::from_pixel(16, 16, image::Rgba([10u8, 20, 30, 0])));
    save(&dir, "a/3.png", ImageBuffer::from_pixel(16, 16, Rgb([0u16, 0x8080, u16::MAX])));
    grey(&dir, "a/4.png", 16, 16, 99);
    save(&dir, "b/5.png", ImageBuffer::from_pixel(24, 12, Rgb([1u8, 2, 3])));
    // As printers have it.
    let cmyk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cmyk.jpg");
    fs::copy(cmyk, dir.path().join("b/6.jpg")).unwrap();
    let read = |fit, size, ground| {
        let options = ReadOptions { colour: true, fit, size, ground, ..ReadOptions::default() };
        read(&dir.path().display().to_string(), Listing::of_folder(dir.path()).unwrap(), &options)
    };
    let folder = read(Fit::Auto, Some(16), None).unwrap();
    let data = &folder.data;
    assert_eq!((data.channels(), data.size(), data.len(), data.image(0).len()), (3, 16, 6, 3 * 256));
    let colours: Vec<[u8; 3]> = data.images().map(first).collect();
    assert_eq!(colours[..5], [[200, 30, 40], [255; 3], [0, 128, 255], [99; 3], [1, 2, 3]]);
    assert!(colours[5].iter().zip([200, 30, 40]).all(|(found, wanted)| found.abs_diff(wanted) < 4), "{colours:?}");
    let told: Vec<&str> = folder.changes.iter().map(|change| change.text.as_str()).collect();
    assert!(told.len() == 1 && told[0].contains("1 picture is scaled to fit whole"), "nothing is lost: {told:?}");
    assert_eq!(first(read(Fit::Auto, Some(16), Some([7, 8, 9])).unwrap().data.image(1)), [7, 8, 9]);
    // The first pixel of what is padded is ground, too; of what is cropped it is not.
    assert_eq!(first(read(Fit::Pad, Some(8), Some([7, 8, 9])).unwrap().data.image(4)), [7, 8, 9]);
    assert_eq!(first(read(Fit::Crop, Some(8), Some([7, 8, 9])).unwrap().data.image(4)), [1, 2, 3]);
    // Pictures of several sizes get that of usual sets in colour; without a fit, those of another size are named.
    assert_eq!(read(Fit::Auto, None, None).unwrap().data.size(), 32);
    let message = read(Fit::None, Some(16), None).unwrap_err().to_string();
    assert!(message.contains("1 of 6") && message.contains("5.png") && message.contains("24x12"), "{message}");
}
