//! A run's steps with saves, logs, measurements and sheets between them, until its end or Ctrl-C, whatever it trains. Tests: in
//! `trainer/tests/runs`, of several ranks in `trainer/tests/mpi`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use trainer::config::Keep;
use trainer::error::{Error, Result};
use trainer::files::{sweep, write_atomic};
use trainer::messages::{emit, say, shown};
use trainer::picture::Canvas;
use trainer::ranks::Ranks;
use trainer::session::Session;
use trainer::train::Training;

use super::interrupt::Interrupt;
use super::plan::Plan;
use super::run_folder::{CHECKPOINT, FIRST_SAVE, LAST};

/// Whether a resumed run was at its end already, which a message then tells.
pub fn is_finished(trainer: &impl Training, plan: &Plan) -> Result<bool> {
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

fn say_nothing_left(step: usize, total: usize) -> Result<()> {
    say!("nothing is left to do: {step} steps are done; more with --max-train-steps or --epochs");
    emit_done(step, total, "nothing was left to do")
}

fn emit_done(step: usize, total: usize, reason: &str) -> Result<()> {
    emit(json!({ "event": "done", "step": step, "steps": total, "reason": reason }))
}

/// Whether the validation loss had no new least value for as long as `--early-stop` says.
fn has_settled(trainer: &impl Training, plan: &Plan) -> bool {
    trainer.validated().has_settled(plan.early_stop)
}

/// What is trained, as a run has it besides its steps.
pub trait Work {
    /// Its training.
    type Trainer: Training;

    /// Measures the validation loss, where pictures are held out.
    fn validate(&self, trainer: &mut Self::Trainer, stop: &AtomicBool) -> Result<Option<f32>>;

    /// Writes it into a folder.
    fn save(&self, trainer: &Self::Trainer, keep: Keep, out: &Path) -> anyhow::Result<()>;

    /// A sheet that shows what it can do.
    fn sheet(&self, trainer: &Self::Trainer, keep: Keep, stop: &AtomicBool) -> anyhow::Result<Canvas>;

    /// What is measured of it at the end: as a sentence, and by name for programs.
    fn measure(&self, _: &Self::Trainer) -> anyhow::Result<Option<(String, Map<String, Value>)>> {
        Ok(None)
    }
}

/// A run, besides what it trains.
pub struct Run<'a> {
    pub plan: &'a Plan,
    pub interrupt: &'a Interrupt,
    pub out: &'a Path,
}

impl Run<'_> {
    /// Trains to the end or to Ctrl-C.
    pub fn train<W: Work>(&self, mut trainer: W::Trainer, work: &W) -> anyhow::Result<ExitCode> {
        if !Ranks::here().is_first() {
            return self.follow(trainer, work);
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
            self.save_all(&trainer, work)?;
        }
        self.interrupt.saves(true);
        if let Some(loss) = self.catch_up(&mut trainer, work)? {
            session.validated(trainer.step(), loss)?;
        }
        let (mut saved, between) = (Instant::now(), Duration::try_from_secs_f64(60.0 * plan.save_minutes));
        let mut settled = false;
        let result = trainer.run(stop, |trainer, report| {
            let measured = self.validate(trainer, work);
            let stopped = matches!(measured, Err(Error::Stopped));
            let loss = if stopped { None } else { measured? };
            session.step(report, loss)?;
            settled = has_settled(trainer, plan);
            let late = plan.save_minutes > 0.0 && between.as_ref().is_ok_and(|between| saved.elapsed() >= *between);
            if !stopped && (settled || late || plan.saves(report.step)) {
                self.save_all(trainer, work).map_err(library_error)?;
                session.plot()?;
                saved = Instant::now();
            }
            if stopped {
                return Err(Error::Stopped);
            }
            let last = settled || report.step == report.total;
            if plan.draws(report.step) || (settled && plan.left(report.step).1 > 0) {
                let sheet = work.sheet(trainer, if last { plan.keep } else { Keep::Last }, stop).map_err(library_error);
                match sheet {
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
            self.save_all(&trainer, work)?;
            session.plot()?;
        }
        let best = plan.keep == Keep::Best && trainer.validated().best_step > 0;
        if best {
            work.save(&trainer, Keep::Last, &out.join(LAST))?;
        }
        let (step, validated) = (trainer.step(), trainer.validated());
        let least =
            (validated.best_step > 0).then(|| json!({ "step": validated.best_step, "loss": validated.best_loss }));
        let mut result = json!({
            "event": if finished { "done" } else { "stopped" },
            "out": out.display().to_string(),
            "step": step,
            "steps": trainer.total(),
            "early": settled,
            "least_validation_loss": least,
            "weights": if best { "best" } else { "last" },
        });
        if !finished {
            session.finish(&format!("stopped at step {step} with a checkpoint; go on with --resume"));
            emit(result)?;
            return Ok(ExitCode::from(130));
        }
        let measured = work.measure(&trainer)?;
        let weights = match best {
            true => format!(
                " (the weights of step {}, whose validation loss is the least, {:.4}; the last ones are in {})",
                validated.best_step,
                validated.best_loss,
                shown(out.join(LAST).display())
            ),
            false => String::new(),
        };
        let early = if settled { format!(", early, after {step} steps") } else { String::new() };
        session.finish(&format!("done{early}: {}{weights}", shown(out.display())));
        if let Some((sentence, named)) = measured {
            say!("{sentence}");
            named.into_iter().for_each(|(name, value)| result[name] = value);
        }
        emit(result)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The part of a run that ranks other than the first have: they compute, and write nothing. What they compute together with
    /// the first one comes at the same steps.
    fn follow<W: Work>(&self, mut trainer: W::Trainer, work: &W) -> anyhow::Result<ExitCode> {
        self.interrupt.saves(true);
        self.catch_up(&mut trainer, work)?;
        let mut settled = false;
        trainer.run(self.interrupt.flag(), |trainer, _| {
            self.validate(trainer, work)?;
            settled = has_settled(trainer, self.plan);
            if settled { Err(Error::Stopped) } else { Ok(()) }
        })?;
        let finished = settled || trainer.step() == trainer.total();
        Ok(if finished { ExitCode::SUCCESS } else { ExitCode::from(130) })
    }

    /// Measures the validation loss where that was given up when the run was stopped.
    fn catch_up<W: Work>(&self, trainer: &mut W::Trainer, work: &W) -> Result<Option<f32>> {
        if trainer.step() == 0 || trainer.validated().step >= trainer.step() {
            return Ok(None);
        }
        match self.validate(trainer, work) {
            // The next step ends the run.
            Err(Error::Stopped) => Ok(None),
            measured => measured,
        }
    }

    /// Measures the validation loss, where it is due after the last step.
    fn validate<W: Work>(&self, trainer: &mut W::Trainer, work: &W) -> Result<Option<f32>> {
        if !self.plan.validates(trainer.step()) {
            return Ok(None);
        }
        work.validate(trainer, self.interrupt.flag())
    }

    /// Writes weights and checkpoint. The checkpoint is written last: where it exists, everything else of its step does.
    fn save_all<W: Work>(&self, trainer: &W::Trainer, work: &W) -> anyhow::Result<()> {
        let Self { plan, out, .. } = *self;
        let (checkpoint, marker) = (out.join(CHECKPOINT), out.join(FIRST_SAVE));
        let run = trainer.checkpoint()?;
        if !checkpoint.exists() {
            write_atomic(&marker, b"")?;
        }
        work.save(trainer, plan.keep, out)?;
        if run.step > 0 && plan.keeps(run.step) {
            let kept = out.join(format!("step-{:06}", run.step));
            work.save(trainer, Keep::Last, &kept)?;
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
