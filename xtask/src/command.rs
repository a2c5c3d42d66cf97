//! Other programs: finding them, running them, saying what went wrong.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A program that never waits for somebody to type.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Says what happens next, on stderr: stdout is for results.
pub fn say(what: impl AsRef<str>) {
    eprintln!("xtask: {}", what.as_ref());
}

/// Where `program` is on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|candidate| candidate.is_file())
}

/// Runs to the end, output shown; an error unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let status = spawn(command)?.wait()?;
    check(command, status)
}

/// As [`run`], but gives up after `limit`.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = spawn(command)?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return check(command, status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("`{}` took longer than {} s", shown(command), limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// What it prints on stdout, without the line's end.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", shown(command), complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Runs to the end, showing stdout line by line and handing each line to `on_line`. True when it succeeds.
pub fn run_reading(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<bool> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            on_line(&line);
        }
    }
    Ok(child.wait()?.success())
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// The command as somebody would type it.
pub fn shown(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Programs that every system has: these tests run where Node is not, too.
    #[test]
    fn a_slow_program_is_stopped() {
        let (program, words): (_, &[&str]) =
            if cfg!(windows) { ("ping", &["-n", "60", "127.0.0.1"]) } else { ("sleep", &["60"]) };
        let error = run_within(command(program).args(words), Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut command("no-such-program-here")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program-here`");
    }

    #[test]
    fn lines_are_read_and_failure_is_seen() {
        let mut lines = Vec::new();
        let (shell, then) = if cfg!(windows) { (["cmd", "/C"], "&") } else { (["sh", "-c"], ";") };
        let script = ["echo one", "echo two", "exit 3"].join(then);
        let ok = run_reading(command(shell[0]).args([shell[1], &script]), |line| {
            lines.push(line.trim_end().to_owned());
        });
        assert!(!ok.unwrap());
        assert_eq!(lines, ["one", "two"]);
    }
}
