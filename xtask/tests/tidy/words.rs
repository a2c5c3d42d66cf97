//! One name for one thing: words that were given up stay away, and the network's blocks are spelt in one place.

use std::path::Path;

use crate::files::{SOURCES, files, read, rust_files, shown};

/// The only file that describes the UNet: every other one asks it.
const TOPOLOGY: &str = "diffusion/src/unet/topology.rs";
/// As they begin in strings; `mid_block_type` is a word of the configuration.
const BLOCKS: [&str; 4] = ["\"down_blocks", "\"mid_block\"", "\"mid_block.", "\"up_blocks"];

/// A word that is not used any more, what is said instead, and the files (by the start of their path) that may have it.
struct Old {
    word: &'static str,
    new: &'static str,
    except: &'static [&'static str],
}

const fn old(word: &'static str, new: &'static str) -> Old {
    Old { word, new, except: &[] }
}

#[rustfmt::skip]
const OLD: &[Old] = &[
    // Words of prose.
    old("graphics processor", "GPU"),
    old("how-manieth", "index"),
    old("in fours", "in vec4s"),
    // Types and functions.
    old("AdapterUpdate", "AdapterModule"),
    old("CrossWeights", "CrossAttentionWeights"),
    old("GpuRun", "WebGpuRun"),
    old("GpuUNet", "WebGpuUNet"),
    old("Moment", "GuidanceInput"),
    old("NetworkRun", "ConditionedUNet"),
    old("Operations::", "Ops::"),
    old("set_place", "set_backend"),
    // Modules.
    old("diffusion::cpu", "diffusion::unet::cpu"),
    old("diffusion::diffusers", "diffusion::base"),
    old("diffusion::embedding", "diffusion::unet::conditioning"),
    old("diffusion::fold", "diffusion::unet::precompute"),
    old("diffusion::generate", "diffusion::pipeline"),
    old("diffusion::gpu", "diffusion::unet::webgpu"),
    old("diffusion::layers", "diffusion::unet::topology"),
    old("diffusion::network", "diffusion::unet::backend"),
    old("diffusion::spec", "diffusion::unet::parameters"),
    old("graphics.rs", "vulkan.rs"),
    old("kernels::rows", "cpu_kernels::norm"),
    old("product.wgsl", "implicit_gemm.wgsl or matmul.wgsl"),
];

#[test]
fn old_names_are_gone() {
    let kinds = [&SOURCES[..], &["md", "toml"]].concat();
    let mut found = Vec::new();
    for path in files("", &kinds) {
        let name = shown(&path);
        if name == "xtask/tests/tidy/words.rs" {
            continue;
        }
        for (number, line) in (1..).zip(read(&path).lines()) {
            for Old { word, new, except } in OLD {
                let allowed = except.iter().any(|start| name.starts_with(start));
                if !allowed && contains(line, word) {
                    found.push(format!("  {name}:{number} has `{word}`; say `{new}`"));
                }
            }
        }
    }
    assert!(found.is_empty(), "names that are not used any more:\n{}", found.join("\n"));
}

#[test]
fn the_network_is_described_once() {
    for path in rust_files("diffusion/src") {
        if shown(&path) == TOPOLOGY {
            continue;
        }
        for (number, line) in code(&path) {
            for block in BLOCKS {
                assert!(!line.contains(block), "{}:{number} spells {block}: ask {TOPOLOGY}", shown(&path));
            }
        }
    }
}

/// The numbered lines of what is shipped, without comments.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = read(path);
    crate::crates::shipped_lines(&text).map(|(number, line)| (number, line.to_owned())).collect()
}

/// Whether `line` has `word`, not as a part of a longer one. A phrase is found whatever its letters' case.
fn contains(line: &str, word: &str) -> bool {
    let (line, word) = match word.contains(' ') {
        true => (line.to_lowercase(), word.to_lowercase()),
        false => (line.to_owned(), word.to_owned()),
    };
    let is_part = |other: Option<char>| other.is_some_and(|other| other.is_alphanumeric() || other == '_');
    line.match_indices(&word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        // Phrases have plurals.
        !is_part(before) && (word.contains(' ') || word.ends_with(':') || !is_part(after))
    })
}

#[test]
fn words_are_found_whole() {
    assert!(contains("a Graphics processors' time", "graphics processor"));
    assert!(contains("fn f(m: &Moment)", "Moment"));
    assert!(!contains("Moments", "Moment") && !contains("FirstMoment", "Moment"));
    assert!(contains("Operations::Kernels", "Operations::"));
}
