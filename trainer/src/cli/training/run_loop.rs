//! A run's steps with saves, logs, measurements and sample sheets between them, until its end or Ctrl-C. Tests: in
//! `trainer/tests/runs`, of several ranks in `trainer/tests/mpi`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use diffusion::{Model, Request};
use serde_json::json;
use trainer::config::Keep;
use trainer::error::{Error, Result};
use trainer::files::{sweep, write_atomic};
use trainer::messages::{emit, say, shown};
use trainer::ranks::Ranks;
use trainer::session::Session;
use trainer::train::{Source, Trainer};

use super::interrupt::Interrupt;
use super::plan::Plan;
use super::run_folder::{CHECKPOINT, FIRST_SAVE, LAST};
use super::sheet::{draw_sheet, headings};

/// Whether a resumed run was at its end already, which a message then tells.
pub fn is_finished(trainer: &Trainer<'_>, plan: &Plan) -> Result<bool> {
    let (step, total) = (trainer.step(), trainer.total());
    if step >= total {
        say_nothing_left(step, total)?;
    } else if has_settled(trainer, plan) {
        say!("nothing is left to do: the run ended early, after {step} steps; go on with --early-stop 0");
        emit_done(step, total, "the run had ended early")?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Says that a resumed run was at its end already.
pub fn say_nothing_left(step: usize, total: usize) -> Result<()> {
    say!("nothing is left to do: {step} steps are done; more with --max-train-steps or --epochs");
    emit_done(step, total, "nothing was left to do")
}

fn emit_done(step: usize, total: usize, reason: &str) -> Result<()> {
    emit(json!({ "event": "done", "step": step, "steps": total, "reason": reason }))
}

/// Whether the validation loss had no new least value for as long as `--early-stop` says.
fn has_settled(trainer: &Trainer<'_>, plan: &Plan) -> bool {
    trainer.validated().has_settled(plan.early_stop)
}

/// A run, besides its trainer.
pub struct Run<'a> {
    pub plan: &'a Plan,
    pub interrupt: &'a Interrupt,
    pub out: &'a Path,
    pub held_out: Option<&'a dyn Source>,
    /// How the pictures of a sheet are drawn.
    pub drawn: Request,
}

impl Run<'_> {
    /// Trains to the end or to Ctrl-C. `save` writes the base or adapter into a folder, `model` gives the model that sheets are
    /// drawn with: with the best weights so far or the last.
    pub fn train(
        &self,
        mut trainer: Trainer<'_>,
        save: impl Fn(&Trainer<'_>, Keep, &Path) -> anyhow::Result<()>,
        model: impl Fn(&Trainer<'_>, Keep) -> anyhow::Result<Model>,
    ) -> anyhow::Result<ExitCode> {
        if !Ranks::here().is_first() {
            return self.follow(trainer);
        }
        let Self { plan, out, .. } = *self;
        let stop = self.interrupt.flag();
        let mut session =
            Session::new(out, trainer.step(), trainer.total(), trainer.steps_per_epoch(), plan.log_every)?;
        if plan.tensorboard {
            session = session.with_tensorboard()?;
        }
        // From here on --resume finds all that the run was started with.
        if trainer.step() == 0 {
            self.save_all(&trainer, &save)?;
        }
        self.interrupt.saves(true);
        if let Some(loss) = self.catch_up(&mut trainer)? {
            session.validated(trainer.step(), loss)?;
        }
        let (mut saved, between) = (Instant::now(), Duration::try_from_secs_f64(60.0 * plan.save_minutes));
        let mut settled = false;
        let result = trainer.run(stop, |trainer, report| {
            let measured = self.validate(trainer, report.step);
            let stopped = matches!(measured, Err(Error::Stopped));
            let loss = if stopped { None } else { measured? };
            session.step(report, loss)?;
            settled = has_settled(trainer, plan);
            let late = plan.save_minutes > 0.0 && between.as_ref().is_ok_and(|between| saved.elapsed() >= *between);
            if !stopped && (settled || late || plan.saves(report.step)) {
                self.save_all(trainer, &save).map_err(library_error)?;
                session.plot()?;
                saved = Instant::now();
            }
            if stopped {
                return Err(Error::Stopped);
            }
            let last = settled || report.step == report.total;
            if plan.draws(report.step) || (settled && plan.left(report.step).1 > 0) {
                let model = model(trainer, if last { plan.keep } else { Keep::Last }).map_err(library_error)?;
                let (_, legend) = headings(&model.base().info.labels, model.base().info.image_size);
                if let Some(legend) = legend {
                    write_atomic(&out.join("samples/classes.txt"), legend.as_bytes())?;
                }
                match draw_sheet(&model, &self.drawn, plan.sample_seed, trainer.config().threads, stop) {
                    Ok(sheet) => session.sheet(report.step, &sheet)?,
                    // The next step ends the run, on all ranks.
                    Err(Error::Stopped) => {}
                    Err(error) => return Err(error),
                }
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
            self.save_all(&trainer, &save)?;
            session.plot()?;
        }
        let best = self.keeps_best(&trainer);
        if best {
            save(&trainer, Keep::Last, &out.join(LAST))?;
        }
        let validated = trainer.validated();
        let least =
            (validated.best_step > 0).then(|| json!({ "step": validated.best_step, "loss": validated.best_loss }));
        let result = json!({
            "event": if finished { "done" } else { "stopped" },
            "out": out.display().to_string(),
            "step": trainer.step(),
            "steps": trainer.total(),
            "early": settled,
            "least_validation_loss": least,
            "weights": if best { "best" } else { "last" },
        });
        if !finished {
            session.finish(&format!("stopped at step {} with a checkpoint; go on with --resume", trainer.step()));
            emit(result)?;
            return Ok(ExitCode::from(130));
        }
        let weights = match best {
            true => format!(
                " (the weights of step {}, whose validation loss is the least, {:.4}; the last ones are in {})",
                validated.best_step,
                validated.best_loss,
                shown(out.join(LAST).display())
            ),
            false => String::new(),
        };
        let early = if settled { format!(", early, after {} steps", trainer.step()) } else { String::new() };
        session.finish(&format!("done{early}: {}{weights}", shown(out.display())));
        emit(result)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The part of a run that ranks other than the first have: they compute, and write nothing. What they compute together with
    /// the first one comes at the same steps.
    fn follow(&self, mut trainer: Trainer<'_>) -> anyhow::Result<ExitCode> {
        self.interrupt.saves(true);
        self.catch_up(&mut trainer)?;
        let mut settled = false;
        trainer.run(self.interrupt.flag(), |trainer, report| {
            self.validate(trainer, report.step)?;
            settled = has_settled(trainer, self.plan);
            if settled { Err(Error::Stopped) } else { Ok(()) }
        })?;
        let finished = settled || trainer.step() == trainer.total();
        Ok(if finished { ExitCode::SUCCESS } else { ExitCode::from(130) })
    }

    /// Measures the validation loss where that was given up when the run was stopped.
    fn catch_up(&self, trainer: &mut Trainer<'_>) -> Result<Option<f32>> {
        let step = trainer.step();
        if step == 0 || trainer.validated().step >= step {
            return Ok(None);
        }
        match self.validate(trainer, step) {
            // The next step ends the run.
            Err(Error::Stopped) => Ok(None),
            measured => measured,
        }
    }

    /// Measures the validation loss, where it is due after this step.
    fn validate(&self, trainer: &mut Trainer<'_>, step: usize) -> Result<Option<f32>> {
        self.held_out
            .filter(|_| self.plan.validates(step))
            .map(|data| trainer.validate(data, self.interrupt.flag()))
            .transpose()
    }

    /// Whether other weights than the last are the run's result.
    fn keeps_best(&self, trainer: &Trainer<'_>) -> bool {
        self.plan.keep == Keep::Best && trainer.validated().best_step > 0
    }

    /// Writes weights and checkpoint. The checkpoint is written last: where it exists, everything else of its step does.
    fn save_all(
        &self,
        trainer: &Trainer<'_>,
        save: &impl Fn(&Trainer<'_>, Keep, &Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Self { plan, out, .. } = *self;
        let (checkpoint, marker) = (out.join(CHECKPOINT), out.join(FIRST_SAVE));
        let run = trainer.checkpoint()?;
        if !checkpoint.exists() {
            write_atomic(&marker, b"")?;
        }
        save(trainer, plan.keep, out)?;
        if run.step > 0 && plan.keeps(run.step) {
            let kept = out.join(format!("step-{:06}", run.step));
            save(trainer, Keep::Last, &kept)?;
            [kept.join("unet"), kept].iter().for_each(|folder| sweep(folder));
        }
        run.save(&checkpoint)?;
        if marker.exists() {
            std::fs::remove_file(&marker).map_err(Error::io("remove", &marker))?;
        }
        Ok(emit(json!({ "event": "checkpoint", "step": run.step, "file": checkpoint.display().to_string() }))?)
    }
}

/// The library's error in one of the command line.
fn library_error(error: anyhow::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Setting { reason: format!("{error:#}") },
    }
}
