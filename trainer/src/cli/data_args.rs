//! Flags of `base` and `lora` that say where pictures come from. Tests: in `trainer/tests/runs/files.rs`.

use std::path::{Path, PathBuf};

use trainer::data::{BadPictures, DEFAULT_DIR, Dataset, Opened, ReadOptions, Transpose};
use trainer::messages::say;

/// Most pictures that are held out to measure the validation loss on.
const HELD_OUT: usize = 512;

#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// The folder with MNIST (see `trainer data`)
    #[arg(long, default_value = DEFAULT_DIR)]
    pub mnist: PathBuf,
    /// Labels of an IDX file given with --data [default: the file beside it whose name says "labels"]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Leave out pictures that cannot be used, instead of stopping, and those without ink
    #[arg(long)]
    skip_bad: bool,
    /// The pictures of --data are dark ink on a light or transparent ground; the network learns light ink on black
    #[arg(long)]
    invert: bool,
    /// Turn the pictures of --data, whose rows and columns are exchanged: yes, no, or auto for files whose name says EMNIST
    #[arg(long, value_enum, default_value_t, value_name = "auto|yes|no", hide_possible_values = true)]
    transpose: Turn,
    /// Pictures to measure the validation loss on, 0 for none [default: 512 of MNIST's test set; of other data one in
    /// twenty, which is then not trained on]
    #[arg(long, value_name = "N")]
    hold_out: Option<usize>,
}

/// The value of `--transpose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Turn {
    #[default]
    Auto,
    Yes,
    No,
}

impl DataArgs {
    /// Checks the flags that can be checked without data. `sources` is the number of `--data`.
    pub fn check(&self, sources: usize) -> anyhow::Result<()> {
        match &self.labels {
            Some(labels) if sources != 1 => anyhow::bail!(
                "--labels {} goes with one IDX file, not with {sources} --data; train them one by one",
                labels.display()
            ),
            _ => Ok(()),
        }
    }

    /// A folder `<class name>/*.png`, an IDX file of pictures or a table.
    pub fn open(&self, path: &Path) -> anyhow::Result<Dataset> {
        let options = ReadOptions {
            bad: if self.skip_bad { BadPictures::Skip } else { BadPictures::Refuse },
            dark_ink: self.invert,
            transpose: match self.transpose {
                Turn::Auto => Transpose::Auto,
                Turn::Yes => Transpose::Yes,
                Turn::No => Transpose::No,
            },
            labels: self.labels.clone(),
        };
        let Opened { data, skipped, notes } = Dataset::open(path, &options)?;
        for picture in &skipped {
            say!("left out: {picture}");
        }
        if !skipped.is_empty() {
            say!("{} pictures left out, {} used", skipped.len(), data.len());
        }
        for note in &notes {
            say!("{note}");
        }
        if data.has_light_ground() {
            let (inverted, what) = if self.invert {
                (" inverted", "leave out --invert, if their ink is light already")
            } else {
                ("", "give --invert, if they are ink on paper")
            };
            say!("the pictures in {}{inverted} have a light ground, MNIST's a black one: {what}", path.display());
        }
        Ok(data)
    }

    /// MNIST's training digits, and some of its test set to measure the validation loss on.
    pub fn mnist(&self) -> anyhow::Result<(Dataset, Option<Dataset>)> {
        if let Some(labels) = &self.labels {
            anyhow::bail!("--labels {} goes with an IDX file, which --data names: MNIST has its own", labels.display());
        }
        if self.invert {
            anyhow::bail!("--invert is for pictures of your own (--data PATH): MNIST's ink is light on black");
        }
        if self.transpose == Turn::Yes {
            anyhow::bail!("--transpose is for pictures of your own (--data PATH): MNIST's are upright");
        }
        let train = Dataset::mnist_train(&self.mnist)?;
        let held_out = match self.hold_out.unwrap_or(HELD_OUT) {
            0 => None,
            count => {
                let test = Dataset::mnist_test(&self.mnist)?;
                Some(if count == test.len() { test } else { test.split(count, 0)?.1 })
            }
        };
        Ok((train, held_out))
    }

    /// The user's own pictures (see [`open`](Self::open)), and some of them held out to measure the validation loss on.
    pub fn own(&self, path: &Path) -> anyhow::Result<(Dataset, Option<Dataset>)> {
        let data = self.open(path)?;
        match self.hold_out.unwrap_or((data.len() / 20).min(HELD_OUT).min(data.most_held_out())) {
            0 => Ok((data, None)),
            count => Ok(data.split(count, 0).map(|(train, held_out)| (train, Some(held_out)))?),
        }
    }
}
