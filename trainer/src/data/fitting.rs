//! Brings pictures of any format, size and shape to the network's square, by crate `intake`; for a whole folder in one way.
//! Tests: `folder/tests.rs`, `fitting/tests.rs`.

use intake::{Coloured, Fit, Ink, Notes, Options, Picture, Prepared};

use super::levels;
use crate::error::Result;
use crate::parallel;

/// The side of a new base's pictures where nothing else says it: MNIST's.
pub const USUAL_SIZE: usize = 28;
/// The same of pictures in colour: that of the usual small sets of them.
pub const USUAL_COLOUR_SIZE: usize = 32;
/// Sides of pictures that a base is made for without being asked: of larger ones a step takes minutes.
pub const SENSIBLE_SIZES: std::ops::RangeInclusive<usize> = 8..=128;
/// Files of which the size is looked at, where it decides the network's.
const SAMPLE: usize = 64;

/// Something that was done to pictures, or is to be known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// A word for programs.
    pub kind: &'static str,
    /// Pictures that it concerns.
    pub pictures: usize,
    /// A sentence for people.
    pub text: String,
}

impl Change {
    /// One kind of change.
    pub fn new(kind: &'static str, pictures: usize, text: String) -> Self {
        Self { kind, pictures, text }
    }
}

/// What was made of a file.
#[derive(Debug)]
pub struct Fitted {
    /// `size * size` grey values each: one, or one for each character on a sheet. In colour three times as many, red first.
    pub characters: Vec<Vec<u8>>,
    fit: Fit,
    ink: Ink,
    coloured: bool,
    notes: Notes,
    /// Whether its metadata says how it was held, or it holds more pictures.
    turned: bool,
    several: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub size: usize,
    pub fit: Fit,
    pub ink: Ink,
    /// Whether colours are kept, and the ground then.
    pub colour: Option<Ground>,
}

/// What is behind and around pictures in colour; none is found out.
pub type Ground = Option<[u8; 3]>;

/// Fits the file of one picture; the error says why it cannot be used.
pub fn fitted(bytes: &[u8], wanted: Wanted) -> std::result::Result<Fitted, String> {
    let decoded = intake::decode(bytes).map_err(|error| error.to_string())?;
    if let Some(ground) = wanted.colour {
        let fitted = in_colour(&decoded.picture, wanted, ground)?;
        return Ok(Fitted { turned: decoded.turned, several: decoded.several, ..fitted });
    }
    let Prepared { characters, fit, ink, coloured, notes } = prepared(&decoded.picture, wanted)?;
    Ok(Fitted {
        characters: characters.into_iter().map(|character| character.pixels).collect(),
        fit,
        ink,
        coloured,
        notes,
        turned: decoded.turned,
        several: decoded.several,
    })
}

/// Fits the pixels of one picture in colour, red, green, blue and opacity each.
pub fn fitted_colour(
    width: usize,
    height: usize,
    rgba: Vec<u8>,
    wanted: Wanted,
) -> std::result::Result<Fitted, String> {
    let picture = Picture::new(width, height, rgba).map_err(|error| error.to_string())?;
    in_colour(&picture, wanted, wanted.colour.flatten())
}

fn in_colour(picture: &Picture, wanted: Wanted, ground: Ground) -> std::result::Result<Fitted, String> {
    let coloured = intake::prepare_colour(picture, wanted.size, wanted.fit, ground);
    let Coloured { pixels, fit } = coloured.map_err(|error| error.to_string())?;
    let (characters, notes) = (vec![pixels], Notes::default());
    Ok(Fitted { characters, fit, ink: Ink::Light, coloured: false, notes, turned: false, several: false })
}

/// Fits the grey pixels of one picture.
pub fn fitted_grey(grey: &[u8], width: usize, height: usize, wanted: Wanted) -> std::result::Result<Fitted, String> {
    let rgba = grey.iter().flat_map(|&level| [level, level, level, u8::MAX]).collect();
    let picture = Picture::new(width, height, rgba).map_err(|error| error.to_string())?;
    let Prepared { characters, fit, ink, notes, .. } = prepared(&picture, wanted)?;
    let characters = characters.into_iter().map(|character| character.pixels).collect();
    Ok(Fitted { characters, fit, ink, coloured: false, notes, turned: false, several: false })
}

/// A picture of one level.
pub fn blank(level: u8, Wanted { size, fit, ink, .. }: Wanted) -> Fitted {
    let level = if ink == Ink::Dark { 255 - level } else { level };
    let fit = if fit == Fit::Auto { Fit::Pad } else { fit };
    let characters = vec![vec![level; size * size]];
    Fitted { characters, fit, ink, coloured: false, notes: Notes::default(), turned: false, several: false }
}

fn prepared(picture: &Picture, Wanted { size, fit, ink, .. }: Wanted) -> std::result::Result<Prepared, String> {
    let prepared =
        intake::prepare(picture, &Options { size, fit, ink, one: false }).map_err(|error| error.to_string())?;
    match prepared.characters.is_empty() {
        true => Err("no character is found in it".into()),
        false => Ok(prepared),
    }
}

/// The side of the pictures, where all that are looked at are squares of one; otherwise the `usual` one.
pub fn own_size(
    files: usize,
    usual: usize,
    bytes: impl Fn(usize) -> std::result::Result<Vec<u8>, String> + Send + Sync,
) -> Result<usize> {
    let step = files.div_ceil(SAMPLE).max(1);
    let sides = parallel::map((0..files).step_by(step).collect(), parallel::default_threads(), |file| {
        let decoded = bytes(file).ok().and_then(|bytes| intake::decode(&bytes).ok());
        Ok(decoded.map(|decoded| (decoded.picture.width(), decoded.picture.height())))
    })?;
    let sides: Vec<(usize, usize)> = sides.into_iter().flatten().collect();
    Ok(match sides[..] {
        [(width, height), ref rest @ ..]
            if rest.iter().all(|side| *side == (width, height)) && width == height && is_sensible(width) =>
        {
            width
        }
        _ => usual,
    })
}

/// Whether a base is made for pictures of this side without being asked.
pub fn is_sensible(side: usize) -> bool {
    SENSIBLE_SIZES.contains(&side) && side.is_multiple_of(super::SIZE_MULTIPLE)
}

/// The way of most pictures is that of all where they are alike: pictures that were fitted otherwise are fitted again by
/// `again`. Returns those for which that cannot be, with the reason: among ink on paper, pictures in which no ink is sure.
pub fn agree(
    all: &mut Vec<(usize, Fitted)>,
    wanted: Wanted,
    again: impl Fn(usize, Wanted) -> std::result::Result<Fitted, String> + Send + Sync,
) -> Result<Vec<(usize, String)>> {
    // Those that have the size already stay what they are.
    let others = || all.iter().filter(|(_, one)| one.fit != Fit::None);
    let fit = most_common(FITS, others().map(|(_, one)| one.fit));
    let ink = most_common(INKS, others().map(|(_, one)| one.ink));
    let job = |(at, (file, one)): (usize, &(usize, Fitted))| {
        let now = match (wanted.fit, fit) {
            (Fit::Auto, Some(fit)) if one.fit != Fit::None => fit,
            _ => one.fit,
        };
        // What is ink on paper says each photograph; of other pictures, all of them together.
        let ink = match (now, wanted.ink, ink) {
            (Fit::Pad | Fit::Crop | Fit::Stretch, Ink::Auto, Some(ink)) => ink,
            _ => wanted.ink,
        };
        let same = now == one.fit && (ink == Ink::Auto || ink == one.ink);
        (!same).then_some((at, *file, Wanted { fit: now, ink, ..wanted }))
    };
    let jobs: Vec<_> = all.iter().enumerate().filter_map(job).collect();
    let fitted = parallel::map(jobs, parallel::default_threads(), |(at, file, wanted)| Ok((at, again(file, wanted))))?;
    let mut failed = Vec::new();
    for (at, one) in fitted {
        match one {
            Ok(one) => all[at].1 = one,
            Err(reason) => failed.push((all[at].0, reason)),
        }
    }
    all.retain(|(file, _)| failed.iter().all(|(other, _)| other != file));
    Ok(failed)
}

const FITS: [Fit; 6] = [Fit::Auto, Fit::None, Fit::Pad, Fit::Crop, Fit::Stretch, Fit::Mnist];
const INKS: [Ink; 3] = [Ink::Auto, Ink::Dark, Ink::Light];

fn most_common<T: Copy + PartialEq, const N: usize>(kinds: [T; N], of: impl Iterator<Item = T>) -> Option<T> {
    let mut counts = [0usize; N];
    for one in of {
        kinds.iter().zip(&mut counts).filter(|(kind, _)| **kind == one).for_each(|(_, count)| *count += 1);
    }
    kinds.into_iter().zip(counts).filter(|(_, count)| *count > 0).max_by_key(|(_, count)| *count).map(|(kind, _)| kind)
}

/// What was done to all of them, a sentence for each kind. `names` are their files.
pub fn told(all: &[(&str, &Fitted)], wanted: Wanted) -> Vec<Change> {
    let Wanted { size, .. } = wanted;
    let mut changes = Vec::new();
    let count = |of: &dyn Fn(&Fitted) -> bool| all.iter().filter(|(_, one)| of(one)).count();
    let mut ways: Vec<(usize, Fit)> =
        FITS.into_iter().map(|fit| (count(&|one| one.fit == fit), fit)).filter(|(count, _)| *count > 0).collect();
    ways.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
    let ways_told: Vec<String> = ways.iter().map(|(count, fit)| way(*fit, *count, size)).collect();
    if !ways.is_empty() {
        let chosen = if wanted.fit == Fit::Auto { "; --fit auto chose so" } else { "" };
        changes.push(Change::new("fit", all.len(), format!("{}{chosen}", ways_told.join("; "))));
    }
    let dark = count(&|one| one.ink == Ink::Dark);
    if dark > 0 {
        let which = if dark == all.len() { are(dark) } else { format!("{dark} of {} pictures are", all.len()) };
        let text = format!("{which} dark on a light ground: inverted, so that the ink is light on black");
        changes.push(Change::new("inverted", dark, text));
    }
    let sheets: Vec<usize> = all.iter().map(|(_, one)| one.characters.len()).filter(|&count| count > 1).collect();
    if !sheets.is_empty() {
        let characters: usize = sheets.iter().sum();
        changes.push(Change::new(
            "sheets",
            characters,
            format!(
                "{} with several characters: each character is a picture, {characters} in all",
                plural(sheets.len(), "sheet")
            ),
        ));
    }
    changes.extend(colours(count(&|one| one.coloured)));
    let turned = count(&|one| one.turned);
    if turned > 0 {
        changes.push(Change::new("turned", turned, format!("{} turned upright, as the file says (EXIF)", are(turned))));
    }
    let mut note = |kind, of: &dyn Fn(&Notes) -> bool, text: &str| {
        let count = count(&|one| of(&one.notes));
        if count > 0 {
            changes.push(Change::new(kind, count, format!("{} {text}", on(count))));
        }
    };
    note("ruled", &|notes| notes.ruled, "the lines of ruled or squared paper were removed");
    note("uneven", &|notes| notes.uneven, "the light was uneven, and evened out");
    note("at_edge", &|notes| notes.at_edge > 0, "something that touches the edge was left out");
    let unsure: Vec<String> =
        all.iter().filter(|(_, one)| one.notes.unsure).map(|(name, _)| (*name).to_owned()).collect();
    if !unsure.is_empty() {
        let text = format!(
            "{} the ink is faint or little: look at what was made of {}",
            on(unsure.len()),
            levels::told(&unsure)
        );
        changes.push(Change::new("unsure", unsure.len(), text));
    }
    let several: Vec<String> = all.iter().filter(|(_, one)| one.several).map(|(name, _)| (*name).to_owned()).collect();
    if !several.is_empty() {
        changes.push(Change::new(
            "first_of_several",
            several.len(),
            format!(
                "{} more than one picture (an animation, or pages), of which the first is taken: {}",
                if several.len() == 1 { "1 file holds".to_owned() } else { format!("{} files hold", several.len()) },
                levels::told(&several)
            ),
        ));
    }
    changes
}

/// That colours are lost.
pub fn colours(count: usize) -> Option<Change> {
    (count > 0).then(|| {
        let have =
            if count == 1 { "1 picture has colours".to_owned() } else { format!("{count} pictures have colours") };
        Change::new(
            "coloured",
            count,
            format!("{have}, which are lost: the network draws in grey; a base trained with --colour keeps them"),
        )
    })
}

/// "1 picture is", "2 pictures are".
pub fn are(count: usize) -> String {
    if count == 1 { "1 picture is".into() } else { format!("{count} pictures are") }
}

/// "on 1 picture", "on 2 pictures".
fn on(count: usize) -> String {
    format!("on {}", plural(count, "picture"))
}

/// "1 sheet", "2 sheets".
pub fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn way(fit: Fit, count: usize, size: usize) -> String {
    let pictures = are(count);
    match fit {
        Fit::Mnist => {
            format!("{pictures} cut out of their paper and placed as MNIST's digits, in {size}x{size} (mnist)")
        }
        Fit::Pad => format!("{pictures} scaled to fit whole into {size}x{size} (pad)"),
        Fit::Crop => format!("{pictures} scaled to fill {size}x{size}, what stands out is cut off (crop)"),
        Fit::Stretch => format!("{pictures} stretched to {size}x{size} (stretch)"),
        Fit::None | Fit::Auto => format!("{pictures} {size}x{size} already (none)"),
    }
}
