//! Flags that say where pictures come from and how they are read; for `base`, `lora` and `data`. Tests: in
//! `trainer/tests/runs/files.rs` and `intake.rs`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use diffusion::training::usual_share;
use indicatif::ProgressBar;
use trainer::config::{Choice, Count, DataSettings, FitName, GroundColour};
use trainer::data::check::{self, Decided, Purpose, Warning};
use trainer::data::{Change, Dataset, Opened, SIZE_MULTIPLE};
use trainer::error::BadPicture;
use trainer::messages::{bar, say, shown, warn};

/// Pictures of MNIST that are held out to measure the validation loss on.
const HELD_OUT: usize = 512;
/// Files from which on a bar shows how far their reading is.
const MANY: usize = 100;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// The folder with MNIST (see `trainer data`) [default: data/mnist]
    #[arg(long, value_name = "DIR")]
    mnist: Option<PathBuf>,
    /// Labels of an IDX file given with --data [default: the file beside it whose name says "labels"]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// How pictures of --data get the network's size: auto, none (they must have it), pad (or fit), crop, stretch (or fill), or
    /// mnist (ink on paper is cut out and placed as MNIST's digits are) [default: auto]
    #[arg(long, visible_alias = "resize", value_enum, value_name = "FIT", hide_possible_values = true)]
    fit: Option<FitName>,
    /// Learn in colour, for a new base: a base that exists says itself whether it draws in colour
    #[arg(long, visible_alias = "color")]
    colour: bool,
    /// Behind and around pictures in colour, where they are transparent or padded: white, black, or a colour as #336699 [default:
    /// white behind them, the colour of their own edge around them]
    #[arg(long, value_name = "COLOUR")]
    ground: Option<GroundColour>,
    /// Learn every class as often as every other, however many pictures each has
    #[arg(long)]
    balanced: bool,
    /// Leave out pictures that cannot be used, instead of stopping, and those without ink
    #[arg(long)]
    skip_bad: bool,
    /// The pictures of --data are dark ink on a light or transparent ground, the network learns light ink on black; =no says
    /// that they are not [default: auto, by the pictures that are fitted]
    #[arg(long, value_enum, value_name = "yes|no|auto", num_args = 0..=1, require_equals = true,
          default_missing_value = "yes", hide_possible_values = true)]
    invert: Option<Choice>,
    /// Turn the pictures of --data, whose rows and columns are exchanged: yes, no, or auto for files whose name says EMNIST
    /// [default: auto]
    #[arg(long, value_enum, value_name = "auto|yes|no", hide_possible_values = true)]
    transpose: Option<Choice>,
    /// Learn also what would be learnt wrongly: grey paper, a light ground, black squares, mirrored digits
    #[arg(long)]
    force: bool,
    /// Pictures to measure the validation loss on, 0 for none [default: 512 of MNIST's test set; of other data one in
    /// twenty, of fewer than 1000 one in ten, which is then not trained on]
    #[arg(long, value_name = "N")]
    hold_out: Option<usize>,
}

/// Pictures, and some of them that are held out to measure the validation loss on.
pub type Split = (Dataset, Option<Dataset>);

/// Reads pictures as settings say.
#[derive(Debug, Clone)]
pub struct Reader(pub DataSettings);

/// Pictures as they are learnt, and what is to be known of them.
#[derive(Debug)]
pub struct Read {
    pub data: Dataset,
    pub skipped: Vec<BadPicture>,
    pub notes: Vec<String>,
    pub changes: Vec<Change>,
    pub warnings: Vec<Warning>,
}

impl DataArgs {
    /// Reads as the flags say.
    pub fn reader(&self) -> Reader {
        Reader(self.settings(DataSettings::default()))
    }

    /// What the flags say, over the settings of a configuration.
    pub fn settings(&self, from: DataSettings) -> DataSettings {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        DataSettings {
            mnist: self.mnist.clone().unwrap_or(from.mnist),
            labels: self.labels.as_ref().map(path).unwrap_or(from.labels),
            fit: self.fit.unwrap_or(from.fit),
            invert: self.invert.unwrap_or(from.invert),
            colour: self.colour || from.colour,
            ground: self.ground.unwrap_or(from.ground),
            transpose: self.transpose.unwrap_or(from.transpose),
            balanced: self.balanced || from.balanced,
            skip_bad: self.skip_bad || from.skip_bad,
            force: self.force || from.force,
            hold_out: self.hold_out.map_or(from.hold_out, Count::Of),
            ..from
        }
    }
}

impl Reader {
    /// Checks the settings that can be checked without data. `sources` is the number of `--data`.
    pub fn check(&self, sources: usize) -> anyhow::Result<()> {
        if !self.0.labels.is_empty() && sources != 1 {
            anyhow::bail!(
                "--labels {} goes with one IDX file, not with {sources} --data; train them one by one",
                self.0.labels
            );
        }
        if let Count::Of(size) = self.0.image_size
            && (size == 0 || !size.is_multiple_of(SIZE_MULTIPLE))
        {
            anyhow::bail!("--image-size {size} must be a multiple of {SIZE_MULTIPLE}, as 28 or 32");
        }
        Ok(())
    }

    /// The pictures of a folder, an archive, an IDX file or a table, as they are learnt.
    pub fn read(&self, path: &Path, purpose: Purpose<'_>) -> anyhow::Result<Read> {
        if let (Some(size), Count::Of(asked)) = (purpose.size(), self.0.image_size)
            && size != asked
        {
            anyhow::bail!("--image-size {asked} is for a new base: this one draws {size}x{size}");
        }
        let mut options = self.0.options(purpose.size().or(self.0.image_size.number()));
        options.progress = progress;
        options.colour = self.channels(purpose)? == 3;
        if options.colour && self.0.fit == FitName::Mnist {
            anyhow::bail!("--fit mnist finds ink, which is grey: a base in colour takes --fit pad, crop or stretch");
        }
        if options.colour && self.0.invert == Choice::Yes {
            anyhow::bail!(
                "--invert makes dark ink light for a grey base: this one draws in colour, as the pictures are"
            );
        }
        if !options.colour && options.ground.is_some() {
            anyhow::bail!("--ground is for pictures in colour: give --colour, too, or leave it out");
        }
        let opened = Dataset::open(path, &options);
        progress(0, 0);
        let Opened { mut data, skipped, notes, changes } = opened?;
        match purpose {
            Purpose::Known(info) => {
                data = data.with_classes(&info.labels)?;
                data.must_fit(info)?;
            }
            Purpose::Base => {
                if let Some(size) = options.size
                    && size != data.size()
                {
                    anyhow::bail!("--image-size {size} with --fit none, but the pictures are {0}x{0}", data.size());
                }
            }
        }
        let decided = Decided { turned: self.0.transpose != Choice::Auto };
        let warnings = check::warnings(&data, purpose, decided)?;
        Ok(Read { data, skipped, notes, changes, warnings })
    }

    /// 1 for a base that draws in grey, 3 for one in colour.
    pub fn channels(&self, purpose: Purpose<'_>) -> anyhow::Result<usize> {
        match purpose.channels() {
            Some(1) if self.0.colour => anyhow::bail!("--colour is for a new base: this one draws in grey"),
            Some(channels) => Ok(channels),
            None => Ok(if self.0.colour { 3 } else { 1 }),
        }
    }

    /// MNIST's training digits, and some of its test set to measure the validation loss on.
    pub fn mnist(&self) -> anyhow::Result<Split> {
        let DataSettings { labels, fit, invert, transpose, mnist, .. } = &self.0;
        if !labels.is_empty() {
            anyhow::bail!("--labels {labels} goes with an IDX file, which --data names: MNIST has its own");
        }
        if *invert == Choice::Yes {
            anyhow::bail!("--invert is for pictures of your own (--data PATH): MNIST's ink is light on black");
        }
        if *transpose == Choice::Yes {
            anyhow::bail!("--transpose is for pictures of your own (--data PATH): MNIST's are upright");
        }
        let sized = |data: Dataset| match self.0.image_size.number() {
            Some(size) if size != data.size() => data.fitted(&self.0.options(Some(size))),
            None | Some(_) if matches!(fit, FitName::Auto | FitName::None) => Ok(data),
            None | Some(_) => {
                let size = data.size();
                data.fitted(&self.0.options(Some(size)))
            }
        };
        let train = sized(Dataset::mnist_train(mnist)?)?;
        let train = if self.0.balanced { train.balanced() } else { train };
        let held_out = match self.0.hold_out.number().unwrap_or(HELD_OUT) {
            0 => None,
            count => {
                let test = Dataset::mnist_test(mnist)?;
                Some(sized(if count == test.len() { test } else { test.split(count, 0)?.1 })?)
            }
        };
        Ok((train, held_out))
    }

    /// The user's own pictures, and some of them held out to measure the validation loss on. Says what was done to them, and
    /// stops where something would be learnt wrongly.
    pub fn own(&self, path: &Path, purpose: Purpose<'_>) -> anyhow::Result<Split> {
        let read = self.read(path, purpose)?;
        read.tell();
        self.stop(path, &read)?;
        self.split(read.data)
    }

    /// An error, where something would be learnt wrongly.
    pub fn stop(&self, path: &Path, read: &Read) -> anyhow::Result<()> {
        let reasons: Vec<&str> = read.stopping().map(|warning| warning.text.as_str()).collect();
        if reasons.is_empty() || self.0.force {
            return Ok(());
        }
        anyhow::bail!(
            "the pictures in {} would be learnt wrongly: {}. `trainer data --data` shows them, --force learns them all the same",
            shown(path.display()),
            reasons.join("; and ")
        )
    }

    /// The pictures to learn from, and those that are held out.
    pub fn split(&self, data: Dataset) -> anyhow::Result<Split> {
        let turns = |train: Dataset| if self.0.balanced { train.balanced() } else { train };
        match self.held_out(&data) {
            0 => Ok((turns(data), None)),
            count => {
                let (train, held_out) =
                    if self.0.hold_out_evenly { data.split_evenly(count, 0)? } else { data.split(count, 0)? };
                Ok((turns(train), Some(held_out)))
            }
        }
    }

    /// How many pictures are held out.
    pub fn held_out(&self, data: &Dataset) -> usize {
        self.0.hold_out.number().unwrap_or_else(|| usual_share(data.labels(), self.0.hold_out_evenly))
    }
}

impl Read {
    /// What would be learnt wrongly.
    pub fn stopping(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.stops)
    }

    /// Says what was done to the pictures, and warns.
    pub fn tell(&self) {
        for picture in &self.skipped {
            say!("left out: {picture}");
        }
        if !self.skipped.is_empty() {
            say!("{} pictures left out, {} used", self.skipped.len(), self.data.len());
        }
        for note in self.notes.iter().chain(self.changes.iter().map(|change| &change.text)) {
            say!("{note}");
        }
        for warning in &self.warnings {
            warn!("{}", warning.text);
        }
    }
}

/// A bar while many files are read; ends it with a total of 0.
fn progress(done: usize, total: usize) {
    static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);
    let mut shown = BAR.lock().unwrap_or_else(PoisonError::into_inner);
    if total >= MANY {
        shown.get_or_insert_with(|| bar(total as u64)).set_position(done as u64);
    } else if total == 0
        && let Some(bar) = shown.take()
    {
        bar.finish_and_clear();
    }
}
