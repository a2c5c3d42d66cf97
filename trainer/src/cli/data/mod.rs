//! `trainer data`: fetches MNIST and draws a sheet of it; with `--data`, shows what would be learnt from pictures (`own.rs`).
//! Tests: of fetching, in `data/fetch.rs`; of pictures, in `trainer/tests/runs/intake.rs`.

mod own;

use std::path::PathBuf;
use std::process::ExitCode;

use trainer::config::DataSettings;
use trainer::data::{DEFAULT_DIR, Dataset, LICENCE_NOTE, Source, default_sources, fetch_mnist};
use trainer::messages::{emit, say, shown};
use trainer::picture::Grid;
use trainer::styles::{STYLES, Style};

use super::data_args::DataArgs;

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
    /// Show this style on the sheet; "all" shows every style
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

    let styles: Vec<Option<&Style>> = match args.style.as_deref() {
        None => vec![None],
        Some("all") => std::iter::once(None).chain(STYLES.iter().map(Some)).collect(),
        Some(name) => vec![Some(Style::named(name)?)],
    };
    let per_class = if styles.len() > 1 { 1 } else { 10 };
    let chosen = train.first_of_each_class(per_class);
    let mut tiles = Vec::new();
    for style in &styles {
        for row in 0..per_class {
            for &i in chosen.iter().skip(row).step_by(per_class) {
                let image = train.image(i);
                tiles.push(match style {
                    Some(style) => style.apply(image, train.size(), train.label(i), i as u64),
                    None => image.to_vec(),
                });
            }
        }
    }
    let mut grid = Grid::new(train.size(), train.class_names().len());
    if styles.len() > 1 {
        grid = grid.row_labels(styles.iter().map(|style| style.map_or("mnist", |style| style.name)));
    }
    grid.draw(&tiles).save_png(&args.sheet)?;
    say!("a sheet of samples: {}", shown(args.sheet.display()));
    emit(serde_json::json!({
        "mnist": dir, "train": train.len(), "test": test.len(), "sheet": args.sheet,
    }))?;
    Ok(ExitCode::SUCCESS)
}
