//! Measuring against MNIST: real pictures, the judges that read them, and the scores of real and generated pictures. Tests: of the measures,
//! in `eval/`.

use std::time::Instant;

use burn::tensor::Device;
use diffusion::{Model, Request};
use trainer::classifier::{Classifier, ClassifierConfig, Progress, train_classifier};
use trainer::data::Dataset;
use trainer::eval::{
    Accuracy, Floor, Gaussian, Judge, Manifold, NEIGHBOURS, Row, frechet_distance, manifold, train_on_styles,
};
use trainer::messages::say;
use trainer::styles::Style;

use super::args::{Args, Measure};
use super::drawing::{bar, drawn};

/// Most pictures of each side for precision and recall: their work grows with the square.
pub const MANIFOLD_IMAGES: usize = 5000;

/// Judges and real pictures, each made once.
pub struct Bench<'a> {
    args: &'a Args,
    device: Device,
    train: Dataset,
    test: Dataset,
    /// Each with a sentence about it.
    judges: Vec<(Judge, String)>,
    references: Vec<Reference>,
}

/// Real pictures, plain or in a style.
struct Reference {
    style: Option<&'static str>,
    /// Index of the judge that reads digits.
    judge: usize,
    /// Index of the judge that reads styles, where they are compared.
    style_judge: Option<usize>,
    test: Dataset,
    test_features: Vec<Vec<f32>>,
    floor: Floor,
}

impl<'a> Bench<'a> {
    /// Reads MNIST.
    pub fn new(args: &'a Args) -> anyhow::Result<Self> {
        let mnist = args.data_args.reader().0.mnist;
        Ok(Self {
            args,
            device: args.device.open()?,
            train: Dataset::mnist_train(&mnist)?,
            test: Dataset::mnist_test(&mnist)?,
            judges: Vec::new(),
            references: Vec::new(),
        })
    }

    /// A sentence about each judge so far.
    pub fn judges(&self) -> Vec<String> {
        self.judges.iter().map(|(_, sentence)| sentence.clone()).collect()
    }

    /// What real pictures reach, for each reference so far.
    pub fn floors(&self) -> Vec<Floor> {
        self.references.iter().map(|reference| reference.floor.clone()).collect()
    }

    fn wants(&self, measure: Measure) -> bool {
        self.args.measures.contains(&measure)
    }

    /// Index of the real pictures in this style, which are made at the first call.
    pub fn reference(&mut self, style: Option<&'static Style>) -> anyhow::Result<usize> {
        let name = style.map(|style| style.name);
        if let Some(index) = self.references.iter().position(|reference| reference.style == name) {
            return Ok(index);
        }
        let judge = self.judge(style.is_some())?;
        let per_class = (self.args.count / self.train.class_names().len()).max(1);
        let train = self.train.pick(&self.train.first_of_each_class(per_class));
        let (train, test) = match style {
            Some(style) => (train.styled(style)?, self.test.styled(style)?),
            None => (train, self.test.clone()),
        };
        // Of the base, too: whether its pictures are taken for some style.
        let style_judge = match style {
            Some(_) => Some(judge),
            None if self.args.compares_styles() => Some(self.judge(true)?),
            None => None,
        };
        let reader = &self.judges[judge].0;
        let accuracy = reader.test(&test, name)?.0;
        let style_accuracy = match style_judge {
            Some(judge) => Some(self.judges[judge].0.test(&test, name)?.1),
            None => None,
        };
        let mut reference = Reference {
            style: name,
            judge,
            style_judge,
            test_features: Vec::new(),
            test,
            floor: Floor {
                reference: name.unwrap_or("plain").to_owned(),
                images: train.len(),
                accuracy: Some(accuracy),
                style_accuracy,
                frechet: None,
                manifold: None,
                transfer: None,
                copies: None,
            },
        };
        if self.wants(Measure::Frechet) || self.wants(Measure::Manifold) {
            reference.test_features = reader.features(&reference.test)?;
            (reference.floor.frechet, reference.floor.manifold, _) = self.distances(&reference, &train)?;
        }
        if self.wants(Measure::Transfer) {
            reference.floor.transfer = Some(self.transfer("as many real pictures", &train, &reference.test)?);
        }
        self.references.push(reference);
        Ok(self.references.len() - 1)
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
        let judge = &self.judges[reference.judge].0;
        let start = Instant::now();
        let classes: Vec<usize> = (0..model.base().info.num_classes()).collect();
        let drawn = drawn(self.args, &model_name, model, &request, &classes)?;
        let seconds = start.elapsed().as_secs_f64();
        let readings = judge.read(&drawn)?;
        let rows: Vec<&[f32]> = readings.iter().map(|reading| &reading.digits[..]).collect();
        let accuracy = Accuracy::new(judge.digits(), drawn.labels(), &rows)?;
        let style = match reference.style_judge.filter(|_| styled) {
            Some(judge) => Some(self.judges[judge].0.share_in(&drawn, reference.style)?),
            None => None,
        };
        let (frechet, manifold, manifold_images) = self.distances(reference, &drawn)?;
        let transfer = match self.wants(Measure::Transfer) {
            true => Some(self.transfer("the generated pictures", &drawn, &reference.test)?),
            false => None,
        };
        Ok(Row {
            accuracy: Some(accuracy),
            style,
            frechet,
            manifold,
            manifold_images,
            transfer,
            seconds,
            ..Row::new(&model_name, &reference.floor.reference, &request, self.args.seed, drawn.len())
        })
    }

    /// Fréchet distance of `data` from the reference's test pictures; precision and so on; and the number of pictures of each
    /// side in those.
    fn distances(
        &self,
        reference: &Reference,
        data: &Dataset,
    ) -> anyhow::Result<(Option<f64>, Option<Manifold>, usize)> {
        if !self.wants(Measure::Frechet) && !self.wants(Measure::Manifold) {
            return Ok((None, None, 0));
        }
        let features = self.judges[reference.judge].0.features(data)?;
        let frechet = match self.wants(Measure::Frechet) {
            true => Some(frechet_distance(&Gaussian::of(&features)?, &Gaussian::of(&reference.test_features)?)),
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
        let real = balanced(&reference.test, &reference.test_features);
        let other = balanced(data, &features);
        Ok((frechet, Some(manifold(&real, &other, NEIGHBOURS)?), other.len()))
    }

    /// Trains on pictures, generated or real, and tests on real ones.
    fn transfer(&self, title: &str, pictures: &Dataset, test: &Dataset) -> anyhow::Result<f64> {
        let bar = bar(0, &format!("training on {title}"));
        let mut classifier = train_classifier(&ClassifierConfig::default(), pictures, &self.device, |progress| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.step as u64);
        })?;
        bar.finish_and_clear();
        Ok(classifier.test(test)?)
    }

    /// Index of the judge of plain digits, or of digits and styles: read from its file, or trained.
    fn judge(&mut self, styles: bool) -> anyhow::Result<usize> {
        let name = if styles { "styles" } else { "digits" };
        let path = self.args.judges.join(format!("{name}.safetensors"));
        let title = format!("judge of {name}");
        if let Some(index) = self.judges.iter().position(|(_, sentence)| sentence.starts_with(&title)) {
            return Ok(index);
        }
        let classifier = if path.exists() {
            Classifier::load(&path, &self.device)?
        } else {
            say!("training the judge of {name} on real MNIST first: minutes, once");
            let bar = bar(0, &format!("the judge of {name}"));
            let on_step = |progress: Progress| {
                bar.set_length(progress.total as u64);
                bar.set_position(progress.step as u64);
            };
            let mut classifier = match styles {
                true => train_on_styles(&self.train, &self.device, on_step)?,
                false => train_classifier(&ClassifierConfig::default(), &self.train, &self.device, on_step)?,
            };
            bar.finish_and_clear();
            if !styles {
                classifier.test(&self.test)?;
            }
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
            if styles { "pictures, real ones in all styles" } else { "real pictures" },
            card.epochs,
            card.seed
        );
        self.judges.push((Judge::new(classifier)?, sentence));
        Ok(self.judges.len() - 1)
    }
}
