//! A run's steps with saves, logs and sample sheets between them, until its end or Ctrl-C. Tests: in `trainer/tests/runs`.

use std::path::Path;
use std::process::ExitCode;

use diffusion::{Model, Request};
use trainer::data::Dataset;
use trainer::error::Error;
use trainer::files::{sweep, write_atomic};
use trainer::messages::say;
use trainer::picture::{Canvas, Grid, grey};
use trainer::ranks::Ranks;
use trainer::sampling::draw;
use trainer::session::Session;
use trainer::train::Trainer;

use super::args::{ReportTo, TrainArgs};
use super::follow::follow;
use super::interrupt::Interrupt;
use super::run_folder::{CHECKPOINT, FIRST_SAVE};

/// Whether a resumed run was at its end already, which a message then tells.
pub fn is_finished(trainer: &Trainer<'_>) -> bool {
    let finished = trainer.step() >= trainer.total();
    if finished {
        say!("nothing is left to do: {} steps are done; more with --max-train-steps or --epochs", trainer.step());
    }
    finished
}

/// Runs a trainer to its end or to Ctrl-C. `save` writes the base or adapter into a folder; `model` gives the model that sample
/// sheets are drawn with.
pub fn train(
    mut trainer: Trainer<'_>,
    args: &TrainArgs,
    Interrupt(stop): &Interrupt,
    out: &Path,
    held_out: Option<&Dataset>,
    save: impl Fn(&Trainer<'_>, &Path) -> anyhow::Result<()>,
    model: impl Fn(&Trainer<'_>) -> anyhow::Result<Model>,
) -> anyhow::Result<ExitCode> {
    if !Ranks::here().is_first() {
        return follow(trainer, args, stop, held_out);
    }
    let threads = trainer.config().threads;
    let mut session = Session::new(out, trainer.step(), trainer.total(), trainer.steps_per_epoch(), args.log_every)?;
    if args.report_to == Some(ReportTo::Tensorboard) {
        session = session.with_tensorboard()?;
    }
    let checkpoint = out.join(CHECKPOINT);
    let marker = out.join(FIRST_SAVE);
    // The checkpoint is written last: where it exists, everything else of its step does.
    let save_all = |trainer: &Trainer<'_>| -> anyhow::Result<()> {
        let run = trainer.checkpoint()?;
        if !checkpoint.exists() {
            write_atomic(&marker, b"")?;
        }
        save(trainer, out)?;
        if args.keep_every > 0 && run.step > 0 && run.step.is_multiple_of(args.keep_every) {
            let kept = out.join(format!("step-{:06}", run.step));
            save(trainer, &kept)?;
            [kept.join("unet"), kept].iter().for_each(|folder| sweep(folder));
        }
        run.save(&checkpoint)?;
        if marker.exists() {
            std::fs::remove_file(&marker).map_err(Error::io("remove", &marker))?;
        }
        Ok(())
    };
    // From here on --resume finds all that the run was started with.
    if trainer.step() == 0 {
        save_all(&trainer)?;
    }
    let result = trainer.run(stop, |trainer, report| {
        let last = report.step == report.total;
        let due = |every: usize| every > 0 && (last || report.step.is_multiple_of(every));
        let held_out = held_out.filter(|_| due(args.validate_every));
        session.step(report, held_out.map(|data| trainer.validation_loss(data)).transpose()?)?;
        if last || due(args.save_every) || due(args.keep_every) {
            save_all(trainer).map_err(library_error)?;
            session.plot()?;
        }
        if due(args.sample_every) {
            let sheet = model(trainer).and_then(|model| draw_sheet(&model, threads)).map_err(library_error)?;
            session.sheet(report.step, &sheet)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        session.finish("stopped");
        anyhow::bail!("{error}; the last checkpoint in {} is intact: go on from it with --resume", out.display());
    }
    if trainer.step() < trainer.total() {
        save_all(&trainer)?;
        session.plot()?;
        session.finish(&format!("stopped at step {} with a checkpoint; go on with --resume", trainer.step()));
        return Ok(ExitCode::from(130));
    }
    session.finish(&format!("done: {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

/// The library's error in one of the command line.
fn library_error(error: anyhow::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Setting { reason: format!("{error:#}") },
    }
}

/// A sheet of samples: eight rows, one for each seed, with a picture of every class.
fn draw_sheet(model: &Model, threads: usize) -> anyhow::Result<Canvas> {
    const SEEDS: usize = 8;
    let info = &model.base().info;
    let labels: Vec<usize> = (0..SEEDS).flat_map(|_| 0..info.num_classes()).collect();
    // A schedule may have fewer timesteps than the default steps.
    let steps = Request::new(0, 0).num_inference_steps.min(model.base().schedule.num_train_timesteps - 1);
    let seeds = (0..SEEDS as u64).flat_map(|seed| std::iter::repeat_n(seed, info.num_classes())).collect();
    let images =
        draw(model, &Request { labels, seeds, num_inference_steps: steps, ..Request::new(0, 0) }, threads, |_, _| {})?;
    let tiles: Vec<Vec<u8>> = images.iter().map(|image| grey(image)).collect();
    Ok(Grid::new(info.image_size, info.num_classes()).draw(&tiles))
}
