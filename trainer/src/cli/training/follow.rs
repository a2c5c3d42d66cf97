//! The part of a run that ranks other than the first have: they compute, and write nothing. What they compute together with
//! the first one must come at the same steps as in `run_loop`. Tests: in `trainer/tests/mpi`.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use trainer::data::Dataset;
use trainer::train::Trainer;

use super::args::TrainArgs;

/// Takes part in a run until its end, or until the ranks stop.
pub fn follow(
    mut trainer: Trainer<'_>,
    args: &TrainArgs,
    stop: &AtomicBool,
    held_out: Option<&Dataset>,
) -> anyhow::Result<ExitCode> {
    trainer.run(stop, |trainer, report| {
        let last = report.step == report.total;
        let due = args.validate_every > 0 && (last || report.step.is_multiple_of(args.validate_every));
        if let Some(held_out) = held_out.filter(|_| due) {
            trainer.validation_loss(held_out)?;
        }
        Ok(())
    })?;
    Ok(if trainer.step() < trainer.total() { ExitCode::from(130) } else { ExitCode::SUCCESS })
}
