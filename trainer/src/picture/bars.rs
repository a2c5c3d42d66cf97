//! A bar chart as SVG, for values that have no axis to run over. Tests: here.

use super::plot::{COLOURS, escape, push};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 20.0;
const TOP: f64 = 40.0;
/// Room for the numbers.
const RIGHT: f64 = 80.0;
/// A name, and its bar below.
const ROW: f64 = 42.0;
const BAR: f64 = 14.0;

/// The SVG file's text: a bar from 0 for each name and value, followed by the value. Values that are negative, infinite or
/// not a number have no bar.
pub fn bars(title: &str, values: &[(String, f64)]) -> String {
    let height = TOP + ROW * values.len() as f64 + 10.0;
    let largest = values.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="22" font-size="15" font-weight="bold">{}</text>
"##,
        escape(title)
    );
    for (i, (name, value)) in values.iter().enumerate() {
        let top = TOP + ROW * i as f64;
        let share = if largest > 0.0 && value.is_finite() { (value / largest).max(0.0) } else { 0.0 };
        let length = share * (WIDTH - LEFT - RIGHT);
        push(&mut svg, &format!(r#"<text x="{LEFT}" y="{:.1}">{}</text>"#, top + 12.0, escape(name)));
        push(
            &mut svg,
            &format!(
                r#"<rect x="{LEFT}" y="{:.1}" width="{length:.1}" height="{BAR}" fill="{}"/>"#,
                top + 18.0,
                COLOURS[0]
            ),
        );
        push(&mut svg, &format!(r#"<text x="{:.1}" y="{:.1}">{value:.2}</text>"#, LEFT + length + 6.0, top + 29.0));
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_fills_the_width_and_odd_values_none_of_it() {
        let svg = bars("a & b", &[("half".into(), 1.0), ("whole".into(), 2.0), ("none".into(), f64::NAN)]);
        assert!(svg.contains("a &amp; b") && svg.matches("<rect x=").count() == 3, "{svg}");
        for width in [r#"width="330.0""#, r#"width="660.0""#, r#"width="0.0""#] {
            assert!(svg.contains(width), "{width}: {svg}");
        }
    }
}
