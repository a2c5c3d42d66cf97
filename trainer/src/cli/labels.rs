//! Classes and other names in lists on the command line. Tests: here, and in `trainer/tests/runs/data.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use trainer::data::names::position;
use trainer::messages::{did_you_mean, say, shown};

/// The word for every class.
pub const ALL: &str = "all";

/// A name in a list, and whether a backslash stood before it.
#[derive(Debug, PartialEq, Eq)]
struct Name {
    text: String,
    escaped: bool,
}

/// Cuts a list at its commas. A comma behind a backslash belongs to the name, and a backslash before a name says that it is
/// no word for all.
fn names(list: &str) -> Vec<Name> {
    let mut names = vec![Name { text: String::new(), escaped: false }];
    let mut signs = list.chars().peekable();
    while let Some(sign) = signs.next() {
        let begins = names.last().is_some_and(|name| name.text.is_empty() && !name.escaped);
        let next = signs.peek().copied();
        match (sign, names.last_mut()) {
            (',', _) => names.push(Name { text: String::new(), escaped: false }),
            ('\\', Some(name)) if matches!(next, Some(',' | '\\')) => {
                name.text.extend(signs.next());
                name.escaped |= begins;
            }
            ('\\', Some(name)) if begins && next.is_some() => name.escaped = true,
            (sign, Some(name)) => name.text.push(sign),
            (_, None) => {}
        }
    }
    names
}

/// Indices of the classes that `--label` names, in its order; all of them for "all". With `repeated`, one that is named twice
/// is drawn twice.
pub fn chosen(lists: &[String], classes: &[String], repeated: bool) -> anyhow::Result<Vec<usize>> {
    let names: Vec<Name> = lists.iter().flat_map(|list| names(list)).collect();
    if let [Name { text, escaped: false }] = &names[..]
        && text == ALL
    {
        if position(classes, ALL).is_some() {
            say!("--label all draws every class; the class \"all\" alone is --label '\\all'");
        }
        return Ok((0..classes.len()).collect());
    }
    let mut found = Vec::new();
    let mut named = BTreeSet::new();
    for Name { text, .. } in &names {
        let Some(index) = position(classes, text) else {
            let with_comma = classes.iter().find(|class| class.contains(','));
            let hint = with_comma.map_or_else(String::new, |class| {
                format!("; a comma within a name has a backslash before it: --label '{}'", class.replace(',', "\\,"))
            });
            anyhow::bail!(
                "there is no class \"{text}\"; the classes are {}{}{hint}",
                listed(classes),
                did_you_mean(text, classes.iter().map(String::as_str))
            );
        };
        if named.insert(index) || repeated {
            found.push(index);
        }
    }
    Ok(found)
}

/// Names for a message, the first where there are many; in quotation marks where one has a comma in it.
fn listed(classes: &[String]) -> String {
    const MOST: usize = 30;
    let quote = if classes.iter().any(|class| class.contains(',')) { "\"" } else { "" };
    let names: Vec<String> = classes.iter().take(MOST).map(|class| format!("{quote}{}{quote}", shown(class))).collect();
    let more = classes.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// The values of a flag that takes several, cut at commas. What is there on disk under the whole of it is one.
pub fn sources(values: &[String]) -> Vec<String> {
    let cut = |value: &String| match Path::new(value).exists() {
        true => vec![value.clone()],
        false => value.split(',').map(str::to_owned).collect(),
    };
    values.iter().flat_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn every_class_can_be_named() {
        let classes = strings(&["1", "5", "1,5", "all", r"\", r"a\b", "e\u{301}", ""]);
        let indices = |lists: &[&str]| chosen(&strings(lists), &classes, false).unwrap();
        assert_eq!(indices(&["all"]).len(), classes.len());
        assert_eq!(indices(&["5,1"]), [1, 0]);
        assert_eq!(indices(&["5", "1", "5"]), [1, 0], "also one by one, and no picture twice");
        assert_eq!(chosen(&strings(&["5,5"]), &classes, true).unwrap(), [1, 1]);
        assert_eq!(indices(&[r"1\,5"]), [2]);
        assert_eq!(indices(&[r"\all"]), [3]);
        assert_eq!(indices(&["1,all"]), [0, 3], "in a list it is a name");
        assert_eq!(indices(&[r"\\,a\b,\5"]), [4, 5, 1]);
        assert_eq!(indices(&["\u{e9},,1"]), [6, 7, 0]);
    }

    #[test]
    fn unknown_classes_are_told_with_those_there_are() {
        let message =
            |name: &str, classes: &[&str]| chosen(&strings(&[name]), &strings(classes), false).unwrap_err().to_string();
        assert_eq!(message("3", &["1", "2"]), "there is no class \"3\"; the classes are 1, 2");
        let told = message("red", &["red,round", "blue"]);
        assert!(told.contains(r#"are "red,round", "blue""#) && told.contains(r"--label 'red\,round'"), "{told}");
    }

    #[test]
    fn what_is_on_disk_is_not_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine,yours");
        std::fs::create_dir(&path).unwrap();
        let shown = path.display().to_string();
        assert_eq!(sources(&[shown.clone(), "outline,dotted".into()]), [shown.as_str(), "outline", "dotted"]);
    }
}
