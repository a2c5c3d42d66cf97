//! How files are written.

use crate::files::{SOURCES, files, read, root, rust_files, shown};

const LONGEST_FILE: usize = 350;
const LONGEST_LINE: usize = 120;

/// What people look up by name, and ask for its tests.
const NAMES_ITS_TESTS: [&str; 5] = ["schedule.rs", "guidance.rs", "lora.rs", "peft/", "sampler/"];

#[test]
fn files_stay_short() {
    for path in files("", &SOURCES) {
        let lines = read(&path).lines().count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines; over {LONGEST_FILE} it asks to be two files",
            shown(&path)
        );
    }
}

#[test]
fn lines_of_documents_fit_a_screen() {
    let mut long = Vec::new();
    for path in files("", &["md"]) {
        for (number, line) in (1..).zip(read(&path).lines()) {
            let columns = line.chars().count();
            if columns > LONGEST_LINE {
                long.push(format!("  {}:{number} has {columns}", shown(&path)));
            }
        }
    }
    assert!(long.is_empty(), "lines of Markdown have {LONGEST_LINE} columns at most:\n{}", long.join("\n"));
}

/// A document that sends people to a file that is not there is worse than none.
#[test]
fn documents_name_files_that_are_there() {
    const FOLDERS: [&str; 10] = [
        "cpu-kernels/",
        "diffusion/",
        "docs/",
        "intake/",
        "tests/",
        "trainer/",
        "web/",
        "workspace-hack/",
        "www/",
        "xtask/",
    ];
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        for quoted in read(&root().join(document)).split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains(['*', ' ', '<']);
            assert!(!is_path || root().join(quoted).exists(), "{document} names `{quoted}`, which is not there");
        }
    }
}

#[test]
fn formulas_name_their_tests() {
    for path in rust_files("diffusion/src") {
        let name = shown(&path);
        let inside = name.trim_start_matches("diffusion/src/");
        let text = read(&path);
        let must = NAMES_ITS_TESTS.iter().any(|start| inside.starts_with(start));
        let does = text.contains("mod tests") || text.lines().any(|line| line.starts_with("//! Tests: "));
        assert!(does || !must, "{name} has no tests beside it: name them at its top, `//! Tests: tests/it/…`");
        for test in text.lines().filter_map(|line| line.strip_prefix("//! Tests: ")).flat_map(paths) {
            let is_there = [root(), path.parent().unwrap().to_owned()].iter().any(|folder| folder.join(test).exists());
            assert!(is_there, "{name} names {test}, which is not there");
        }
    }
}

/// The paths in a line of prose.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', ',', ';', '`', '(', ')']).map(|word| word.trim_end_matches('.')).filter(|word| word.contains('/'))
}
