//! The steps of an autoencoder's run with saves, logs, measurements and sheets between them. Tests: in
//! `trainer/tests/runs/autoencoder.rs`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use diffusion::autoencoder::CpuAutoencoder;
use diffusion::tensors::Precision;
use serde_json::json;
use trainer::autoencoder::{AutoencoderRun, Pictures, latent_deviation, reconstruct, write_autoencoder};
use trainer::config::Keep;
use trainer::error::{Error, Result};
use trainer::files::write_atomic;
use trainer::messages::{emit, say, shown};
use trainer::picture::{Canvas, pairs};
use trainer::session::Session;

use crate::cli::training::{CHECKPOINT, FIRST_SAVE, Interrupt, LAST, Plan};

/// Pictures on a sheet, each beside its reconstruction.
const ON_SHEET: usize = 16;
/// Pictures that the scale of the latents is measured on.
const MEASURED: usize = 256;

/// A run, besides its trainer.
pub struct Run<'a> {
    pub plan: &'a Plan,
    pub interrupt: &'a Interrupt,
    pub out: &'a Path,
    pub pictures: &'a dyn Pictures,
    pub held_out: Option<&'a dyn Pictures>,
}

impl Run<'_> {
    /// Trains to the end or to Ctrl-C.
    pub fn train(&self, mut trainer: AutoencoderRun<'_>) -> anyhow::Result<ExitCode> {
        let Self { plan, out, .. } = *self;
        let stop = self.interrupt.flag();
        let mut session =
            Session::new(out, trainer.step(), trainer.total(), trainer.steps_per_epoch(), plan.log_every)?;
        if plan.tensorboard {
            session = session.with_tensorboard()?;
        }
        // From here on --resume finds all that the run was started with.
        if trainer.step() == 0 {
            self.save_all(&trainer)?;
        }
        self.interrupt.saves(true);
        if trainer.step() > 0
            && trainer.validated().step < trainer.step()
            && let Some(loss) = self.validate(&mut trainer)?
        {
            session.validated(trainer.step(), loss)?;
        }
        let (mut saved, between) = (Instant::now(), Duration::try_from_secs_f64(60.0 * plan.save_minutes));
        let mut settled = false;
        let result = trainer.run(stop, |trainer, report| {
            let measured = self.validate(trainer);
            let stopped = matches!(measured, Err(Error::Stopped));
            let loss = if stopped { None } else { measured? };
            session.step(report, loss)?;
            settled = trainer.validated().has_settled(plan.early_stop);
            let late = plan.save_minutes > 0.0 && between.as_ref().is_ok_and(|between| saved.elapsed() >= *between);
            if !stopped && (settled || late || plan.saves(report.step)) {
                self.save_all(trainer)?;
                session.plot()?;
                saved = Instant::now();
            }
            if stopped {
                return Err(Error::Stopped);
            }
            if plan.draws(report.step) || (settled && plan.left(report.step).1 > 0) {
                let last = settled || report.step == report.total;
                session.sheet(report.step, &self.sheet(trainer, if last { plan.keep } else { Keep::Last })?)?;
            }
            if settled { Err(Error::Stopped) } else { Ok(()) }
        });
        self.interrupt.saves(false);
        if let Err(error) = result {
            session.finish("stopped");
            anyhow::bail!(
                "{error}; the last checkpoint in {} is intact: go on from it with --resume",
                shown(out.display())
            );
        }
        let finished = settled || trainer.step() == trainer.total();
        if !finished {
            self.save_all(&trainer)?;
            session.plot()?;
        }
        let best = plan.keep == Keep::Best && trainer.validated().best_step > 0;
        if best {
            self.save(&trainer, Keep::Last, &out.join(LAST))?;
        }
        self.finish(&trainer, &session, finished, best)
    }

    /// The run's last words.
    fn finish(
        &self,
        trainer: &AutoencoderRun<'_>,
        session: &Session,
        finished: bool,
        best: bool,
    ) -> anyhow::Result<ExitCode> {
        let (step, validated) = (trainer.step(), trainer.validated());
        let mut result = json!({
            "event": if finished { "done" } else { "stopped" },
            "out": self.out.display().to_string(),
            "step": step,
            "steps": trainer.total(),
            "weights": if best { "best" } else { "last" },
        });
        if !finished {
            session.finish(&format!("stopped at step {step} with a checkpoint; go on with --resume"));
            emit(result)?;
            return Ok(ExitCode::from(130));
        }
        let pictures = self.held_out.unwrap_or(self.pictures);
        let found = self.reconstructed(trainer, self.plan.keep, pictures.count().min(MEASURED))?;
        result["psnr"] = found.mean().psnr.into();
        result["ssim"] = found.mean().ssim.into();
        session.finish(&format!("done: {}", shown(self.out.display())));
        if best {
            say!(
                "the weights are those of step {}, whose validation loss is the least, {:.4}",
                validated.best_step,
                validated.best_loss
            );
        }
        let held_out = if self.held_out.is_some() { "held-out" } else { "training" };
        say!(
            "{} {held_out} pictures: PSNR {:.2} dB, SSIM {:.4}",
            found.likeness.len(),
            found.mean().psnr,
            found.mean().ssim
        );
        emit(result)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Measures the validation loss, where it is due after the last step.
    fn validate(&self, trainer: &mut AutoencoderRun<'_>) -> Result<Option<f32>> {
        let due = self.held_out.filter(|_| self.plan.validates(trainer.step()));
        due.map(|pictures| trainer.validate(pictures, self.interrupt.flag())).transpose()
    }

    /// What becomes of the first held-out pictures.
    fn reconstructed(
        &self,
        trainer: &AutoencoderRun<'_>,
        keep: Keep,
        count: usize,
    ) -> Result<trainer::autoencoder::Reconstructed> {
        let trained = trainer.trained(keep == Keep::Best)?;
        let network = CpuAutoencoder::new(&trained.config, &trained.state)?;
        let pictures = self.held_out.unwrap_or(self.pictures);
        let indices: Vec<usize> = (0..pictures.count().min(count)).collect();
        reconstruct(&network, pictures, &indices, trainer.config().threads)
    }

    /// Held-out pictures, each with its reconstruction to its right.
    fn sheet(&self, trainer: &AutoencoderRun<'_>, keep: Keep) -> Result<Canvas> {
        let found = self.reconstructed(trainer, keep, ON_SHEET)?;
        Ok(pairs(&found.originals, &found.reconstructions, self.pictures.side()))
    }

    /// Writes `vae/`, with the scale of its latents.
    fn save(&self, trainer: &AutoencoderRun<'_>, keep: Keep, out: &Path) -> Result<()> {
        let mut trained = trainer.trained(keep == Keep::Best)?;
        let network = CpuAutoencoder::new(&trained.config, &trained.state)?;
        let indices: Vec<usize> = (0..self.pictures.count().min(MEASURED)).collect();
        let deviation = latent_deviation(&network, self.pictures, &indices, trainer.config().threads)?;
        if deviation.is_finite() && deviation > 1e-6 {
            // As many digits as anybody can tell: the file is read by people, too.
            trained.config.scaling_factor = (1e5 / deviation).round() / 1e5;
        }
        write_autoencoder(out, &trained, Precision::F32)
    }

    /// Writes weights and checkpoint. The checkpoint is written last: where it exists, everything else of its step does.
    fn save_all(&self, trainer: &AutoencoderRun<'_>) -> Result<()> {
        let Self { plan, out, .. } = *self;
        let (checkpoint, marker) = (out.join(CHECKPOINT), out.join(FIRST_SAVE));
        let run = trainer.checkpoint()?;
        if !checkpoint.exists() {
            write_atomic(&marker, b"")?;
        }
        self.save(trainer, plan.keep, out)?;
        if run.step > 0 && plan.keeps(run.step) {
            self.save(trainer, Keep::Last, &out.join(format!("step-{:06}", run.step)))?;
        }
        run.save(&checkpoint)?;
        if marker.exists() {
            std::fs::remove_file(&marker).map_err(Error::io("remove", &marker))?;
        }
        emit(json!({ "event": "checkpoint", "step": run.step, "file": checkpoint.display().to_string() }))
    }
}
