//! A labelled sheet of what the network sees of pictures: `cargo run --release -p intake --features decode --example sheet --
//! OUT.png [--size 28] [--fit auto|none|pad|crop|stretch|mnist] FILE_OR_FOLDER …`. The picture is on the left, what was made of
//! it on the right; a line for each on stdout, and one for
//! each character: left, top, width, height.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use image::imageops::{FilterType, overlay, resize, thumbnail};
use image::{GrayImage, Rgba, RgbaImage};
use intake::{Fit, Ink, Options, Picture, Prepared, Rect, decode, prepare};

/// Pixels of a side of a picture, and of a character.
const SIDE: u32 = 168;
const CHARACTER: u32 = 84;
/// Pictures beside each other, and characters shown of each.
const COLUMNS: u32 = 4;
const SHOWN: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options { size: 28, fit: Fit::Auto, ink: Ink::Auto, one: false };
    let (mut out, mut files) = (None, Vec::new());
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--size" => options.size = words.next().ok_or("--size needs a number")?.parse()?,
            "--fit" => options.fit = fit(&words.next().ok_or("--fit needs a word")?)?,
            _ if out.is_none() => out = Some(word),
            _ => add(Path::new(&word), &mut files)?,
        }
    }
    let out = out.ok_or("usage: sheet OUT.png [--size 28] [--fit auto] FILE_OR_FOLDER …")?;
    let rows = (files.len() as u32).div_ceil(COLUMNS).max(1);
    let mut sheet = RgbaImage::from_pixel(COLUMNS * 2 * SIDE, rows * SIDE, Rgba([90, 60, 110, 255]));
    for (i, file) in (0..).zip(&files) {
        let (x, y) = (i64::from(i % COLUMNS * 2 * SIDE), i64::from(i / COLUMNS * SIDE));
        let decoded = match decode(&fs::read(file)?) {
            Ok(decoded) => decoded,
            Err(error) => {
                println!("{i} {}: {error}", file.display());
                continue;
            }
        };
        let prepared = prepare(&decoded.picture, &options);
        overlay(&mut sheet, &shown(&decoded.picture)?, x, y);
        match prepared {
            Ok(prepared) => {
                let Prepared { characters, fit, ink, coloured, notes } = &prepared;
                println!("{i} {}: {} {fit:?} {ink:?} coloured {coloured} {notes:?}", file.display(), characters.len());
                for Rect { x, y, width, height } in characters.iter().map(|character| character.from) {
                    println!("    {x} {y} {width} {height}");
                }
                draw(&mut sheet, &prepared, options.size as u32, x + i64::from(SIDE), y)?;
            }
            Err(error) => println!("{i} {}: {error}", file.display()),
        }
    }
    sheet.save(out)?;
    Ok(())
}

fn fit(word: &str) -> Result<Fit, String> {
    Ok(match word {
        "auto" => Fit::Auto,
        "none" => Fit::None,
        "pad" => Fit::Pad,
        "crop" => Fit::Crop,
        "stretch" => Fit::Stretch,
        "mnist" => Fit::Mnist,
        _ => return Err(format!("--fit {word}: auto, none, pad, crop, stretch or mnist")),
    })
}

fn add(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    let mut inside = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    inside.sort();
    inside.iter().try_for_each(|path| add(path, files))
}

fn shown(picture: &Picture) -> Result<RgbaImage, Box<dyn Error>> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let image = RgbaImage::from_raw(width, height, picture.rgba().to_vec()).ok_or("not a picture")?;
    let scaled = |side: u32| (side * (SIDE - 4) / width.max(height)).max(1);
    Ok(thumbnail(&image, scaled(width), scaled(height)))
}

fn draw(sheet: &mut RgbaImage, prepared: &Prepared, size: u32, x: i64, y: i64) -> Result<(), Box<dyn Error>> {
    for (i, character) in (0..).zip(prepared.characters.iter().take(SHOWN)) {
        let grey = GrayImage::from_raw(size, size, character.pixels.clone()).ok_or("not a picture")?;
        let large = resize(&grey, CHARACTER - 2, CHARACTER - 2, FilterType::Nearest);
        let colour = image::DynamicImage::ImageLuma8(large).into_rgba8();
        let (column, row) = (i % 2, i / 2);
        overlay(sheet, &colour, x + column * i64::from(CHARACTER), y + row * i64::from(CHARACTER));
    }
    Ok(())
}
