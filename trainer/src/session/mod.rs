//! The log of a run: what it leaves in its folder while it trains (`metrics.jsonl`, loss plot, sheets of samples,
//! TensorBoard's event files), and its progress on the terminal. Tests: here; in whole runs, in `trainer/tests/runs`.

mod tensorboard;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{Error, Result};
use crate::files;
use crate::messages::{self, say};
use crate::picture::{Canvas, Plot, Series};
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
    /// Steps done by this process, since `started`.
    steps_here: usize,
    steps_per_epoch: usize,
    log_every: usize,
    /// Losses since the last line.
    recent: Vec<f32>,
    /// Step and training loss of each line.
    history: Vec<(f64, f64)>,
    /// Step and validation loss, where it was measured.
    validation: Vec<(f64, f64)>,
    events: Option<EventWriter>,
}

impl Session {
    /// Begins, or goes on after `done` steps: lines of steps that were lost with a crash are dropped.
    ///
    /// # Errors
    /// A folder that cannot be made, metrics that cannot be read or written.
    pub fn new(out: &Path, done: usize, total: usize, steps_per_epoch: usize, log_every: usize) -> Result<Self> {
        fs::create_dir_all(out).map_err(Error::io("create", out))?;
        for folder in [out.to_owned(), out.join("unet"), out.join("vae")] {
            files::sweep(&folder);
        }
        let kept = keep_lines(&out.join(METRICS), done)?;
        let bar = messages::bar(total as u64).with_position(done as u64);
        // The template is constant. Were it wrong, the bar would have its default looks.
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
    ///
    /// # Errors
    /// That they cannot be written.
    pub fn with_tensorboard(mut self) -> Result<Self> {
        self.events = Some(EventWriter::create(&self.out.join(LOGS), self.bar.position() as usize)?);
        Ok(self)
    }

    /// Logs a step, and the validation loss after it where it was measured.
    ///
    /// # Errors
    /// Files that cannot be written.
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
        let unreadable = |e: serde_json::Error| Error::Setting { reason: e.to_string() };
        let text = serde_json::to_string(&line).map_err(unreadable)?;
        let mut event = serde_json::to_value(&line).map_err(unreadable)?;
        event["event"] = "step".into();
        messages::emit(event)?;
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
            let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX); // too many seconds for it
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

    /// Adds the validation loss of the step that a resumed run had come to.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn validated(&mut self, step: usize, loss: f32) -> Result<()> {
        self.validation.push((step as f64, f64::from(loss)));
        let path = self.out.join(METRICS);
        let mut lines = keep_lines(&path, step)?;
        if let Some(line) = lines.last_mut().filter(|line| line.step == step) {
            line.val_loss = Some(loss);
        }
        let text = lines.iter().map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>();
        let text = text.map_err(|e| Error::Setting { reason: e.to_string() })?;
        files::write_atomic(&path, format!("{}\n", text.join("\n")).as_bytes())?;
        match &mut self.events {
            Some(events) => events.scalars(step, &[("loss/validation", f64::from(loss))]),
            None => Ok(()),
        }
    }

    /// Keeps a sheet of samples.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn sheet(&mut self, step: usize, sheet: &Canvas) -> Result<()> {
        let path = self.out.join(format!("samples/step-{step:06}.png"));
        sheet.save_png(&path)?;
        messages::emit(serde_json::json!({ "event": "sheet", "step": step, "file": path.display().to_string() }))?;
        match &mut self.events {
            Some(events) => events.picture(step, "samples", sheet),
            None => Ok(()),
        }
    }

    /// Draws the loss so far.
    ///
    /// # Errors
    /// That the file cannot be written.
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

/// The lines of the steps up to `done`; the file has no others afterwards.
fn keep_lines(path: &Path, done: usize) -> Result<Vec<Line>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let (mut kept, mut kept_text, mut unreadable) = (Vec::new(), String::new(), 0);
    for line in text.split_inclusive('\n') {
        match serde_json::from_str::<Line>(line) {
            Ok(read) if read.step > done => {}
            Ok(read) => {
                kept.push(read);
                kept_text.push_str(&format!("{}\n", line.trim_end()));
            }
            // The last line of a run that was killed may be half written.
            Err(_) if !line.ends_with('\n') => {}
            Err(_) => unreadable += 1,
        }
    }
    if unreadable > 0 {
        // They are not this program's to throw away: the file is kept under another name.
        let backup = path.with_extension("jsonl.old");
        files::write_atomic(&backup, text.as_bytes())?;
        say!(
            "{} has {unreadable} lines that cannot be read; it goes on without them, and is kept as {}",
            path.display(),
            backup.display()
        );
    }
    files::write_atomic(path, kept_text.as_bytes())?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn lines_after_the_checkpoint_go_and_what_cannot_be_read_is_kept_aside() {
        let dir = tempdir().unwrap();
        let path = dir.path().join(METRICS);
        let line = |step: usize| {
            format!(
                r#"{{"step":{step},"epoch":0.5,"loss":1.0,"grad_norm":1.0,"lr":0.1,"images_per_second":9.0,"seconds":1.0}}"#
            )
        };
        let backup = dir.path().join("metrics.jsonl.old");
        fs::write(&path, format!("{}\n{}\n{}\n{{\"step\":4,\"ep", line(1), line(2), line(3))).unwrap();
        assert_eq!(keep_lines(&path, 2).unwrap().iter().map(|line| line.step).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n{}\n", line(1), line(2)));
        assert!(!backup.exists(), "half a line is what a killed run leaves");

        let odd = format!("{}\n# a note of mine\n{}\n", line(1), line(2));
        fs::write(&path, &odd).unwrap();
        assert_eq!(keep_lines(&path, 2).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(&backup).unwrap(), odd);
    }
}
