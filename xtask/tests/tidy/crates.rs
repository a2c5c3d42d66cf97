//! What each crate may know.

use std::path::PathBuf;

use crate::files::{read, root, rust_files, shown};

/// Crates that people may ask questions of, without being answered by a panic.
const NO_PANIC: [&str; 7] = ["cpu-kernels", "diffusion", "intake", "trainer", "web", "web-training", "web-values"];

/// Who may depend on what. `Only` is the whole list; `Never` leaves the rest open.
enum Rule {
    Only(&'static [&'static str]),
    Never(&'static [&'static str]),
}

const DEPENDENCIES: [(&str, Rule); 8] = [
    ("cpu-kernels", Rule::Only(&["libm", "pulp"])),
    (
        "diffusion",
        Rule::Only(&[
            "burn",
            "burn-cubecl",
            "bytemuck",
            "cpu-kernels",
            "futures-channel",
            "half",
            "libm",
            "rand",
            "rand_chacha",
            "safetensors",
            "serde",
            "serde_json",
            "thiserror",
            "wgpu",
        ]),
    ),
    ("intake", Rule::Only(&["image", "thiserror"])),
    (
        "web",
        Rule::Only(&[
            "diffusion",
            "js-sys",
            "sha2",
            "wasm-bindgen",
            "wasm-bindgen-futures",
            "web-sys",
            "web-values",
            "wgpu",
        ]),
    ),
    ("web-training", Rule::Only(&["diffusion", "intake", "js-sys", "serde_json", "wasm-bindgen", "web-values"])),
    ("web-values", Rule::Only(&["console_error_panic_hook", "diffusion", "js-sys", "wasm-bindgen"])),
    (
        "trainer",
        Rule::Never(&["web", "web-training", "web-values", "xtask", "tests", "wasm-bindgen", "js-sys", "web-sys"]),
    ),
    (
        "xtask",
        Rule::Never(&["cpu-kernels", "diffusion", "trainer", "web", "web-training", "web-values", "tests", "burn"]),
    ),
];

#[test]
fn crates_depend_only_on_what_they_may_know() {
    for (krate, rule) in &DEPENDENCIES {
        for dependency in dependencies(krate) {
            let allowed = match rule {
                Rule::Only(names) => names.contains(&&*dependency),
                Rule::Never(names) => !names.contains(&&*dependency),
            };
            assert!(allowed, "{krate} may not depend on {dependency}");
        }
    }
}

#[test]
fn diffusion_touches_nothing_outside_itself() {
    forbid(
        &[rust_files("diffusion/src"), rust_files("cpu-kernels/src"), rust_files("intake/src")].concat(),
        &[
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::thread",
            "std::time",
            "println!",
            "eprintln!",
            "print!",
            "eprint!",
            "dbg!",
        ],
        "the caller reads, prints and measures; diffusion only computes",
    );
}

#[test]
fn people_get_errors_instead_of_panics() {
    for krate in NO_PANIC {
        forbid(
            &rust_files(&format!("{krate}/src")),
            &[".unwrap()", ".expect(", "todo!", "unimplemented!"],
            "return a typed error that says what is wrong",
        );
    }
}

#[test]
fn a_run_outlives_its_terminal() {
    forbid(
        &rust_files("trainer/src"),
        &["println!", "eprintln!", "print!", "eprint!"],
        "these panic; use say! or print",
    );
}

#[test]
fn only_web_knows_the_browser() {
    for krate in ["diffusion", "intake", "trainer", "tests"] {
        forbid(
            &rust_files(krate),
            &["cfg(target_arch", "cfg!(target_arch", "cfg(target_family", "wasm_bindgen"],
            "what differs in the browser belongs into web",
        );
    }
}

#[test]
fn model_code_lives_in_diffusion() {
    let files = [rust_files("web/src"), rust_files("web-training/src"), rust_files("web-values/src")].concat();
    forbid(&files, &["matmul", "softmax", "Conv2d", "sqrt"], "the mathematics belongs into diffusion");
}

fn forbid(files: &[PathBuf], words: &[&str], advice: &str) {
    assert!(!files.is_empty());
    for path in files {
        for (number, line) in shipped_lines(&read(path)) {
            for word in words {
                assert!(!contains_word(line, word), "{}:{number} has `{word}`: {advice}", shown(path));
            }
        }
    }
}

/// `print!` is not in `eprint!`.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !word.starts_with(char::is_alphabetic)
            || !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
    })
}

/// The numbered lines of a Rust file, without comments and without the tests at its end.
pub fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end =
        ["\n#[cfg(test)]\nmod tests {", "\n#[cfg(test)]\npub mod tests {"].iter().find_map(|start| text.find(start));
    let end = end.unwrap_or(text.len());
    (1..).zip(text[..end].lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The names in a crate's tables of dependencies, those for its tests left out.
fn dependencies(krate: &str) -> Vec<String> {
    let manifest = read(&root().join(krate).join("Cargo.toml"));
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.ends_with("dependencies]") && !table.ends_with("dev-dependencies]");
        } else if inside && let Some((name, value)) = line.split_once('=') {
            // `name = { package = "real-name" }` and `name.workspace = true`
            let real = value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
            let name = name.trim().trim_end_matches(".workspace");
            names.push(real.unwrap_or(name).to_owned());
        }
    }
    assert!(!names.is_empty(), "{krate} has no dependencies");
    names
}
