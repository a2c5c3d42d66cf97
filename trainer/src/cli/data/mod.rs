//! `trainer data`: fetches MNIST and draws a sheet of it; with `--data`, shows what would be learnt from pictures (`own.rs`).
//! Tests: of fetching, in `data/fetch.rs`; of pictures, in `trainer/tests/runs/intake.rs`.

mod own;

use std::path::PathBuf;
use std::process::ExitCode;

use trainer::config::DataSettings;
use trainer::data::{DEFAULT_DIR, Dataset, LICENCE_NOTE, Source, default_sources, fetch_mnist};
use trainer::messages::{emit, say, shown};
use trainer::picture::Grid;
use trainer::styles::{MEDIA, Medium, STYLES, Style};

use super::data_args::DataArgs;

/// Side of the digits in a medium.
const MEDIUM_SIDE: usize = 64;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    own: own::OwnArgs,
    /// Where the four files of MNIST are kept [default: data/mnist]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Take the files from this folder instead of fetching them
    #[arg(long)]
    from: Option<PathBuf>,
    /// Show this style or medium (ink, chalk, neon, blueprint, watercolour) on the sheet; "all" shows every style, "media" every medium
    #[arg(long)]
    style: Option<String>,
    /// Where the sheet of samples is written (.png)
    #[arg(long, default_value = "data/sheet.png")]
    sheet: PathBuf,
    #[command(flatten)]
    source: DataArgs,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.sheet.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("png")) {
        anyhow::bail!("--sheet {} must be a .png file", args.sheet.display());
    }
    if let Some(path) = &args.own.data {
        return own::run(&args.own, &args.source, path, &args.sheet);
    }
    if args.source.settings(DataSettings::default()) != DataSettings::default() {
        anyhow::bail!("flags about how pictures are read go with --data PATH; without it, MNIST is fetched and shown");
    }
    let dir = args.dir.unwrap_or_else(|| DEFAULT_DIR.into());
    let sources = match &args.from {
        Some(folder) => vec![Source::Folder(folder.clone())],
        None => default_sources(),
    };
    fetch_mnist(&dir, &sources, &mut |message| say!("{message}"))?;
    let (train, test) = (Dataset::mnist_train(&dir)?, Dataset::mnist_test(&dir)?);
    say!("MNIST: {} pictures to train on, {} to test on, in {}", train.len(), test.len(), shown(dir.display()));

    say!("{LICENCE_NOTE}");

    let looks = looks(args.style.as_deref())?;
    let per_class = if looks.len() > 1 { 1 } else { 10 };
    let chosen = train.first_of_each_class(per_class);
    let mut tiles = Vec::new();
    for look in &looks {
        for row in 0..per_class {
            for &i in chosen.iter().skip(row).step_by(per_class) {
                let (image, size) = (train.image(i), train.size());
                tiles.push(match look {
                    Look::Plain => image.to_vec(),
                    Look::Style(style) => style.apply(image, size, train.label(i), i as u64),
                    Look::Medium(medium) => medium.apply(image, size, MEDIUM_SIDE, i as u64),
                });
            }
        }
    }
    let large = matches!(looks[..], [Look::Medium(_), ..]);
    let mut grid = Grid::new(if large { MEDIUM_SIDE } else { train.size() }, train.class_names().len());
    if looks.len() > 1 {
        grid = grid.row_labels(looks.iter().map(Look::name));
    }
    grid.draw(&tiles).save_png(&args.sheet)?;
    say!("a sheet of samples: {}", shown(args.sheet.display()));
    emit(serde_json::json!({
        "mnist": dir, "train": train.len(), "test": test.len(), "sheet": args.sheet,
    }))?;
    Ok(ExitCode::SUCCESS)
}

/// What digits are shown as.
enum Look {
    Plain,
    Style(&'static Style),
    Medium(&'static Medium),
}

impl Look {
    fn name(&self) -> &'static str {
        match self {
            Self::Plain => "mnist",
            Self::Style(style) => style.name,
            Self::Medium(medium) => medium.name,
        }
    }
}

/// All that a name stands for, of one size.
fn looks(name: Option<&str>) -> anyhow::Result<Vec<Look>> {
    Ok(match name {
        None => vec![Look::Plain],
        Some("all") => std::iter::once(Look::Plain).chain(STYLES.iter().map(Look::Style)).collect(),
        Some("media") => MEDIA.iter().map(Look::Medium).collect(),
        Some(name) => match Medium::named(name) {
            Ok(medium) => vec![Look::Medium(medium)],
            Err(_) => vec![Look::Style(Style::named(name)?)],
        },
    })
}
