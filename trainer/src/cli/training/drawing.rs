//! What draws, a base or an adapter, as a run trains it. Tests: in `trainer/tests/runs`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use diffusion::{Model, Request};
use trainer::config::Keep;
use trainer::error::Result;
use trainer::files::write_atomic;
use trainer::picture::Canvas;
use trainer::train::{Source, Trainer, Training};

use super::run_loop::Work;
use super::sheet::{draw_sheet, headings};

/// What draws. `save` writes it into a folder, `model` gives the model that sheets are drawn with: with the best weights so far
/// or the last.
pub struct Drawing<'a, S, M> {
    pub held_out: Option<&'a dyn Source>,
    /// How the pictures of a sheet are drawn, and the seed of the first.
    pub request: Request,
    pub seed: u64,
    /// The run's folder.
    pub out: &'a Path,
    pub save: S,
    pub model: M,
}

impl<'a, S, M> Work for Drawing<'a, S, M>
where
    S: Fn(&Trainer<'a>, Keep, &Path) -> anyhow::Result<()>,
    M: Fn(&Trainer<'a>, Keep) -> anyhow::Result<Model>,
{
    type Trainer = Trainer<'a>;

    fn validate(&self, trainer: &mut Trainer<'a>, stop: &AtomicBool) -> Result<Option<f32>> {
        self.held_out.map(|data| trainer.validate(data, stop)).transpose()
    }

    fn save(&self, trainer: &Trainer<'a>, keep: Keep, out: &Path) -> anyhow::Result<()> {
        (self.save)(trainer, keep, out)
    }

    fn sheet(&self, trainer: &Trainer<'a>, keep: Keep, stop: &AtomicBool) -> anyhow::Result<Canvas> {
        let model = (self.model)(trainer, keep)?;
        let (_, legend) = headings(&model.base().info.labels, model.base().info.image_size);
        if let Some(legend) = legend {
            write_atomic(&self.out.join("samples/classes.txt"), legend.as_bytes())?;
        }
        Ok(draw_sheet(&model, &self.request, self.seed, trainer.config().threads, stop)?)
    }
}
