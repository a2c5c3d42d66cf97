//! Curves over steps as SVG: loss while training, accuracy over sampling steps. Tests: here.

use std::fmt::Write;
use std::path::Path;

use crate::error::Result;
use crate::files;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 46.0;
pub(super) const COLOURS: [&str; 6] = ["#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706", "#0891b2"];

/// More points than this cannot be told apart on the screen, and make the file slow to draw.
const MAX_POINTS: usize = 1500;

/// One curve.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// x and y. Points that are not finite (or not positive, on a logarithmic axis) are left out.
    pub points: Vec<(f64, f64)>,
    /// Above 1, draws a moving average over about this many points, and the points themselves pale behind it.
    pub smooth: usize,
}

/// Curves in one frame.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Above the frame.
    pub title: String,
    /// Below the frame.
    pub x_label: String,
    /// Whether the y axis is logarithmic.
    pub log_y: bool,
    /// The curves.
    pub series: Vec<Series>,
}

/// The linear map of values to coordinates in the picture.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn position(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

impl Plot {
    /// Writes the SVG file, whole or not at all.
    ///
    /// # Errors
    /// That it cannot be written.
    pub fn save_svg(&self, path: &Path) -> Result<()> {
        files::write_atomic(path, self.to_svg().as_bytes())
    }

    /// The SVG file's text.
    pub fn to_svg(&self) -> String {
        let curves: Vec<Vec<(f64, f64)>> = self.series.iter().map(|series| self.transformed(&series.points)).collect();
        let all = || curves.iter().flatten();
        let (x_low, x_high) = range(all().map(|p| p.0));
        let (y_low, y_high) = range(all().map(|p| p.1));
        let margin = 0.04 * (y_high - y_low);
        let x = Axis { low: x_low, high: x_high, from: LEFT, to: WIDTH - RIGHT };
        let y = Axis { low: y_low - margin, high: y_high + margin, from: HEIGHT - BOTTOM, to: TOP };

        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="22" font-size="15" font-weight="bold">{}</text>
"##,
            escape(&self.title)
        );
        self.draw_ticks(&mut svg, &x, &y);
        for (i, (series, curve)) in self.series.iter().zip(&curves).enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            if series.smooth > 1 {
                push(&mut svg, &polyline(curve, &x, &y, colour, 0.25, 1.0));
                let smoothed = smoothed(curve, series.smooth);
                push(&mut svg, &polyline(&smoothed, &x, &y, colour, 1.0, 2.0));
            } else {
                push(&mut svg, &polyline(curve, &x, &y, colour, 1.0, 2.0));
            }
            let top = TOP + 16.0 + 18.0 * i as f64;
            let name = escape(&series.name);
            let x = WIDTH - RIGHT - 8.0;
            push(&mut svg, &format!(r#"<text x="{x}" y="{top}" text-anchor="end" fill="{colour}">{name}</text>"#));
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The finite points, y as its logarithm on a logarithmic axis.
    fn transformed(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let y = |y: f64| if self.log_y { y.log10() } else { y };
        let points = points.iter().map(|&(px, py)| (px, y(py)));
        points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    }

    fn draw_ticks(&self, svg: &mut String, x: &Axis, y: &Axis) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in ticks(x.low, x.high) {
            let at = x.position(tick);
            push(svg, &format!(r##"<path d="M{at:.1} {TOP}V{bottom}" stroke="#e5e7eb"/>"##));
            push(
                svg,
                &format!(r#"<text x="{at:.1}" y="{}" text-anchor="middle">{}</text>"#, bottom + 17.0, number(tick)),
            );
        }
        for tick in ticks(y.low, y.high) {
            let (at, value) = (y.position(tick), if self.log_y { 10f64.powf(tick) } else { tick });
            push(svg, &format!(r##"<path d="M{LEFT} {at:.1}H{right}" stroke="#e5e7eb"/>"##));
            push(
                svg,
                &format!(r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#, LEFT - 8.0, at + 4.0, number(value)),
            );
        }
        let middle = (LEFT + right) / 2.0;
        push(
            svg,
            &format!(
                r#"<text x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
                HEIGHT - 8.0,
                escape(&self.x_label)
            ),
        );
    }
}

pub(super) fn push(svg: &mut String, line: &str) {
    svg.push_str(line);
    svg.push('\n');
}

fn polyline(curve: &[(f64, f64)], x: &Axis, y: &Axis, colour: &str, opacity: f64, width: f64) -> String {
    let stride = curve.len().div_ceil(MAX_POINTS).max(1);
    let mut path = String::new();
    let kept = curve.iter().enumerate().filter(|(i, _)| i % stride == 0 || i + 1 == curve.len());
    for (_, &(px, py)) in kept {
        // Writing to a String cannot fail.
        let _ = write!(path, "{:.1},{:.1} ", x.position(px), y.position(py));
    }
    format!(
        r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-opacity="{opacity}" stroke-width="{width}" stroke-linejoin="round"/>"#,
        path.trim_end()
    )
}

/// Exponential moving average that starts as a plain mean, so that the first points are not a guess.
fn smoothed(curve: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let mut mean = 0.0;
    let averaged = curve.iter().enumerate().map(|(i, &(x, y))| {
        mean += (y - mean) / (i + 1).min(window) as f64;
        (x, mean)
    });
    averaged.collect()
}

/// Smallest and largest value; a range of 1 where they are equal or there are none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => (low - 0.5, high + 0.5),
        _ => (0.0, 1.0),
    }
}

/// Round numbers within the range, about six of them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough).unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|&tick| tick <= high).collect()
}

fn number(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 6) };
    let text = format!("{value:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, log_y: bool) -> String {
        let series = vec![Series { name: "a < b".into(), points, smooth: 10 }];
        Plot { title: "Loss".into(), x_label: "step".into(), log_y, series }.to_svg()
    }

    #[test]
    fn curves_stay_within_the_frame_and_bad_points_are_left_out() {
        let mut points: Vec<_> = (0..5000).map(|i| (f64::from(i), 1.0 / f64::from(i + 1))).collect();
        points.extend([(5.0, f64::NAN), (6.0, f64::INFINITY), (7.0, -1.0)]);
        let svg = plot(points, true);
        assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.contains("a &lt; b"));
        let curve = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        let points: Vec<Vec<f64>> =
            curve.split(' ').map(|p| p.split(',').map(|n| n.parse().unwrap()).collect()).collect();
        assert!((100..=MAX_POINTS + 1).contains(&points.len()), "{}", points.len());
        let inside = |p: &Vec<f64>| (LEFT..=WIDTH - RIGHT).contains(&p[0]) && (TOP..=HEIGHT - BOTTOM).contains(&p[1]);
        assert!(points.iter().all(inside));
    }

    #[test]
    fn nothing_and_constants_are_drawn_too() {
        for points in [vec![], vec![(1.0, 2.0)], vec![(0.0, 3.0), (1.0, 3.0)]] {
            assert!(plot(points, false).ends_with("</svg>\n"));
        }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1000.0), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(ticks(0.03, 0.11).iter().map(|&t| number(t)).collect::<Vec<_>>(), ["0.04", "0.06", "0.08", "0.1"]);
        assert_eq!([number(0.0), number(12_000.0), number(0.001_25)], ["0", "12000", "0.00125"]);
    }
}
