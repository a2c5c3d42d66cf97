//! No circle of files within a crate: what a file needs lies below it.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::files::{files, read, root, shown};

const CRATES: [&str; 8] =
    ["cpu-kernels", "diffusion", "intake", "trainer", "web", "web-training", "web-values", "xtask"];

/// `unet::cpu` is ["unet", "cpu"].
type Module = Vec<String>;
/// Who uses whom, with a path that says so.
type Uses = BTreeMap<Module, BTreeMap<Module, String>>;

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles: Vec<String> = CRATES
        .into_iter()
        .filter_map(|krate| {
            let uses = Crate::read(krate).uses();
            let circle = circle(&uses)?;
            Some(format!("{krate}: {}", told(&uses, &circle)))
        })
        .collect();
    assert!(circles.is_empty(), "move what they share into a file below both:\n{}", circles.join("\n"));
}

fn told(uses: &Uses, circle: &[Module]) -> String {
    let steps = circle.iter().zip(circle.iter().cycle().skip(1));
    steps.map(|(from, to)| format!("\n  {} uses {}", name(from), uses[from][to])).collect()
}

fn name(module: &Module) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.join("::") }
}

/// The files of a crate as modules; the library's root is [].
struct Crate {
    files: BTreeMap<Module, TokenStream>,
    /// What a module imports is visible under its own path, too: (module, name) → the path it comes from.
    imports: BTreeMap<(Module, String), Module>,
}

impl Crate {
    fn read(krate: &str) -> Self {
        let folder = root().join(krate).join("src");
        let mut of = BTreeMap::new();
        for path in files(&format!("{krate}/src"), &["rs"]) {
            let module = module(path.strip_prefix(&folder).unwrap());
            let text = read(&path);
            let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", shown(&path)));
            of.insert(module, shipped(tokens));
        }
        // A crate without a library begins in main.rs.
        if !of.contains_key(&Module::new())
            && let Some(main) = of.remove(&vec!["main".to_owned()])
        {
            of.insert(Module::new(), main);
        }
        Self::new(of)
    }

    fn new(files: BTreeMap<Module, TokenStream>) -> Self {
        let mut of = Self { files, imports: BTreeMap::new() };
        let mut imports = BTreeMap::new();
        for (module, tokens) in &of.files {
            for used in of.paths(module, tokens) {
                if let Some(name) = used.name {
                    imports.insert((module.clone(), name), used.path);
                }
            }
        }
        of.imports = imports;
        of
    }

    fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (module, tokens) in &self.files {
            for Used { path, exported, .. } in self.paths(module, tokens) {
                if let Some(file) = self.file(&path)
                    && !exported
                    && &file != module
                {
                    uses.entry(module.clone()).or_default().entry(file).or_insert_with(|| path.join("::"));
                }
            }
        }
        uses
    }

    /// The file that has what `path` names; None where it names a whole file, or nothing of this crate.
    fn file(&self, path: &[String]) -> Option<Module> {
        let mut path = path.to_vec();
        // It may have come over several files; a circle of imports does not compile.
        for _ in 0..8 {
            let module =
                (0..=path.len()).rev().map(|n| path[..n].to_vec()).find(|module| self.files.contains_key(module))?;
            let rest = &path[module.len()..];
            let name = rest.first()?;
            match self.imports.get(&(module.clone(), name.clone())) {
                Some(from) => path = [from, &rest[1..]].concat(),
                None => return Some(module),
            }
        }
        None
    }

    /// All paths in a file that begin in this crate, whole.
    fn paths(&self, module: &Module, tokens: &TokenStream) -> Vec<Used> {
        let mut found = Vec::new();
        // Child modules, and modules that are imported, are known by their last name.
        let mut known: BTreeMap<String, Module> = self
            .files
            .keys()
            .filter(|child| child.len() == module.len() + 1 && child.starts_with(module))
            .map(|child| (child.last().unwrap().clone(), child.clone()))
            .collect();
        walk(tokens.clone(), module, &known.clone(), &mut |used| {
            if let (Some(name), true) = (&used.name, self.files.contains_key(&used.path)) {
                known.insert(name.clone(), used.path.clone());
            }
        });
        walk(tokens.clone(), module, &known, &mut |used| found.push(used));
        found
    }
}

/// A path within the crate.
struct Used {
    path: Vec<String>,
    /// What `use` calls it from then on.
    name: Option<String>,
    exported: bool,
}

fn module(file: &Path) -> Module {
    let mut parts: Module = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts == ["lib"] || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Without what `#[cfg(test)]` is written over.
fn shipped(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_for_tests = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#')
            && matches!(tokens.peek(), Some(TokenTree::Group(group)) if group.to_string().replace(' ', "") == "[cfg(test)]");
        if is_for_tests {
            let ends = |token: &TokenTree| match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(mark) => mark.as_char() == ';',
                _ => false,
            };
            for token in tokens.by_ref() {
                if ends(&token) {
                    break;
                }
            }
        } else if let TokenTree::Group(group) = token {
            let inside = proc_macro2::Group::new(group.delimiter(), shipped(group.stream()));
            kept.push(TokenTree::Group(inside));
        } else {
            kept.push(token);
        }
    }
    kept.into_iter().collect()
}

/// Hands every path to `on_path`, those in macros and in braces of a `use`, too.
fn walk(tokens: TokenStream, module: &Module, known: &BTreeMap<String, Module>, on_path: &mut impl FnMut(Used)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    let mut exports = false;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if *word == "pub" => exports = true,
            TokenTree::Ident(word) if *word == "use" => {
                tree(&tokens, &mut { at + 1 }, module, known, Vec::new(), exports, on_path);
                while !is_mark(tokens.get(at), ';') && at < tokens.len() {
                    at += 1;
                }
                exports = false;
            }
            TokenTree::Ident(_) if is_path(&tokens, at) && !is_after_path(&tokens, at) => {
                let mut path = Vec::new();
                while let Some(TokenTree::Ident(word)) = tokens.get(at) {
                    path.push(word.to_string());
                    if !is_path(&tokens, at) {
                        break;
                    }
                    at += 3;
                }
                if let Some(path) = whole(&path, module, known) {
                    on_path(Used { path, name: None, exported: false });
                }
                exports = false;
                continue;
            }
            TokenTree::Group(group) => {
                // The parentheses of `pub(crate)` change nothing.
                if group.delimiter() != Delimiter::Parenthesis {
                    exports = false;
                }
                walk(group.stream(), module, known, on_path);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => exports = false,
        }
        at += 1;
    }
}

/// A tree of `use`: `a::{b, c as d}`.
fn tree(
    tokens: &[TokenTree],
    at: &mut usize,
    module: &Module,
    known: &BTreeMap<String, Module>,
    mut path: Vec<String>,
    exported: bool,
    on_path: &mut impl FnMut(Used),
) {
    let before = path.clone();
    let mut name = None;
    loop {
        let token = tokens.get(*at);
        let ends = token.is_none() || is_mark(token, ',') || is_mark(token, ';');
        match token {
            Some(TokenTree::Ident(word)) if *word == "as" => {
                *at += 1;
                name = tokens.get(*at).map(ToString::to_string);
            }
            Some(TokenTree::Ident(word)) if *word == "self" && !path.is_empty() => {}
            Some(TokenTree::Ident(word)) => path.push(word.to_string()),
            Some(TokenTree::Punct(mark)) if mark.as_char() == '*' => path.push("*".to_owned()),
            Some(TokenTree::Group(group)) => {
                let inside: Vec<_> = group.stream().into_iter().collect();
                let mut at = 0;
                while at < inside.len() {
                    tree(&inside, &mut at, module, known, path.clone(), exported, on_path);
                    at += 1;
                }
                path.clear();
            }
            _ => {}
        }
        if ends {
            if path.len() > before.len() || name.is_some() || (!path.is_empty() && path == before) {
                let name = name.or_else(|| path.last().cloned());
                if let Some(path) = whole(&path, module, known) {
                    on_path(Used { path, name, exported });
                }
            }
            return;
        }
        *at += 1;
    }
}

/// From the crate's root; None for paths that begin elsewhere.
fn whole(path: &[String], module: &Module, known: &BTreeMap<String, Module>) -> Option<Vec<String>> {
    let first = path.first()?;
    let ups = path.iter().take_while(|part| *part == "super").count();
    let (start, rest) = match &**first {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.clone(), &path[1..]),
        "super" => (module[..module.len().checked_sub(ups)?].to_vec(), &path[ups..]),
        name => (known.get(name)?.clone(), &path[1..]),
    };
    Some([&start, rest].concat())
}

/// Whether `::` and a name follow.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    is_mark(tokens.get(at + 1), ':')
        && is_mark(tokens.get(at + 2), ':')
        && matches!(tokens.get(at + 3), Some(TokenTree::Ident(_)))
}

fn is_after_path(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_mark(tokens.get(at - 1), ':') && is_mark(tokens.get(at - 2), ':')
}

fn is_mark(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

/// The shortest circle, or None.
fn circle(uses: &Uses) -> Option<Vec<Module>> {
    let shortest = |start: &Module| {
        let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for next in uses.get(at).into_iter().flat_map(BTreeMap::keys) {
                if next == start {
                    let back = std::iter::successors(Some(at), |at| came_from.get(at).copied());
                    return Some(back.cloned().collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>());
                }
                if next != at && !came_from.contains_key(next) {
                    came_from.insert(next, at);
                    queue.push_back(next);
                }
            }
        }
        None
    };
    uses.keys().filter_map(shortest).min_by_key(Vec::len)
}

fn of(files: &[(&str, &str)]) -> Option<String> {
    let files = files.iter().map(|(path, text)| (module(Path::new(path)), shipped(text.parse().unwrap())));
    let uses = Crate::new(files.collect()).uses();
    circle(&uses).map(|circle| told(&uses, &circle))
}

#[test]
fn circles_are_found_and_told() {
    let circle = of(&[
        ("lib.rs", "pub mod a; pub mod b; pub use a::A;"),
        ("a.rs", "use crate::b::{self, c::C}; pub struct A(b::B);"),
        ("b/mod.rs", "pub mod c; pub struct B;"),
        ("b/c.rs", "pub struct C; pub fn f() -> Vec<u8> { vec![crate::A::new()] }"),
    ]);
    assert_eq!(circle.unwrap(), "\n  a uses b::c::C\n  b::c uses A::new");
}

#[test]
fn what_only_tests_use_and_what_is_exported_is_no_circle() {
    let circle = of(&[
        ("lib.rs", "mod a; mod b; pub use {a::A, b::B};"),
        ("a.rs", "use super::b; pub struct A(b::B); #[cfg(test)] mod tests { use crate::B; }"),
        ("b.rs", "pub struct B; #[cfg(test)] use crate::A;"),
    ]);
    assert_eq!(circle, None);
}

#[test]
fn a_child_that_needs_its_parent_is_a_circle() {
    let circle = of(&[("a/mod.rs", "mod b; use b::B; pub struct A;"), ("a/b.rs", "use super::A; pub struct B(A);")]);
    assert_eq!(circle.unwrap(), "\n  a uses a::b::B\n  a::b uses a::A");
}
