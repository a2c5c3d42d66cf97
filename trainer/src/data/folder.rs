//! Reads a user's own pictures: a folder `<class name>/*`, or a zip archive of one. Pictures that are squares of the network's
//! size stay what they are (`drawing.rs`), others are fitted (`fitting.rs`). Tests: `folder/tests.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use intake::{Fit, Ink};

use super::dataset::Dataset;
use super::drawing::{Drawing, png_sides};
use super::fitting::{self, Change, Fitted, Wanted, plural};
use super::levels;
use super::listing::{EXPECTED, Item, Listing};
use super::options::{BadPictures, ReadOptions};
use crate::error::{BadPicture, Error, Result};
use crate::messages::shown;
use crate::parallel;

/// What was read of a folder.
#[derive(Debug)]
pub struct Folder {
    /// With the names of its files.
    pub data: Dataset,
    /// None with [`BadPictures::Refuse`].
    pub skipped: Vec<BadPicture>,
    /// What people should know of how it was read.
    pub notes: Vec<String>,
    /// What was done to the pictures.
    pub changes: Vec<Change>,
}

/// What was read of a file.
enum Seen {
    Drawing(Drawing),
    Fitted(Fitted),
}

/// Reads the pictures that are listed.
///
/// # Errors
/// Classes without a picture, and, unless they are skipped, pictures that cannot be used.
pub fn read(location: &str, listing: Listing, options: &ReadOptions) -> Result<Folder> {
    let Listing { classes, items, .. } = &listing;
    let mut notes = listing.notes.clone();
    let plan = Plan::new(&listing, options)?;
    let colour = options.colour.then_some(options.ground);
    let wanted = Wanted { size: plan.size, fit: options.fit, ink: options.ink, colour };
    let done = AtomicUsize::new(0);
    let jobs: Vec<(&Item, bool)> = items.iter().zip(plan.as_they_are.iter().copied()).collect();
    let seen = parallel::map(jobs, parallel::default_threads(), |(item, as_it_is)| {
        let seen = listing.bytes(item).and_then(|bytes| match as_it_is {
            true => Drawing::read(&bytes).map(Seen::Drawing),
            false => fitting::fitted(&bytes, wanted).map(Seen::Fitted),
        });
        (options.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, items.len());
        Ok(seen)
    })?;
    let (mut drawings, mut fitted, mut bad) = (Vec::new(), Vec::new(), listing.bad.clone());
    for (file, seen) in seen.into_iter().enumerate() {
        match seen {
            Ok(Seen::Drawing(drawing)) => drawings.push((file, drawing)),
            Ok(Seen::Fitted(one)) => fitted.push((file, one)),
            Err(reason) => bad.push(BadPicture { path: items[file].path.clone(), reason }),
        }
    }
    if options.fit == Fit::Auto || options.ink == Ink::Auto {
        let again = |file: usize, wanted| fitting::fitted(&listing.bytes(&items[file])?, wanted);
        for (file, reason) in fitting::agree(&mut fitted, wanted, again)? {
            bad.push(BadPicture { path: items[file].path.clone(), reason });
        }
    }
    let names: Vec<String> = items.iter().map(|item| shown(item.path.display())).collect();
    let told: Vec<(&str, &Fitted)> = fitted.iter().map(|(file, one)| (names[*file].as_str(), one)).collect();
    let mut changes = fitting::told(&told, wanted);
    changes.extend(plan.note);
    changes.extend(fitting::colours(drawings.iter().filter(|(_, drawing)| drawing.coloured).count()));

    // The size that most pictures have counts, so that one odd picture is the bad one, not all the others.
    let size = match options.fit {
        Fit::None if !options.colour => most_common(drawings.iter().map(|(_, drawing)| drawing.size)),
        _ => plan.size,
    };
    let all = Greys::of(drawings, size, options.ink, &mut changes);
    notes.extend(all.notes);
    let mut pictures: Vec<(usize, Vec<Vec<u8>>)> = Vec::new();
    for (file, grey) in all.pictures {
        match grey {
            Ok(grey) => pictures.push((file, vec![grey])),
            Err(reason) => bad.push(BadPicture { path: items[file].path.clone(), reason }),
        }
    }
    pictures.extend(fitted.into_iter().map(|(file, one)| (file, one.characters)));
    pictures.sort_by_key(|(file, _)| *file);
    if options.bad == BadPictures::Refuse && !bad.is_empty() {
        return Err(Error::BadPictures { dir: location.into(), total: pictures.len() + bad.len(), bad });
    }
    let refuse = |reason: String| Error::Data { location: location.to_owned(), reason };
    if pictures.is_empty() {
        return Err(refuse(match bad.len() {
            0 => format!("its class folders hold no picture; {EXPECTED}"),
            count => format!("{} and no good one, the first of them {}", plural(count, "bad picture"), bad[0]),
        }));
    }
    let has_pictures: Vec<bool> = (0..classes.len())
        .map(|label| pictures.iter().any(|(file, _)| usize::from(items[*file].label) == label))
        .collect();
    let empty = empty_classes(&listing, &has_pictures, &bad);
    if !empty.is_empty() {
        return Err(refuse(format!(
            "no picture is left in {}, of which nothing could be learnt; remove the folder",
            empty.join(", ")
        )));
    }
    let (mut labels, mut pixels, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for (file, characters) in pictures {
        let of = characters.len();
        for (at, grey) in characters.into_iter().enumerate() {
            labels.push(items[file].label);
            pixels.extend(grey);
            files.push(match of {
                1 => names[file].clone(),
                _ => format!("{} (character {} of {of})", names[file], at + 1),
            });
        }
    }
    let channels = if options.colour { 3 } else { 1 };
    let data = Dataset::with_channels(location, pixels, labels, [channels, size], classes.clone())?.with_names(files);
    Ok(Folder { data, skipped: bad, notes, changes })
}

/// Classes of which no picture is left, and why.
fn empty_classes(listing: &Listing, has_pictures: &[bool], bad: &[BadPicture]) -> Vec<String> {
    let classes = listing.classes.iter().enumerate().filter(|(label, _)| !has_pictures[*label]);
    let told = classes.map(|(label, name)| {
        let of_class = |one: &&BadPicture| {
            listing.items.iter().any(|item| usize::from(item.label) == label && item.path == one.path)
        };
        let left_out: Vec<&BadPicture> = bad.iter().filter(of_class).collect();
        match left_out[..] {
            [] => shown(name),
            [one] => format!("{} (its picture was left out: {})", shown(name), one.reason),
            [one, ..] => {
                format!("{} (its {} pictures were left out, the first: {})", shown(name), left_out.len(), one.reason)
            }
        }
    });
    told.collect()
}

/// Which pictures stay as they are, and the size of all.
struct Plan {
    as_they_are: Vec<bool>,
    size: usize,
    note: Option<Change>,
}

impl Plan {
    fn new(listing: &Listing, options: &ReadOptions) -> Result<Self> {
        let files = listing.items.len();
        if options.fit == Fit::None && !options.colour {
            return Ok(Self { as_they_are: vec![true; files], size: options.size.unwrap_or(0), note: None });
        }
        let bytes = |file: usize| listing.bytes(&listing.items[file]);
        // With colours every picture goes the one way, on which those of the size stay as they are.
        if options.fit == Fit::Auto && !options.colour {
            let sides = parallel::map((0..files).collect(), parallel::default_threads(), |file| {
                Ok(listing.start(&listing.items[file]).ok().and_then(|bytes| png_sides(&bytes)))
            })?;
            let side = |file: usize| sides[file].filter(|(width, height)| width == height).map(|(width, _)| width);
            let fits = |side: &usize| match options.size {
                Some(size) => *side == size,
                None => fitting::is_sensible(*side),
            };
            let size = most_common((0..files).filter_map(side).filter(fits));
            let as_they_are: Vec<bool> = (0..files).map(|file| size > 0 && side(file) == Some(size)).collect();
            if as_they_are.iter().filter(|&&as_it_is| as_it_is).count() * 2 > files {
                return Ok(Self { as_they_are, size, note: None });
            }
        }
        let (size, note) = match options.size {
            Some(size) => (size, None),
            None => {
                let usual = if options.colour { fitting::USUAL_COLOUR_SIZE } else { fitting::USUAL_SIZE };
                let size = fitting::own_size(files, usual, bytes)?;
                let note = format!("the pictures are brought to {size}x{size}; --image-size N takes another side");
                (size, Some(Change::new("size", files, note)))
            }
        };
        Ok(Self { as_they_are: vec![false; files], size, note })
    }
}

/// Grey pixels of drawings that stay as they are, or why not.
struct Greys {
    pictures: Vec<(usize, std::result::Result<Vec<u8>, String>)>,
    notes: Vec<String>,
}

impl Greys {
    fn of(drawings: Vec<(usize, Drawing)>, size: usize, ink: Ink, changes: &mut Vec<Change>) -> Self {
        let units = Units::of(&drawings.iter().map(|(_, drawing)| drawing).collect::<Vec<_>>());
        let mut dark = 0;
        let mut grey = |drawing: &Drawing| {
            if drawing.size != size {
                let odd = drawing.size;
                return Err(format!(
                    "it is {odd}x{odd}, most of the others are {size}x{size}; --fit brings it to that"
                ));
            }
            let unit = units.of_picture(drawing);
            let light = drawing.grey(unit, ink == Ink::Dark);
            // Black on transparent: as light ink there would be nothing.
            if light.is_err()
                && ink == Ink::Auto
                && let Ok(grey) = drawing.grey(unit, true)
            {
                dark += 1;
                return Ok(grey);
            }
            light
        };
        let pictures = drawings.iter().map(|(file, drawing)| (*file, grey(drawing))).collect();
        if dark > 0 {
            let text = format!("{} dark ink on a transparent ground: inverted", fitting::are(dark));
            changes.push(Change::new("inverted", dark, text));
        }
        Self { pictures, notes: units.notes }
    }
}

/// What white is in pictures that use a small part of their range.
struct Units {
    of_8: Option<u16>,
    of_16: Option<u16>,
    notes: Vec<String>,
}

impl Units {
    /// Only where all pictures of a depth have a small range: among others, such a one is dark.
    fn of(drawings: &[&Drawing]) -> Self {
        let most = |deep: bool| {
            let of_depth = || drawings.iter().copied().filter(move |one| one.deep == deep);
            let ranges: Option<Vec<u16>> = of_depth().map(Drawing::small_range).collect();
            let most = ranges.as_ref().and_then(|ranges| ranges.iter().max().copied()).unwrap_or(0);
            (most, of_depth().count())
        };
        let mut notes = Vec::new();
        let (masks, count) = most(false);
        let of_8 = (masks == 1).then(|| {
            notes.push(levels::masks(count));
            1
        });
        let (most_16, count) = most(true);
        let of_16 = levels::unit_of_16(most_16);
        match of_16 {
            Some(1) => notes.push(levels::masks(count)),
            Some(unit) => notes.push(format!(
                "{count} pictures are 16-bit files whose values end at {most_16}: {unit} is taken for white, or all would be black"
            )),
            None => {}
        }
        Self { of_8, of_16, notes }
    }

    fn of_picture(&self, drawing: &Drawing) -> Option<u16> {
        if drawing.deep { self.of_16 } else { self.of_8 }
    }
}

/// The larger of two equally common sizes.
fn most_common(sizes: impl Iterator<Item = usize>) -> usize {
    let mut counts = BTreeMap::new();
    for size in sizes {
        *counts.entry(size).or_insert(0usize) += 1;
    }
    counts.into_iter().max_by_key(|&(_, count)| count).map_or(0, |(size, _)| size)
}

#[cfg(test)]
mod tests;
