//! Measuring against pictures of one's own: a judge trained on them, the scores of real and generated pictures, and the sheet
//! that shows copies. Tests: of the measures, in `eval/`; whole, in `trainer/tests/runs/own.rs`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use diffusion::config::ModelInfo;
use diffusion::{Model, Request};
use trainer::classifier::{Classifier, ClassifierConfig, FEATURES};
use trainer::data::Dataset;
use trainer::data::check::Purpose;
use trainer::eval::{
    Accuracy, Copies, Data, Drawn, Floor, Gaussian, Judge, Manifold, NEIGHBOURS, Near, Originals, Row, SHOWN,
    Surroundings, factor, frechet_distance, manifold,
};
use trainer::messages::say;
use trainer::picture::{Canvas, Grid};

use super::args::{Args, Measure};
use super::bench::MANIFOLD_IMAGES;
use super::drawing::drawn;
use super::own_judge::{judge, trained};

/// Most pictures that are held out from the judge.
const MOST_HELD_OUT: usize = 5000;
/// Fewest held-out pictures with which generated ones are compared; where there are fewer, all are taken.
const FEWEST_TO_COMPARE: usize = 100;
/// Pictures on each half of the sheet of copies.
const SHEET_ROWS: usize = 12;

/// Real pictures and their judge, made once.
pub struct Own<'a> {
    args: &'a Args,
    path: PathBuf,
    device: Device,
    /// All of them.
    all: Dataset,
    /// Those that the judge learnt from, at the size at which it reads.
    train: Dataset,
    /// Those it did not.
    held_out: Option<Dataset>,
    /// What generated pictures are compared with.
    features: Vec<Vec<f32>>,
    reference: Dataset,
    judge: Judge,
    /// Whether there are classes to be read.
    reads: bool,
    originals: Option<Originals>,
    /// A sentence about the judge.
    pub sentence: String,
    /// What real pictures reach.
    pub floor: Floor,
    /// Sentences that help to read the tables.
    pub notes: Vec<String>,
    /// The data, in numbers.
    pub data: Data,
}

impl<'a> Own<'a> {
    /// Reads the pictures in `path`, which must be of the base's size and classes, and trains their judge if it is new.
    pub fn new(args: &'a Args, path: &Path, info: &ModelInfo) -> anyhow::Result<Self> {
        let device = args.device.open()?;
        let read = args.data_args.reader().read(path, Purpose::Known(info))?;
        read.tell();
        let all = read.data;
        let classes = all.classes_with_pictures().len();
        let data = Data { path: path.display().to_string(), sha256: all.sha256(), images: all.len(), classes };
        let reads = classes > 1;
        let wanted = (all.len() / 10).max((all.len() / 5).min(FEWEST_TO_COMPARE)).min(MOST_HELD_OUT);
        let view = all.shrunk(factor(all.size()));
        let (train, held_out) = match wanted.min(all.most_held_out()) {
            0 => (view, None),
            count => view.split(count, 0).map(|(train, held_out)| (train, Some(held_out)))?,
        };
        let mut notes = Vec::new();
        let (judge, sentence) = match reads {
            true => judge(args, &device, &train, held_out.as_ref(), &data, &mut notes)?,
            false => (
                Judge::plain(Classifier::untrained([train.channels(), train.size()], 0, &device)?),
                "no judge: one class has nothing to be read; distances are in the features of an untrained network"
                    .into(),
            ),
        };
        let card = judge.classifier().card();
        let floor = Floor {
            reference: "own".into(),
            images: train.len(),
            accuracy: card.test_accuracy,
            style_accuracy: None,
            frechet: None,
            manifold: None,
            judged: Vec::new(),
            transfer: None,
            copies: None,
        };
        let (held, device) = (held_out.as_ref(), device.clone());
        let reference = match held.filter(|held| held.len() >= FEWEST_TO_COMPARE) {
            Some(held) => held.clone(),
            None => all.shrunk(factor(all.size())),
        };
        let path = path.to_owned();
        let (features, originals) = (Vec::new(), None);
        let mut own = Self {
            args,
            path,
            device,
            all,
            train,
            held_out,
            features,
            reference,
            judge,
            reads,
            originals,
            sentence,
            floor,
            notes,
            data,
        };
        own.measure_real()?;
        Ok(own)
    }

    fn wants(&self, measure: Measure) -> bool {
        self.args.measures.contains(&measure)
    }

    /// Whether the reference is what was held out: only then real pictures can be compared with it.
    fn compares_held_out(&self) -> bool {
        self.held_out.as_ref().is_some_and(|held| held.len() >= FEWEST_TO_COMPARE)
    }

    /// What real pictures reach.
    fn measure_real(&mut self) -> anyhow::Result<()> {
        if self.wants(Measure::Frechet) || self.wants(Measure::Manifold) {
            self.features = self.judge.features(&self.reference)?;
            if self.compares_held_out() {
                let chosen = self.train.pick(&self.train.in_turns(self.args.count));
                self.floor.images = chosen.len();
                (self.floor.frechet, self.floor.manifold, _) = self.distances(&chosen)?;
            } else {
                self.notes.push(format!(
                    "There are too few pictures to hold out {FEWEST_TO_COMPARE}: distances are from all of them, and what real pictures would reach is not known."
                ));
            }
            let fewest = self.reference.len().min(self.args.count);
            if self.wants(Measure::Frechet) && fewest < 2 * FEATURES {
                self.notes.push(format!(
                    "Fréchet distances of {fewest} pictures are inexact and too large: compare them only with those of as many."
                ));
            }
        }
        if self.wants(Measure::Transfer) && self.reads && self.held_out.is_some() {
            let chosen = self.train.pick(&self.train.in_turns(self.args.count));
            self.floor.transfer = self.transfer("as many real pictures", &chosen)?;
        }
        if self.wants(Measure::Copies) {
            let originals = Originals::new(&self.all);
            say!("comparing {} training pictures with each other", self.args.count.min(originals.len()));
            self.floor.copies = Some(Copies::of(&originals.left_out(self.args.count)?));
            let twins = self.all.len() - originals.len();
            if twins > 0 {
                self.notes.push(format!(
                    "{twins} of the {} pictures are there more than once; they count once.",
                    self.all.len()
                ));
            }
            self.originals = Some(originals);
        }
        Ok(())
    }

    /// Draws with one setting and measures. `number`: of the row, which names its sheet.
    pub fn row(&self, model_name: &str, model: &Model, request: &Request, number: usize) -> anyhow::Result<Row> {
        let start = Instant::now();
        let info = &model.base().info;
        let drawn = drawn(self.args, model_name, model, request, &self.all.classes_with_pictures())?;
        let seconds = start.elapsed().as_secs_f64();
        let view = drawn.shrunk(factor(info.image_size));
        let accuracy = match self.reads && self.wants(Measure::Accuracy) {
            true => {
                let readings = self.judge.read(&view)?;
                let rows: Vec<&[f32]> = readings.iter().map(|reading| &reading.digits[..]).collect();
                Some(Accuracy::new(self.judge.digits(), drawn.labels(), &rows)?)
            }
            false => None,
        };
        let (frechet, manifold, manifold_images) = self.distances(&view)?;
        let transfer = match self.wants(Measure::Transfer) {
            true => self.transfer("the generated pictures", &view)?,
            false => None,
        };
        let (copies, nearest) = match &self.originals {
            Some(originals) => {
                let around = originals.around(&drawn)?;
                (Some(Copies::of(&around)), self.sheet(&drawn, &around, number)?)
            }
            None => (None, Vec::new()),
        };
        Ok(Row {
            accuracy,
            frechet,
            manifold,
            manifold_images,
            transfer,
            copies,
            nearest,
            seconds,
            ..Row::new(model_name, "own", request, self.args.seed, drawn.len())
        })
    }

    /// Fréchet distance of `data` from the reference; precision and so on; and the number of pictures of each side in those.
    fn distances(&self, data: &Dataset) -> anyhow::Result<(Option<f64>, Option<Manifold>, usize)> {
        if self.features.is_empty() {
            return Ok((None, None, 0));
        }
        let features = self.judge.features(data)?;
        let frechet = match self.wants(Measure::Frechet) && features.len().min(self.features.len()) > 1 {
            true => Some(frechet_distance(&Gaussian::of(&features)?, &Gaussian::of(&self.features)?)),
            false => None,
        };
        let count = data.len().min(self.reference.len()).min(MANIFOLD_IMAGES);
        if !self.wants(Measure::Manifold) || count <= NEIGHBOURS {
            return Ok((frechet, None, 0));
        }
        let chosen = |data: &Dataset, features: &[Vec<f32>]| -> Vec<Vec<f32>> {
            data.in_turns(count).into_iter().map(|i| features[i].clone()).collect()
        };
        let (real, other) = (chosen(&self.reference, &self.features), chosen(data, &features));
        Ok((frechet, Some(manifold(&real, &other, NEIGHBOURS)?), count))
    }

    /// Trains on pictures, generated or real, and tests on those held out from the judge.
    fn transfer(&self, title: &str, pictures: &Dataset) -> anyhow::Result<Option<f64>> {
        let Some(held_out) = self.held_out.as_ref().filter(|_| self.reads) else { return Ok(None) };
        let config = ClassifierConfig::for_own(pictures, self.args.judge_epochs);
        let mut classifier = trained(&format!("training on {title}"), &config, pictures, &self.device)?;
        Ok(Some(classifier.test(held_out)?))
    }

    /// Writes the sheet of a row: drawn pictures, each with the training pictures nearest to it. On the left those that are most
    /// like copies, on the right the first that were drawn.
    fn sheet(&self, drawn: &Dataset, around: &[Surroundings], number: usize) -> anyhow::Result<Vec<Drawn>> {
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        order.sort_by(|&a, &b| around[a].ratio().total_cmp(&around[b].ratio()).then(a.cmp(&b)));
        let rows = SHEET_ROWS.min(drawn.len());
        let (left, right) = (&order[..rows], (0..rows).collect::<Vec<_>>());
        let black = vec![0; drawn.size() * drawn.size()];
        let mut tiles: Vec<&[u8]> = Vec::new();
        for (&left, &right) in left.iter().zip(&right) {
            for i in [left, right] {
                tiles.push(drawn.image(i));
                let nearest = around[i].nearest.iter().map(|near| self.all.image(near.index));
                tiles.extend(nearest.chain(std::iter::repeat(&black[..])).take(SHOWN));
            }
        }
        let scale = (84 / drawn.size()).clamp(1, 3);
        let columns = ["drawn", "1", "2", "3"].repeat(2);
        let grid = Grid::new(drawn.size(), columns.len()).scale(scale).gutter(4).column_labels(columns);
        let sheet: Canvas = grid.row_labels((1..=rows).map(|row| row.to_string())).draw(&tiles);
        sheet.save_png(&self.args.out.join(format!("neighbours-{number}.png")))?;
        let told = |&i: &usize| Drawn {
            class: drawn.class_names()[usize::from(drawn.label(i))].clone(),
            seed: self.args.seed.wrapping_add(i as u64),
            nearest: around[i]
                .nearest
                .iter()
                .map(|&near| Near { name: self.name(near.index), neighbour: near })
                .collect(),
            reach: around[i].reach,
        };
        Ok(left.iter().chain(&right).map(told).collect())
    }

    /// A picture's file within the folder, or its position in the one file.
    fn name(&self, index: usize) -> String {
        let Some(name) = self.all.name(index) else { return format!("picture {index}") };
        Path::new(name).strip_prefix(&self.path).map_or_else(|_| name.to_owned(), |path| path.display().to_string())
    }
}
