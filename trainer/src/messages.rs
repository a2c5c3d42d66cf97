//! What a command says, and to whom. Words go to stderr: [`say`], progress, which `--quiet` silences, and [`warn`], what must be
//! seen all the same. With `--json` stdout belongs to programs: [`emit`] writes the command's result there, one JSON document on
//! one line (of a training: one for each event, the result last), and [`fail`] the error. Without `--json` stdout has what a
//! command prints for people, by [`print()`].
//!
//! Names of files, classes and styles come from others, and a terminal obeys escape sequences: everything that is written here
//! has its control characters escaped. Tests: in `trainer/tests/runs/scripts.rs`.

use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::Value;

use crate::error::{Error, Result};
pub use crate::text::{did_you_mean, nearest, shown};
use crate::text::{escaped, obeyed};

static JSON: AtomicBool = AtomicBool::new(false);
static QUIET: AtomicBool = AtomicBool::new(false);
/// Set in processes whose words another process says, too.
static MUTE: AtomicBool = AtomicBool::new(false);
/// Warnings that no JSON document has told yet.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Sets how the program speaks, once, at its start.
pub fn set(json: bool, quiet: bool) {
    JSON.store(json, Ordering::Relaxed);
    QUIET.store(quiet, Ordering::Relaxed);
}

/// From now on nothing is said, written to stdout or drawn on a terminal: of several processes of one job, the first talks.
pub fn mute(mute: bool) {
    MUTE.store(mute, Ordering::Relaxed);
}

fn is_mute() -> bool {
    MUTE.load(Ordering::Relaxed)
}

/// Whether `--json` was given: stdout is for programs.
pub fn json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Whether `--quiet` was given: nothing but warnings and errors on stderr.
pub fn quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Tells a person how it goes: a line on stderr, like `eprintln!`, but silent with `--quiet`, escaped, and without a panic where
/// nobody reads stderr any more (a training must go on when its terminal is gone).
#[doc(hidden)]
#[macro_export]
macro_rules! __say {
    ($($message:tt)*) => {
        $crate::messages::progress(::std::format_args!($($message)*))
    };
}

/// Tells a person what must be seen even with `--quiet`: `warning: ` and the message on stderr. The next [`emit`] has it, too,
/// under `warnings`.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($message:tt)*) => {
        $crate::messages::warning(::std::format_args!($($message)*))
    };
}

pub use {__say as say, __warn as warn};

#[doc(hidden)]
pub fn progress(message: fmt::Arguments<'_>) {
    if !quiet() {
        line(message);
    }
}

#[doc(hidden)]
pub fn warning(message: fmt::Arguments<'_>) {
    line(format_args!("warning: {message}"));
    if json() {
        WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_string());
    }
}

fn line(message: fmt::Arguments<'_>) {
    if is_mute() {
        return;
    }
    // Where stderr is closed, nobody would read of the failure either.
    let _ = writeln!(io::stderr(), "{}", escaped(&message.to_string(), true));
}

/// A bar of `length` steps, which is not drawn with `--quiet` or `--json`.
pub fn bar(length: u64) -> ProgressBar {
    match quiet() || json() || is_mute() {
        true => ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()),
        false => ProgressBar::new(length),
    }
}

/// With `--json`, writes a document to stdout, on one line; without, nothing. An object gets `warnings`, an array of sentences,
/// where there were any.
///
/// # Errors
/// That stdout cannot be written, unless its reader went away.
pub fn emit(mut document: Value) -> Result<()> {
    if !json() {
        return Ok(());
    }
    let warnings = std::mem::take(&mut *WARNINGS.lock().unwrap_or_else(PoisonError::into_inner));
    if let (Value::Object(fields), false) = (&mut document, warnings.is_empty()) {
        fields.insert("warnings".into(), warnings.into());
    }
    let mut text = String::new();
    // What JSON leaves as it is but a terminal would obey; it stands within strings only.
    for sign in document.to_string().chars() {
        match obeyed(sign) {
            true => sign.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(text, "\\u{unit:04x}")),
            false => text.push(sign),
        }
    }
    text.push('\n');
    stdout(&text)
}

/// Says why the program ends with `code`: `error: ` and the sentence on stderr; with `--json` also
/// `{"error": {"message": sentence, "exit_code": code}}` on stdout.
pub fn fail(sentence: &str, code: u8) {
    refuse(sentence, sentence, code);
}

/// The same with more `words` for people, such as how the command is used.
pub fn refuse(words: &str, sentence: &str, code: u8) {
    line(format_args!("error: {words}"));
    // Where stdout cannot be written, stderr has said what there is to say.
    let _ = emit(serde_json::json!({ "error": { "message": sentence, "exit_code": code } }));
}

/// Writes what a command prints for people to stdout; with `--json`, where it is not the result, to stderr like [`say`].
///
/// # Errors
/// That stdout cannot be written, unless its reader went away, as `head` does.
pub fn print(text: &str) -> Result<()> {
    match json() {
        true => progress(format_args!("{}", text.strip_suffix('\n').unwrap_or(text))),
        false => stdout(&escaped(text, true))?,
    }
    Ok(())
}

fn stdout(text: &str) -> Result<()> {
    if is_mute() {
        return Ok(());
    }
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(Error::Io { action: "write to", path: PathBuf::from("stdout"), source })
        }
        _ => Ok(()),
    }
}
