//! JSON as Python's json module writes it, and as it reads it.

use diffusion::config::{ModelInfo, UNetConfig};
use diffusion::json::{number, read, read_any_number};
use diffusion::peft::PeftConfig;
use diffusion::schedule::ScheduleConfig;
use serde_json::json;

use crate::support::*;

const FILE: &str = "a.json";

/// `json.dumps` of a text with quotes, escapes and words that are numbers elsewhere.
#[test]
fn what_python_writes_is_read() {
    let text = "\u{feff}{\"a\": NaN, \"b\": [Infinity, -Infinity, 1], \"c\": \"NaN, \\\"-Infinity\\\\\", \"d\": 1e400,
        \"e\": -1e+400, \"f\": 1e-400, \"NaN\": 2, \"b\": [-Infinity]}";
    let value = read_any_number(FILE, text).unwrap();
    assert!(number(&value["a"]).unwrap().is_nan());
    assert_eq!(number(&value["b"][0]), Some(f64::NEG_INFINITY), "of equal keys the last counts");
    assert_eq!(value["b"].as_array().unwrap().len(), 1);
    assert_eq!(value["c"], "NaN, \"-Infinity\\");
    assert_eq!(number(&value["d"]), Some(f64::INFINITY));
    assert_eq!(number(&value["e"]), Some(f64::NEG_INFINITY));
    assert_eq!(number(&value["f"]), Some(0.0));
    assert_eq!(value["NaN"], 2);
    assert!(value["a"].as_f64().is_none(), "who needs a finite number finds none");
    // A whole number of 400 digits, which Python writes too.
    let huge = format!("[{}]", "7".repeat(400));
    assert_eq!(number(&read_any_number(FILE, &huge).unwrap()[0]), Some(f64::INFINITY));
    assert_eq!(
        read_any_number(FILE, "[123456789012345678901234567890]").unwrap()[0].as_f64(),
        Some(1.2345678901234568e29)
    );
}

#[test]
fn halves_of_surrogate_pairs_become_the_replacement_character() {
    let text = r#"["\ud83d\ude00", "\ud800", "\ude00x", "\ud83d\ud83d\ude00", "\\ud800", "\ud800\n"]"#;
    let want = json!(["😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}😀", "\\ud800", "\u{fffd}\n"]);
    assert_eq!(read(FILE, text).unwrap(), want);
}

#[test]
fn numbers_that_are_not_finite_are_refused_by_name() {
    assert_refused("NaN", read(FILE, "{\"a\": {\"b\": [1, NaN]}}"), &["a.json", "a.b", "finite", "not NaN"]);
    assert_refused("too large", read(FILE, "{\"a\": 1e999}"), &["a must be a finite number", "not 1e999"]);
    assert_refused("alone", read(FILE, "-Infinity"), &["-Infinity"]);
    assert_refused("an adapter", PeftConfig::from_json("{\"r\": 4, \"lora_alpha\": NaN}"), &["lora_alpha", "NaN"]);
    assert_refused("classes", ModelInfo::from_json("{\"format\": 1, \"labels\": [NaN]}"), &["labels", "NaN"]);
    let unet = "{\"_class_name\": \"UNet2DConditionModel\", \"norm_eps\": Infinity}";
    assert_refused("a network", UNetConfig::from_json(unet), &["norm_eps", "Infinity"]);
}

/// A word that looks like one of Python's is no number, and the place of a fault is told.
#[test]
fn faults_remain_faults() {
    for text in [
        "{\"a\": nan}",
        "{\"a\": NaNs}",
        "{\"a\": +Infinity}",
        "[-NaN]",
        "[01]",
        "[1e]",
        "{\"a\": \"\\",
        "[\"\\ud8",
        "",
    ] {
        assert_refused(text, read(FILE, text), &["a.json is not the JSON", "line"]);
    }
    assert_refused("after NaN", read(FILE, "{\"a\": NaN,\n\"b\": x}"), &["line 2 column 6"]);
}

/// diffusers writes this key into every saved `DPMSolverMultistepScheduler`.
#[test]
fn a_saved_dpm_solver_is_read() {
    let config = ScheduleConfig::from_json("{\"lambda_min_clipped\": -Infinity, \"beta_end\": 0.03}").unwrap();
    assert_eq!(config, ScheduleConfig { beta_end: 0.03, ..ScheduleConfig::default() });
}
