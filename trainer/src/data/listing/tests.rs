use std::io::{Cursor, Write};

use tempfile::tempdir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn touch(dir: &Path, names: &[&str]) {
    for name in names {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
}

fn zipped(names: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Labels and names of files.
fn listed(listing: &Listing) -> Vec<(u16, String)> {
    let name = |item: &Item| item.path.file_name().unwrap().to_str().unwrap().to_owned();
    listing.items.iter().map(|item| (item.label, name(item))).collect()
}

fn strings(all: &[(u16, &str)]) -> Vec<(u16, String)> {
    all.iter().map(|(label, name)| (*label, (*name).to_owned())).collect()
}

#[test]
fn what_systems_leave_is_passed_over_and_other_files_are_told() {
    let dir = tempdir().unwrap();
    touch(
        dir.path(),
        &[
            "10/b.JPG",
            "9/Thumbs.db",
            "9/.DS_Store",
            "9/._a.png",
            "9/a.webp",
            "9/notes.txt",
            "__MACOSX/9/a.png",
            ".git/x",
        ],
    );
    fs::write(dir.path().join("9/IMG_1"), b"\xff\xd8\xff\xe0").unwrap();
    let listing = Listing::of_folder(dir.path()).unwrap();
    assert_eq!(listing.classes, ["9", "10"]);
    assert_eq!(listed(&listing), strings(&[(0, "IMG_1"), (0, "a.webp"), (1, "b.JPG")]));
    assert!(listing.bad.is_empty() && listing.notes.len() == 1, "{:?}", listing.notes);
    assert!(listing.notes[0].contains("1 file is no picture") && listing.notes[0].contains("notes.txt"));
}

#[test]
fn the_folder_around_the_classes_is_looked_through_and_links_around_it_are_told() {
    let dir = tempdir().unwrap();
    touch(dir.path(), &["download/digits/3/a.png", "download/digits/4/a.png"]);
    let classes = dir.path().join("download/digits");
    for (link, target) in [("loop", "."), ("up", "../.."), ("3b", "3")] {
        std::os::unix::fs::symlink(classes.join(target), classes.join(link)).unwrap();
    }
    let listing = Listing::of_folder(dir.path()).unwrap();
    assert_eq!(listing.classes, ["3", "3b", "4"], "a link to a class is one");
    assert_eq!(listing.items.len(), 3);
    assert!(
        listing.notes[0].contains("the classes are the folders in") && listing.notes[0].ends_with("download/digits")
    );
    assert!(listing.notes[1].contains("loop") && listing.notes[1].contains("up"), "{:?}", listing.notes);
    // Links that go around within a class are not followed, either.
    std::os::unix::fs::symlink(&classes, classes.join("4/again")).unwrap();
    assert_eq!(Listing::of_folder(&classes).unwrap().items.len(), 3);
}

#[test]
fn an_archive_is_read_like_its_folder() {
    let path = Path::new("mine.zip");
    let listing = |names: &[&str]| Listing::of_archive(path, zipped(names));
    let names = [
        "mine/10/b.png",
        "mine/9/z.jpg",
        "mine/9/a.jpg",
        "__MACOSX/mine/9/._a.jpg",
        "mine/.DS_Store",
        "mine/9/x/deep.png",
    ];
    let found = listing(&names).unwrap().unwrap();
    assert_eq!(found.classes, ["9", "10"]);
    assert_eq!(listed(&found), strings(&[(0, "a.jpg"), (0, "z.jpg"), (1, "b.png")]));
    assert_eq!(found.bytes(&found.items[1]).unwrap(), b"mine/9/z.jpg");
    assert_eq!(found.items[0].path, Path::new("mine.zip/9/a.jpg"));
    assert!(found.bad[0].reason.contains("within a class folder") && found.bad.len() == 1);
    // As Windows' own tools have written them.
    assert_eq!(listing(&["3\\a.png", "4\\a.png"]).unwrap().unwrap().classes, ["3", "4"]);
    assert!(listing(&["a.png", "b.png"]).unwrap_err().to_string().contains("its 2 pictures lie in no class folder"));
    assert!(listing(&["images.idx", "labels.idx"]).unwrap().is_err(), "no pictures: something else");
    assert!(Listing::of_archive(path, zipped(&names)[..90].to_vec()).unwrap_err().to_string().contains("damaged"));
}
