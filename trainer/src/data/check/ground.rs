//! The ground around the ink, and how much ink there is. Tests: `check/tests.rs`.

use super::reference::Reference;
use super::warning::{Warning, named, of_all};
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::parallel;

/// Ground up to this level is black: a JPEG's rounding makes as much.
const BLACK: u8 = 12;
/// From this level on the network learns to draw paper.
const PAPER: u8 = 32;
/// The ground is light from here on.
const LIGHT: u8 = 128;
/// Part of the pictures that may be wrong before a run is stopped: few are better named than a reason to stop.
const FEW: f64 = 0.1;
/// The same of blank ones. Some sets have a few, and a class of blanks among many may be meant.
const FEW_BLANK: f64 = 0.2;
/// Levels between ground and ink, below which a picture is blank.
const LEAST_INK: u8 = 48;
/// Spread of the ground, in parts of the step from ground to ink: paper in uneven light has up to 0.2, a texture 0.3 and more.
const EVEN: f64 = 0.22;
/// Part of the edge that is ground around a drawing.
const EDGE: f64 = 0.85;

/// A picture's ground and ink.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Look {
    /// Median level of the edge.
    edge: u8,
    lightest: u8,
    darkest: u8,
    /// Ink on an even ground, not a picture that fills its square.
    drawn: bool,
    /// Mean level, of 1.
    ink: f32,
}

/// What is wrong with the ground, and with the amount of ink against that of the base's pictures.
pub fn look(data: &Dataset, base: Option<&Reference>) -> Result<Vec<Warning>> {
    let all: Vec<Look> = parallel::map((0..data.len()).collect(), parallel::default_threads(), |i| {
        Ok(seen(data.image(i), data.size()))
    })?;
    let count = data.len();
    let which = |of: &dyn Fn(&Look) -> bool| -> Vec<usize> { (0..count).filter(|&i| of(&all[i])).collect() };
    let mut found = Vec::new();
    let mut warn = |kind, pictures: usize, stops, text: String| found.push(Warning { kind, pictures, stops, text });
    let many = |pictures: &[usize], few: f64| pictures.len() as f64 > few * count as f64;

    let is_blank = |look: &Look| look.lightest - look.darkest < LEAST_INK;
    let blank = which(&is_blank);
    let emptied = (0..data.class_names().len()).find(|&class| {
        let mut of_class = (0..count).filter(|&i| usize::from(data.label(i)) == class).peekable();
        of_class.peek().is_some() && of_class.all(|i| is_blank(&all[i]))
    });
    if !blank.is_empty() {
        let where_all = emptied.map_or_else(String::new, |class| {
            format!(", and so are all of class {}", crate::messages::shown(&data.class_names()[class]))
        });
        let stops = many(&blank, FEW_BLANK) || emptied.is_some();
        let text = format!(
            "{} are squares of one level without ink{where_all}: {}; remove them, or leave them out with --skip-bad",
            of_all(blank.len(), count),
            named(data, &blank)
        );
        warn("blank", blank.len(), stops, text);
    }
    // On a base of ink every light ground is wrong; of pictures for a base of their own, only one around a drawing.
    let wrong = |look: &Look| !is_blank(look) && (look.drawn || base.is_some());
    let light = which(&|look| wrong(look) && look.edge >= LIGHT);
    if !light.is_empty() {
        let text = format!(
            "{} have a light ground ({}), the network learns light ink on black: --invert takes dark ink for light, --fit mnist finds ink on paper (and --invert=no, if they are inverted already)",
            of_all(light.len(), count),
            named(data, &light)
        );
        warn("light_ground", light.len(), many(&light, FEW), text);
    }
    let paper = which(&|look| wrong(look) && (PAPER..LIGHT).contains(&look.edge));
    if !paper.is_empty() {
        let text = format!(
            "{} have a grey ground, as paper in a photograph ({}): it would be learnt with the ink; --fit mnist finds the ink, or make the ground black",
            of_all(paper.len(), count),
            named(data, &paper)
        );
        warn("grey_paper", paper.len(), many(&paper, FEW), text);
    }
    let dark = which(&|look| wrong(look) && (BLACK + 1..PAPER).contains(&look.edge));
    if !dark.is_empty() {
        let text =
            format!("{} have a ground that is not quite black: {}", of_all(dark.len(), count), named(data, &dark));
        warn("ground", dark.len(), false, text);
    }
    let filled = which(&|look| !is_blank(look) && !wrong(look) && look.edge > PAPER);
    if many(&filled, 0.5) {
        let text = format!(
            "{} fill their square, with no black ground: right for pictures of things, wrong for ink on paper",
            of_all(filled.len(), count)
        );
        warn("filled", filled.len(), false, text);
    }
    if let Some(base) = base {
        let mut ink: Vec<f32> = all.iter().filter(|look| !is_blank(look)).map(|look| look.ink).collect();
        ink.sort_by(f32::total_cmp);
        if let Some(&median) = ink.get(ink.len() / 2)
            && !(base.least_ink..=base.most_ink).contains(&median)
        {
            let percent = |share: f32| (share * 100.0).round();
            let what = if median < base.least_ink { "thin or small" } else { "thick or large" };
            let text = format!(
                "the ink covers {} % of the square, of the base's pictures {} % ({} to {}): the strokes are {what}; --fit mnist brings them to MNIST's size",
                percent(median),
                percent(base.usual_ink),
                percent(base.least_ink),
                percent(base.most_ink)
            );
            warn("ink_share", count, false, text);
        }
    }
    Ok(found)
}

fn seen(image: &[u8], size: usize) -> Look {
    let mut edge: Vec<u8> =
        (0..size).flat_map(|i| [i, size * (size - 1) + i, size * i, size * i + size - 1]).map(|at| image[at]).collect();
    edge.sort_unstable();
    let (darkest, lightest) = image.iter().fold((u8::MAX, 0), |(low, high), &level| (low.min(level), high.max(level)));
    let ink = image.iter().map(|&level| f32::from(level)).sum::<f32>() / (255 * image.len()) as f32;
    Look { edge: edge[edge.len() / 2], lightest, darkest, drawn: is_drawn(image, &edge), ink }
}

/// Whether the levels fall into two groups, of which the larger is even and has the edge. The threshold is Otsu's (IEEE
/// Transactions on Systems, Man, and Cybernetics 9, 1979).
fn is_drawn(image: &[u8], edge: &[u8]) -> bool {
    let mut histogram = [0f64; 256];
    image.iter().for_each(|&level| histogram[usize::from(level)] += 1.0);
    let (count, sum) = (image.len() as f64, image.iter().map(|&level| f64::from(level)).sum::<f64>());
    let (mut below, mut sum_below, mut best, mut threshold) = (0.0, 0.0, 0.0, 0u8);
    for (level, pixels) in (0..=u8::MAX).zip(histogram) {
        below += pixels;
        sum_below += pixels * f64::from(level);
        if below == 0.0 || below == count {
            continue;
        }
        let between = below * (count - below) * (sum_below / below - (sum - sum_below) / (count - below)).powi(2);
        if between > best {
            (best, threshold) = (between, level);
        }
    }
    let (dark, light): (Vec<u8>, Vec<u8>) = image.iter().partition(|&&level| level <= threshold);
    let dark_edge = edge.iter().filter(|&&level| level <= threshold).count();
    let (ground, ink, on_edge) =
        if dark_edge * 2 >= edge.len() { (&dark, &light, dark_edge) } else { (&light, &dark, edge.len() - dark_edge) };
    let mean = |levels: &[u8]| levels.iter().map(|&level| f64::from(level)).sum::<f64>() / levels.len().max(1) as f64;
    let (at, step) = (mean(ground), (mean(ground) - mean(ink)).abs());
    let spread =
        (ground.iter().map(|&level| (f64::from(level) - at).powi(2)).sum::<f64>() / ground.len().max(1) as f64).sqrt();
    !ink.is_empty() && ground.len() >= ink.len() && on_edge as f64 >= EDGE * edge.len() as f64 && spread <= EVEN * step
}
