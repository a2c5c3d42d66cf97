//! The command line as clap has it, with what all commands share and no `Args` says: flags of other programs that mean the same,
//! and what shells complete. Tests: here; of what is said of unknown flags, in `trainer/tests/runs/scripts.rs`.

use clap::{Arg, Command, ValueHint};

use super::headings;

/// Flags of diffusers' and PEFT's example scripts and of kohya's sd-scripts that mean exactly what ours do: taken, in commands
/// that have ours. Every flag may also be written with underscores, as those scripts write theirs.
const SAME: [(&str, &[&str]); 18] = [
    ("alpha", &["lora-alpha", "network-alpha"]),
    ("base", &["model", "base-model", "pretrained-model-name-or-path"]),
    ("batch-size", &["train-batch-size"]),
    ("class-dropout", &["caption-dropout-rate", "conditioning-dropout-prob"]),
    ("data", &["train-data-dir", "instance-data-dir", "dataset"]),
    ("epochs", &["num-train-epochs", "max-train-epochs", "num-epochs"]),
    ("guidance", &["guidance-scale", "cfg-scale", "cfg"]),
    ("label", &["class"]),
    ("lora", &["lora-weights", "lora-path", "adapter"]),
    ("lora-dropout", &["network-dropout"]),
    ("lr", &["learning-rate"]),
    ("out", &["output", "output-dir"]),
    ("rank", &["lora-rank", "lora-r", "network-dim"]),
    ("sampler", &["scheduler"]),
    ("save-every", &["save-every-n-steps", "checkpointing-steps"]),
    ("snr-gamma", &["min-snr-gamma"]),
    ("steps", &["num-inference-steps"]),
    ("warmup-steps", &["lr-warmup-steps"]),
];

/// Flags that people try and that mean nearly, or not at all, what ours do; with what to do instead. Of several answers the first
/// whose flag, the first word, the command has.
const NEAR: [(&str, &[&str]); 46] = [
    ("r", &["--rank N"]),
    ("a", &["--alpha N"]),
    ("o", &["--out PATH"]),
    ("n", &["--count N"]),
    ("s", &["--steps N"]),
    ("v", &["--version"]),
    ("steps", &["--max-train-steps N, the optimizer's steps"]),
    ("num-steps", &["--steps N", "--max-train-steps N"]),
    ("max-steps", &["--max-train-steps N"]),
    ("iterations", &["--steps N", "--max-train-steps N"]),
    ("prompt", &["--label NAMES: what is drawn is named by its class, not by a text"]),
    ("digit", &["--label NAMES"]),
    ("classes", &["--label NAMES"]),
    ("negative-prompt", &["--guidance N: there is nothing else to be guided away from"]),
    ("num-images", &["--count N, pictures of each class"]),
    ("num-images-per-prompt", &["--count N, pictures of each class"]),
    ("num-samples", &["--count N, pictures of each class"]),
    ("batch", &["--batch-size N", "--count N"]),
    ("lora-scale", &["--lora DIR:SCALE, as --lora outline:0.8"]),
    ("strength", &["--lora DIR:SCALE, as --lora outline:0.8"]),
    ("scale", &["--lora DIR:SCALE, as --lora outline:0.8"]),
    ("network-weights", &["--init DIR to train on from an adapter", "--lora DIR"]),
    ("resume-from-checkpoint", &["--resume: it finds the checkpoint in --out by itself"]),
    ("checkpoint", &["--resume: it finds the checkpoint in --out by itself"]),
    ("optimizer", &["--weight-decay N: the optimizer is AdamW"]),
    (
        "lr-scheduler",
        &["--warmup-steps and --lr-floor: the learning rate follows a cosine, --lr-floor 1 keeps it constant"],
    ),
    ("dropout", &["--lora-dropout N", "--class-dropout N"]),
    ("mixed-precision", &["--precision f16 for smaller files", "--device NAME: training computes in 32 bits"]),
    ("fp16", &["--precision f16", "--device NAME: training computes in 32 bits"]),
    ("half", &["--precision f16"]),
    ("gpu", &["--device wgpu or --device cuda"]),
    ("cpu", &["--device cpu, the default"]),
    ("num-workers", &["--threads N"]),
    ("dataloader-num-workers", &["--threads N"]),
    ("workers", &["--threads N"]),
    ("logging-dir", &["--report-to tensorboard, which writes to OUT/logs"]),
    ("logging-steps", &["--log-every N"]),
    ("validation-steps", &["--validate-every N"]),
    ("val-split", &["--hold-out N, a number of pictures"]),
    ("validation-split", &["--hold-out N, a number of pictures"]),
    (
        "resolution",
        &["--fit HOW: the base decides the size, pictures are fitted", "--base DIR: the base decides the size"],
    ),
    ("size", &["--fit HOW: the base decides the size, pictures are fitted", "--base DIR: the base decides the size"]),
    ("gif", &["--filmstrip --out NAME.gif"]),
    ("format", &["--to peft or --to kohya"]),
    ("verbose", &["--log-every N", "--json: there is no more to say for people"]),
    ("silent", &["--quiet"]),
];

/// Commands that people try, and what to run.
const COMMANDS: [(&str, &str); 12] = [
    ("train", "'base' trains a base model, 'lora' an adapter"),
    ("finetune", "'lora' trains an adapter, 'base --init DIR' a base further"),
    ("fine-tune", "'lora' trains an adapter, 'base --init DIR' a base further"),
    ("draw", "'sample' draws"),
    ("generate", "'sample' draws"),
    ("infer", "'sample' draws"),
    ("download", "'data' fetches MNIST"),
    ("fetch", "'data' fetches MNIST"),
    ("info", "'inspect' says what a file is"),
    ("evaluate", "'eval' measures"),
    ("test", "'eval' measures"),
    ("version", "'--version' tells it"),
];

/// The command line with what is the same for all commands.
pub fn completed(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let longs: Vec<String> = command.get_arguments().filter_map(Arg::get_long).map(str::to_owned).collect();
        command.mut_args(|arg| {
            let arg = match (arg.get_help_heading(), headings::of(&name, arg.get_id().as_str())) {
                (None, Some(heading)) => arg.help_heading(heading),
                _ => arg,
            };
            let Some(long) = arg.get_long().map(str::to_owned) else { return hinted(arg) };
            let same = SAME.iter().filter(|(ours, _)| *ours == long).flat_map(|(_, others)| others.iter());
            let names: Vec<String> = same.map(|&other| other.to_owned()).chain([long.clone()]).collect();
            let spelled = names.iter().flat_map(|name| [name.clone(), name.replace('-', "_")]);
            let mut aliases: Vec<String> = spelled.filter(|name| *name != long && !longs.contains(name)).collect();
            aliases.sort();
            aliases.dedup();
            // The command line lives as long as the program, and clap wants its names to.
            hinted(arg.aliases(aliases.into_iter().map(|name| &*name.leak())))
        })
    })
}

/// The flag with what a shell completes after it, where nothing else says so.
fn hinted(arg: Arg) -> Arg {
    let hint = match arg.get_id().as_str() {
        "base" | "cache" | "judges" | "mnist" | "dir" | "from" => ValueHint::DirPath,
        "card" | "labels" | "latents" | "raw" => ValueHint::FilePath,
        "data" | "out" | "lora" | "init" | "path" | "sheet" => ValueHint::AnyPath,
        _ => return arg,
    };
    match arg.get_action().takes_values() {
        true => arg.value_hint(hint),
        false => arg,
    }
}

/// What to write instead of an unknown flag or value of this command, where that can be said.
pub fn instead(command: &Command, unknown: &str) -> Option<String> {
    let has = |long: &str| ["json", "quiet", "version"].contains(&long) || longs(command).any(|known| known == long);
    let bare = unknown.trim_start_matches('-').to_lowercase().replace('_', "-");
    if !unknown.starts_with('-') {
        let flag = match command.get_name() {
            "sample" => "--label",
            "base" | "lora" | "data" => "--data",
            "merge" | "export" | "convert" | "eval" => "--lora",
            _ => return None,
        };
        return has(&flag[2..]).then(|| format!("write {flag} {unknown}"));
    }
    let flag = |text: &str| text.split([' ', ',', ':']).next().unwrap_or_default().trim_start_matches('-').to_owned();
    let near = NEAR.iter().find(|(other, _)| *other == bare);
    if let Some(answer) = near.and_then(|(_, answers)| answers.iter().find(|answer| has(&flag(answer)))) {
        return Some(format!("there is {answer}"));
    }
    // Where clap would offer an alias, the flag's own name.
    let names = longs(command).filter(|long| *long != "help");
    trainer::messages::nearest(&bare, names).map(|long| format!("a similar flag is --{long}"))
}

fn longs(command: &Command) -> impl Iterator<Item = &str> {
    command.get_arguments().filter_map(Arg::get_long)
}

/// What to run instead of an unknown command.
pub fn other_command(unknown: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(other, _)| *other == unknown.to_lowercase()).map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn command() -> Command {
        completed(Cli::command())
    }

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn flags_of_other_programs_are_taken_or_answered() {
        let matches = |args: &[&str]| command().try_get_matches_from(args);
        let args =
            ["trainer", "lora", "--data", "bold", "--lora_rank", "2", "--learning-rate", "1", "--max_train_steps=3"];
        let matches = matches(&args).unwrap();
        let (_, lora) = matches.subcommand().unwrap();
        assert_eq!(lora.get_one::<usize>("rank"), Some(&2));
        assert_eq!((lora.get_one("lr"), lora.get_one("max_train_steps")), (Some(&1.0f64), Some(&3usize)));
        let said = |name: &str, unknown: &str| instead(command().find_subcommand(name).unwrap(), unknown);
        let says = |name: &str, unknown: &str, part: &str| {
            let said = said(name, unknown).unwrap_or_default();
            assert!(said.contains(part), "{name} {unknown}: {said}");
        };
        says("lora", "--steps", "--max-train-steps");
        says("sample", "--prompt", "--label");
        says("sample", "7", "--label 7");
        says("lora", "-r", "--rank");
        says("sample", "--guidanc", "--guidance");
        says("merge", "--silent", "--quiet");
        assert_eq!(said("inspect", "--xyzzy"), None);
        // An answer names a flag that some command has.
        let all = command();
        let known: Vec<&str> = all.get_subcommands().flat_map(longs).chain(["json", "quiet", "version"]).collect();
        let unknown = NEAR.iter().filter(|(_, answers)| {
            answers.iter().all(|answer| !known.iter().any(|long| answer[2..].starts_with(long)))
        });
        assert_eq!(unknown.map(|(name, _)| *name).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
