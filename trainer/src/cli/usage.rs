//! The command line, taken apart by clap, and what is said of one that makes no sense. Tests: in `trainer/tests/runs/scripts.rs`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Command, FromArgMatches};
use serde_json::json;
use trainer::messages;

use super::flags;

/// What `args` ask of `command`, the program's name first. Otherwise what was asked for (help, version) or what is wrong has been
/// said, and the program ends with this code.
pub fn parse<T: FromArgMatches>(command: Command, args: &[OsString], features: &[&str]) -> Result<T, ExitCode> {
    let parsed = command.clone().try_get_matches_from(args).and_then(|matches| T::from_arg_matches(&matches));
    parsed.map_err(|mut error| {
        let code = u8::try_from(error.exit_code()).unwrap_or(2);
        messages::set(args.iter().any(|arg| arg == "--json"), false);
        if !error.use_stderr() {
            // Where stdout is closed, nobody would read of the failure either.
            let _ = match (messages::json(), error.kind()) {
                (false, _) => error.print().is_ok(),
                (true, ErrorKind::DisplayVersion) => {
                    messages::emit(json!({ "version": env!("CARGO_PKG_VERSION"), "features": features })).is_ok()
                }
                (true, _) => messages::print(&error.render().to_string()).is_ok(),
            };
            return ExitCode::from(code);
        }
        advise(&mut error, &command, args);
        let words = error.render().to_string();
        let words = words.trim_start_matches("error: ").trim_end();
        messages::refuse(words, &sentence(words), code);
        ExitCode::from(code)
    })
}

/// What is wrong and what to do, on one line: without how the command is used at all.
fn sentence(words: &str) -> String {
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| words.find(mark)).min();
    words[..end.unwrap_or(words.len())].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Adds what to write instead, by its meaning before its spelling.
fn advise(error: &mut Error, command: &Command, args: &[OsString]) {
    let text = |error: &Error, kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let named = args.iter().skip(1).find_map(|arg| command.find_subcommand(arg));
    let advice = match error.kind() {
        ErrorKind::UnknownArgument => {
            let unknown = text(error, ContextKind::InvalidArg);
            error.remove(ContextKind::SuggestedArg);
            named.and_then(|command| flags::instead(command, &unknown))
        }
        ErrorKind::InvalidSubcommand => {
            flags::other_command(&text(error, ContextKind::InvalidSubcommand)).map(str::to_owned)
        }
        _ => None,
    };
    if let Some(advice) = advice {
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    }
}
