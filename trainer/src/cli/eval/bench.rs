//! Measuring against MNIST: real pictures, the judges that read them, and the scores of real and generated pictures. Those of a base that
//! draws MNIST larger and in colour, behind an autoencoder, are looked at small: in colour by the judge of media, by those of digits as
//! light strokes on black. Tests: of the measures, in `eval/`.

use std::borrow::Cow;

use std::time::Instant;

use burn::tensor::Device;
use diffusion::{Model, Request};
use trainer::classifier::{Classifier, ClassifierConfig, Design};
use trainer::data::Dataset;
use trainer::eval::{
    Accuracy, Floor, Gaussian, Judge, Manifold, NEIGHBOURS, Row, Scores, Worst, frechet_distance, manifold, small,
    train_on_media, train_on_styles,
};
use trainer::messages::{say, shown};

use super::args::{Args, Measure};
use super::drawing::drawn;
use super::look::{Canvas, Look, as_strokes, real};
use super::own_judge::{trained, training};
use crate::cli::behind::HELD_OUT_INK;

/// Most pictures of each side for precision and recall: their work grows with the square.
pub const MANIFOLD_IMAGES: usize = 5000;

/// Judges and real pictures, each made once.
pub struct Bench<'a> {
    args: &'a Args,
    device: Device,
    train: Dataset,
    test: Dataset,
    judges: Vec<Known>,
    references: Vec<Reference>,
    /// Where the base draws larger and in colour.
    canvas: Option<Canvas>,
}

/// A judge that is read or trained.
struct Known {
    name: &'static str,
    judge: Judge,
    /// What there is to say about it.
    sentence: String,
}

/// Name of the judge that reads digits and styles, and of the one that reads digits and media.
const STYLES: &str = "styles";
const OF_MEDIA: &str = "media";
/// A judge of digits alone.
const PLAIN: &str = "plain";
/// Real digits that the judge of media learns from, in each of them.
const IN_MEDIA: usize = 24_000;

/// Real pictures, plain or in a style.
struct Reference {
    style: Option<&'static str>,
    /// Those that read digits.
    panel: Vec<Member>,
    /// Index of the judge that reads styles, where they are compared.
    style_judge: Option<usize>,
    test: Dataset,
    floor: Floor,
    /// The same by the base's autoencoder, where it has one.
    through: Option<Floor>,
}

/// A judge, and what it says of the real pictures.
struct Member {
    /// Index of the judge.
    judge: usize,
    test_features: Vec<Vec<f32>>,
    floor: Scores,
}

impl<'a> Bench<'a> {
    /// Reads MNIST, for a base that draws it as it is, or on a `canvas`.
    pub fn new(args: &'a Args, canvas: Option<Canvas>) -> anyhow::Result<Self> {
        let mnist = args.data_args.reader().0.mnist;
        Ok(Self {
            args,
            device: args.device.open()?,
            train: Dataset::mnist_train(&mnist)?,
            test: Dataset::mnist_test(&mnist)?,
            judges: Vec::new(),
            references: Vec::new(),
            canvas,
        })
    }

    /// A sentence about each judge so far.
    pub fn judges(&self) -> Vec<String> {
        self.judges.iter().map(|known| known.sentence.clone()).collect()
    }

    /// What real pictures reach, for each reference so far.
    pub fn floors(&self) -> Vec<Floor> {
        let both = |reference: &Reference| [Some(reference.floor.clone()), reference.through.clone()];
        self.references.iter().flat_map(both).flatten().collect()
    }

    fn wants(&self, measure: Measure) -> bool {
        self.args.measures.contains(&measure)
    }

    /// What a judge sees of pictures.
    fn seen<'d>(&self, judge: &str, data: &'d Dataset) -> anyhow::Result<Cow<'d, Dataset>> {
        if judge == OF_MEDIA { Ok(Cow::Borrowed(data)) } else { as_strokes(data) }
    }

    /// Index of the real pictures with this look, which are made at the first call.
    pub fn reference(&mut self, look: Look) -> anyhow::Result<usize> {
        let name = look.name();
        if let Some(index) = self.references.iter().position(|reference| reference.style == name) {
            return Ok(index);
        }
        let (own, of_styles) = (look.is_own(), if self.canvas.is_some() { OF_MEDIA } else { STYLES });
        let judges = if own { self.panel()? } else { vec![self.judge(of_styles, None)?] };
        let per_class = (self.args.count / self.train.class_names().len()).max(1);
        let originals = self.train.pick(&self.train.first_of_each_class(per_class));
        let made = |data: &Dataset, first, through| real(data, look, first, self.canvas.as_ref(), through);
        let (train, test) = (made(&originals, 0, false)?, made(&self.test, HELD_OUT_INK, false)?);
        let through = match self.canvas {
            Some(_) => Some((made(&originals, 0, true)?, made(&self.test, HELD_OUT_INK, true)?)),
            None => None,
        };
        // Of the base, too: whether its pictures are taken for some style.
        let style_judge = match own {
            false => judges.first().copied(),
            true if self.compares() => Some(self.judge(of_styles, None)?),
            true => None,
        };
        let style_accuracy = match style_judge {
            Some(judge) => Some(self.judges[judge].judge.test(&test, name)?.1),
            None => None,
        };
        let of_style = name.filter(|_| !own);
        let mut panel = Vec::new();
        for judge in judges {
            let Known { name: judge_name, judge: reader, .. } = &self.judges[judge];
            let seen = self.seen(judge_name, &test)?;
            let test_features = match self.wants(Measure::Frechet) || self.wants(Measure::Manifold) {
                true => reader.features(&seen)?,
                false => Vec::new(),
            };
            let floor = Scores { judge: (*judge_name).to_owned(), read: 0.0, frechet: None, manifold: None };
            let mut member = Member { judge, test_features, floor };
            member.floor = self.scores(&member, of_style, (&test, &test, &train))?;
            panel.push(member);
        }
        let reference_name = name.unwrap_or("plain");
        let mut floor = floor_of(reference_name.to_owned(), train.len(), panel.iter().map(|one| one.floor.clone()));
        floor.style_accuracy = style_accuracy;
        let through = match &through {
            Some((train, tested)) => {
                let scores = panel.iter().map(|member| self.scores(member, of_style, (tested, &test, train)));
                let scores = scores.collect::<anyhow::Result<Vec<_>>>()?;
                Some(floor_of(format!("{reference_name}, by the autoencoder"), train.len(), scores.into_iter()))
            }
            None => None,
        };
        if self.wants(Measure::Transfer) {
            let of = |data| self.seen(PLAIN, data);
            floor.transfer = Some(self.transfer("as many real pictures", &*of(&train)?, &*of(&test)?)?);
        }
        self.references.push(Reference { style: name, panel, style_judge, test, floor, through });
        Ok(self.references.len() - 1)
    }

    /// Whether some row is of an adapter whose style or medium is known.
    fn compares(&self) -> bool {
        if self.canvas.is_some() { self.args.compares_media() } else { self.args.compares_styles() }
    }

    /// What a judge says of real pictures: how many of `tested` are read right, and how far `train` is from `test`.
    fn scores(
        &self,
        member: &Member,
        style: Option<&str>,
        (tested, test, train): (&Dataset, &Dataset, &Dataset),
    ) -> anyhow::Result<Scores> {
        let Known { name, judge, .. } = &self.judges[member.judge];
        let read = judge.test(&*self.seen(name, tested)?, style)?.0;
        let (frechet, manifold, _) = self.distances(member, test, train)?;
        Ok(Scores { judge: (*name).to_owned(), read, frechet, manifold })
    }

    /// Draws with one setting and measures. `styled`: whether the pictures should all be read as in the reference's style.
    pub fn row(
        &self,
        model_name: String,
        model: &Model,
        request: Request,
        reference: usize,
        styled: bool,
    ) -> anyhow::Result<Row> {
        let reference = &self.references[reference];
        let start = Instant::now();
        let classes: Vec<usize> = (0..model.base().info.num_classes()).collect();
        let mut drawn = drawn(self.args, &model_name, model, &request, &classes)?;
        if self.canvas.is_some() {
            drawn = small(&drawn, reference.test.size())?;
        }
        let mut row = Row::new(&model_name, &reference.floor.reference, &request, self.args.seed, drawn.len());
        row.seconds = start.elapsed().as_secs_f64();
        let mut judged = Vec::new();
        for member in &reference.panel {
            let Known { name, judge, .. } = &self.judges[member.judge];
            let readings = judge.read(&*self.seen(name, &drawn)?)?;
            let rows: Vec<&[f32]> = readings.iter().map(|reading| &reading.digits[..]).collect();
            let accuracy = Accuracy::new(judge.digits(), drawn.labels(), &rows)?;
            let (frechet, manifold, images) = self.distances(member, &reference.test, &drawn)?;
            row.manifold_images = images;
            let scores = Scores { judge: (*name).to_owned(), read: accuracy.share, frechet, manifold };
            judged.push((accuracy, scores, &member.floor));
        }
        let Worst { accuracy, frechet, manifold, of_real } = Worst::of(&judged);
        (row.accuracy, row.frechet, row.manifold, row.of_real) = (accuracy, frechet, manifold, of_real);
        if judged.len() > 1 {
            row.judged = judged.into_iter().map(|(_, scores, _)| scores).collect();
        }
        if let Some(judge) = reference.style_judge.filter(|_| styled) {
            row.style = Some(self.judges[judge].judge.share_in(&drawn, reference.style)?);
        }
        if self.wants(Measure::Transfer) {
            let of = |data| self.seen(PLAIN, data);
            row.transfer = Some(self.transfer("the generated pictures", &*of(&drawn)?, &*of(&reference.test)?)?);
        }
        Ok(row)
    }

    /// Fréchet distance of `data` from `test` in the features of a judge; precision and so on; and the number of pictures of each
    /// side in those.
    fn distances(
        &self,
        member: &Member,
        test: &Dataset,
        data: &Dataset,
    ) -> anyhow::Result<(Option<f64>, Option<Manifold>, usize)> {
        if !self.wants(Measure::Frechet) && !self.wants(Measure::Manifold) {
            return Ok((None, None, 0));
        }
        let Known { name, judge, .. } = &self.judges[member.judge];
        let features = judge.features(&*self.seen(name, data)?)?;
        let frechet = match self.wants(Measure::Frechet) {
            true => Some(frechet_distance(&Gaussian::of(&features)?, &Gaussian::of(&member.test_features)?)),
            false => None,
        };
        if !self.wants(Measure::Manifold) {
            return Ok((frechet, None, 0));
        }
        // As many of each class on both sides.
        let per_class = data.len().min(MANIFOLD_IMAGES) / data.class_names().len();
        let balanced = |data: &Dataset, features: &[Vec<f32>]| -> Vec<Vec<f32>> {
            data.first_of_each_class(per_class).into_iter().map(|i| features[i].clone()).collect()
        };
        let real = balanced(test, &member.test_features);
        let other = balanced(data, &features);
        Ok((frechet, Some(manifold(&real, &other, NEIGHBOURS)?), other.len()))
    }

    /// Trains on pictures, generated or real, and tests on real ones.
    fn transfer(&self, title: &str, pictures: &Dataset, test: &Dataset) -> anyhow::Result<f64> {
        let title = format!("training on {title}");
        Ok(trained(&title, &ClassifierConfig::default(), pictures, &self.device)?.test(test)?)
    }

    /// Indices of the judges that read digits alone, all that are wanted.
    fn panel(&mut self) -> anyhow::Result<Vec<usize>> {
        let designs = Design::ALL.into_iter().filter(|&design| self.args.judge.contains(&design));
        designs.map(|design| self.judge(design.name(), Some(design))).collect()
    }

    /// Index of a judge, of this design or of styles: read from its file, or trained.
    fn judge(&mut self, name: &'static str, design: Option<Design>) -> anyhow::Result<usize> {
        if let Some(index) = self.judges.iter().position(|known| known.name == name) {
            return Ok(index);
        }
        // The name from when it was the only one.
        let file = if design == Some(Design::Distorted) { "digits" } else { name };
        let path = self.args.judges.join(format!("{file}.safetensors"));
        let title = if design.is_some() { format!("judge {name}") } else { format!("judge of {name}") };
        let classifier = if path.exists() {
            Classifier::load(&path, &self.device)?
        } else {
            say!("training the {title} on real MNIST first: minutes, once; it is kept in {}", shown(path.display()));
            let classifier = match design {
                None if name == OF_MEDIA => {
                    let each = IN_MEDIA / self.train.class_names().len();
                    let train = self.train.pick(&self.train.first_of_each_class(each));
                    let side = self.canvas.as_ref().map_or(train.size(), |canvas| canvas.side);
                    train_on_media(&train, side, &self.device, training(&format!("the {title}")))?
                }
                None => train_on_styles(&self.train, &self.device, training(&format!("the {title}")))?,
                Some(design) => {
                    let config = ClassifierConfig::of(design);
                    let mut classifier = trained(&format!("the {title}"), &config, &self.train, &self.device)?;
                    classifier.test(&self.test)?;
                    classifier
                }
            };
            classifier.save(&path)?;
            classifier
        };
        let card = classifier.card();
        let tested =
            card.test_accuracy.map_or("digits and styles, see the rows of real pictures".to_owned(), |share| {
                format!("{:.2} % of the real test digits", 100.0 * share)
            });
        let sentence = format!(
            "{title}: reads {tested} (trained on {} {}, {} epochs, seed {})",
            card.train_images,
            if design.is_none() { "pictures, real ones in all of them" } else { "real pictures" },
            card.epochs,
            card.seed
        );
        self.judges.push(Known { name, judge: Judge::new(classifier)?, sentence });
        Ok(self.judges.len() - 1)
    }
}

/// What real pictures reach, of what each judge says.
fn floor_of(reference: String, images: usize, scores: impl Iterator<Item = Scores>) -> Floor {
    let judged: Vec<Scores> = scores.collect();
    let mut floor = Floor {
        reference,
        images,
        accuracy: judged.iter().map(|scores| scores.read).reduce(f64::min),
        style_accuracy: None,
        frechet: None,
        manifold: None,
        judged: Vec::new(),
        transfer: None,
        copies: None,
    };
    match &judged[..] {
        [only] => (floor.frechet, floor.manifold) = (only.frechet, only.manifold),
        _ => floor.judged = judged,
    }
    floor
}
