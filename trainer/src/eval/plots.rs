//! The report's plots: curves over guidance or over steps, or a bar for each row. Tests: in `report.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use super::report::{Report, Row};
use crate::error::Result;
use crate::files;
use crate::picture::{Plot, Series, bars};

/// The value of a row that is plotted.
type Value = fn(&Row) -> Option<f64>;

/// A setting that curves can run over.
struct Axis {
    name: &'static str,
    value: fn(&Row) -> f64,
}

const AXES: [Axis; 2] = [
    Axis { name: "guidance", value: |row| f64::from(row.guidance) },
    Axis { name: "steps", value: |row| row.steps as f64 },
];

impl Report {
    /// Writes `accuracy.svg` and, where it was measured, `frechet.svg`.
    pub(super) fn save_plots(&self, dir: &Path) -> Result<()> {
        let plots: [(&str, &str, Value); 2] = [
            ("accuracy.svg", "Read as asked, %", |row| Some(100.0 * row.accuracy.as_ref()?.share)),
            ("frechet.svg", "Fréchet distance", Row::distance),
        ];
        let axis = AXES.iter().find(|axis| {
            let first = self.rows.first().map(axis.value);
            self.rows.iter().any(|row| Some((axis.value)(row)) != first)
        });
        for (file, title, value) in plots {
            let svg = match axis {
                Some(axis) => {
                    let series = self.curves(axis, value);
                    Plot { title: title.into(), x_label: axis.name.into(), log_y: false, series }.to_svg()
                }
                None => {
                    bars(title, &self.rows.iter().filter_map(|row| Some((row.name(), value(row)?))).collect::<Vec<_>>())
                }
            };
            if self.rows.iter().any(|row| value(row).is_some()) {
                files::write_atomic(&dir.join(file), svg.as_bytes())?;
            }
        }
        Ok(())
    }

    /// A curve for all rows that differ in the axis alone.
    fn curves(&self, axis: &Axis, value: Value) -> Vec<Series> {
        let mut series = BTreeMap::<String, Vec<(f64, f64)>>::new();
        for row in &self.rows {
            let points = series.entry(row.name_without(axis.name)).or_default();
            points.extend(value(row).map(|value| ((axis.value)(row), value)));
        }
        series.into_iter().map(|(name, points)| Series { name, points, smooth: 1 }).collect()
    }
}

impl Row {
    /// Fréchet distance; by several judges, as a multiple of real pictures', which alone compares among them.
    fn distance(&self) -> Option<f64> {
        if self.judged.is_empty() { self.frechet } else { self.of_real.frechet }
    }

    /// All of its settings.
    fn name(&self) -> String {
        self.name_without("")
    }

    fn name_without(&self, setting: &str) -> String {
        let settings = [
            ("steps", format!("{} steps", self.steps)),
            ("guidance", format!("guidance {}", self.guidance)),
            ("", format!("{} to {}, eta {}", self.guidance_start, self.guidance_stop, self.guidance_eta)),
        ];
        let kept = settings.into_iter().filter(|(name, _)| name.is_empty() || *name != setting).map(|(_, text)| text);
        format!("{}, {}, {}", self.model, self.visiting(), kept.collect::<Vec<_>>().join(", "))
    }
}
