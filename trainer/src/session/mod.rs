//! What a run leaves in its folder while it trains: metrics, loss plot, sheets of samples, TensorBoard's event files;
//! and the progress on the terminal.

mod tensorboard;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{Error, Result};
use crate::files;
use crate::picture::{Canvas, Plot, Series};
use crate::say;
use crate::train::StepReport;
use tensorboard::EventWriter;

const METRICS: &str = "metrics.jsonl";
/// TensorBoard's folder.
const LOGS: &str = "logs";

/// One line of `metrics.jsonl`.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Line {
    step: usize,
    epoch: f64,
    loss: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    val_loss: Option<f32>,
    grad_norm: f32,
    lr: f64,
    images_per_second: f64,
    seconds: f64,
}

/// Progress of a run.
pub struct Session {
    out: PathBuf,
    bar: ProgressBar,
    started: Instant,
    steps_here: usize,
    steps_per_epoch: usize,
    log_every: usize,
    recent: Vec<f32>,
    history: Vec<(f64, f64)>,
    validation: Vec<(f64, f64)>,
    events: Option<EventWriter>,
}

impl Session {
    /// Begins, or goes on after `done` steps: lines of steps that were lost with a crash are dropped.
    pub fn new(out: &Path, done: usize, total: usize, steps_per_epoch: usize, log_every: usize) -> Result<Self> {
        fs::create_dir_all(out).map_err(Error::io("create", out))?;
        for folder in [out.to_owned(), out.join("unet")] {
            files::sweep(&folder);
        }
        let kept = keep_lines(&out.join(METRICS), done)?;
        let bar = ProgressBar::new(total as u64).with_position(done as u64);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/blue} {pos}/{len} steps  {msg}  {eta} left") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.reset_eta();
        Ok(Self {
            out: out.to_owned(),
            bar,
            started: Instant::now(),
            steps_here: 0,
            steps_per_epoch,
            log_every: log_every.max(1),
            recent: Vec::new(),
            history: kept.iter().map(|line| (line.step as f64, f64::from(line.loss))).collect(),
            validation: kept.iter().filter_map(|line| Some((line.step as f64, f64::from(line.val_loss?)))).collect(),
            events: None,
        })
    }

    /// Writes event files for TensorBoard too, into `logs`.
    pub fn with_tensorboard(mut self) -> Result<Self> {
        self.events = Some(EventWriter::create(&self.out.join(LOGS), self.bar.position() as usize)?);
        Ok(self)
    }

    /// Takes note of a step, and of the validation loss after it where it was measured.
    pub fn step(&mut self, report: StepReport, val_loss: Option<f32>) -> Result<()> {
        self.steps_here += 1;
        self.recent.push(report.loss);
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = (self.steps_here * report.images) as f64 / seconds.max(1e-9);
        self.bar.set_position(report.step as u64);
        self.bar.set_message(format!("loss {:.4}  {rate:.0} img/s", report.loss));
        let last = report.step == report.total;
        if !report.step.is_multiple_of(self.log_every) && !last && val_loss.is_none() {
            return Ok(());
        }
        let loss = self.recent.iter().sum::<f32>() / self.recent.len() as f32;
        self.recent.clear();
        self.history.push((report.step as f64, f64::from(loss)));
        self.validation.extend(val_loss.map(|loss| (report.step as f64, f64::from(loss))));
        let line = Line {
            step: report.step,
            epoch: report.step as f64 / self.steps_per_epoch as f64,
            loss,
            val_loss,
            grad_norm: report.grad_norm,
            lr: report.lr,
            images_per_second: rate,
            seconds,
        };
        let path = self.out.join(METRICS);
        let text = serde_json::to_string(&line).map_err(|e| Error::Setting { reason: e.to_string() })?;
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        writeln!(file, "{text}").map_err(Error::io("write", &path))?;
        if let Some(events) = &mut self.events {
            let mut scalars = vec![
                ("loss/train", f64::from(loss)),
                ("grad_norm", f64::from(report.grad_norm)),
                ("lr", report.lr),
                ("images_per_second", rate),
            ];
            scalars.extend(val_loss.map(|loss| ("loss/validation", f64::from(loss))));
            events.scalars(report.step, &scalars)?;
        }
        if self.bar.is_hidden() && (report.step.is_multiple_of(20 * self.log_every) || last || val_loss.is_some()) {
            let left = (report.total - report.step) as f64 * seconds / self.steps_here as f64;
            let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
            let validation = val_loss.map_or_else(String::new, |loss| format!("  validation {loss:.4}"));
            say!(
                "step {}/{}  loss {loss:.4}{validation}  {rate:.0} img/s  {} left",
                report.step,
                report.total,
                indicatif::HumanDuration(left)
            );
        }
        Ok(())
    }

    /// Takes note of a sheet of samples.
    pub fn sheet(&mut self, step: usize, sheet: &Canvas) -> Result<()> {
        sheet.save_png(&self.out.join(format!("samples/step-{step:06}.png")))?;
        match &mut self.events {
            Some(events) => events.picture(step, "samples", sheet),
            None => Ok(()),
        }
    }

    /// Draws the loss so far.
    pub fn plot(&self) -> Result<()> {
        let mut series = vec![Series { name: "training".into(), points: self.history.clone(), smooth: 20 }];
        if !self.validation.is_empty() {
            series.push(Series { name: "validation".into(), points: self.validation.clone(), smooth: 1 });
        }
        let plot = Plot { title: "Loss".into(), x_label: "step".into(), log_y: true, series };
        plot.save_svg(&self.out.join("loss.svg"))
    }

    /// Ends the progress bar with a sentence.
    pub fn finish(&self, message: &str) {
        self.bar.finish_and_clear();
        say!("{message}");
    }
}

fn keep_lines(path: &Path, done: usize) -> Result<Vec<Line>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let kept: Vec<(&str, Line)> = text
        .lines()
        .filter_map(|line| Some((line, serde_json::from_str::<Line>(line).ok()?)))
        .filter(|(_, line)| line.step <= done)
        .collect();
    let text: String = kept.iter().map(|(line, _)| format!("{line}\n")).collect();
    files::write_atomic(path, text.as_bytes())?;
    Ok(kept.into_iter().map(|(_, line)| line).collect())
}
