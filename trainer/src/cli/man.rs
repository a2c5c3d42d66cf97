//! `trainer man`: manual pages, one for each command. Tests: in `trainer/tests/runs/scripts.rs`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;
use trainer::files::write_atomic;
use trainer::messages::{emit, json, say, shown};

use super::print::print;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command whose page is printed [default: the program's own page]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    of: Option<String>,
    /// Write all pages into this folder, trainer.1, trainer-lora.1 and so on, instead of printing one
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages of `trainer`, which is this `command`.
pub fn run(args: Args, command: Command) -> anyhow::Result<ExitCode> {
    let mut command = command.disable_help_subcommand(true);
    // Gives subcommands the flags of all, and their full names.
    command.build();
    if let Some(dir) = &args.dir {
        let mut files = Vec::new();
        for page in std::iter::once(&command).chain(command.get_subcommands()) {
            let path = dir.join(format!("{}.1", title(page)));
            write_atomic(&path, &rendered(page)?)?;
            files.push(path.display().to_string());
        }
        emit(serde_json::json!({ "files": files }))?;
        say!("{} pages: {}", files.len(), shown(dir.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let page = match &args.of {
        None => &command,
        Some(name) => command.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            anyhow::anyhow!("there is no command \"{name}\"; the commands are {}", names.join(", "))
        })?,
    };
    let text = String::from_utf8_lossy(&rendered(page)?).into_owned();
    match json() {
        true => emit(serde_json::json!({ "page": title(page), "text": text }))?,
        false => print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The page's name: `trainer-lora`.
fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn rendered(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    // A subcommand has no version of its own.
    let source = format!("trainer {}", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("Digit Diffusion").render(&mut page)?;
    Ok(page)
}
