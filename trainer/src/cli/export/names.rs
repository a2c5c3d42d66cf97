//! Names that the page, its links and its addresses can carry. Tests: here.
//!
//! An adapter's name is a folder of the site, a part of its addresses, an item of the share link's list `styles=a:0.8,b:1`, the
//! element's attribute `lora`, and a folder on the disk of whoever downloads the models. What one of these cannot hold is
//! refused, with the way out.

use anyhow::bail;
use trainer::data::names::composed;
use trainer::messages::shown;

/// Most letters of an adapter's name: what a button of the page and every file system take.
const LONGEST_NAME: usize = 64;
/// Most letters of a title or a description.
const LONGEST_TEXT: usize = 200;
/// Most letters of a noun.
const LONGEST_NOUN: usize = 40;

/// Device names, which Windows gives no file, with any extension.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Whether a text has characters that a terminal would obey, see [`shown`].
fn is_unsafe(text: &str) -> bool {
    shown(text) != text
}

/// Checks an adapter's name.
///
/// # Errors
/// The sentence that says what is wrong, and how to rename it.
pub fn check_adapter(name: &str) -> anyhow::Result<()> {
    let Some(reason) = why_not(name) else { return Ok(()) };
    bail!(
        "an adapter cannot be called \"{}\": {reason}; rename its folder or file to letters, digits, - and _, such as \"{}\"",
        shown(name),
        suggestion(name)
    )
}

fn why_not(name: &str) -> Option<String> {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let numbered = |word: &str| stem.strip_prefix(word).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    // Each of them ends a name, a path or a value somewhere: in addresses, HTML, share links or on Windows.
    let ends = name.chars().find(|letter| r#"/\:,?#%&"<>|*"#.contains(*letter));
    if name.trim().is_empty() {
        Some("that is empty".into())
    } else if is_unsafe(name) {
        Some("it has control characters in it".into())
    } else if let Some(letter) = ends {
        Some(format!("\"{letter}\" means something else in addresses, links or flags"))
    } else if name.starts_with(['-', '.']) {
        Some("at its beginning \"-\" would be a flag, and \".\" a hidden folder".into())
    } else if name.ends_with('.') || name.trim() != name {
        Some("Windows drops a dot at its end, and spaces around it get lost".into())
    } else if RESERVED.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        Some("Windows keeps that name for a device".into())
    } else if name.chars().count() > LONGEST_NAME {
        Some(format!("it has {} letters, {LONGEST_NAME} are the most", name.chars().count()))
    } else {
        None
    }
}

/// The name with what cannot stand in it replaced.
fn suggestion(name: &str) -> String {
    let kept = |letter: char| if letter.is_alphanumeric() || letter == '_' { letter } else { '-' };
    let name: String = name.chars().map(kept).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(LONGEST_NAME).collect();
    let name = name.trim_end_matches('-').to_owned();
    if why_not(&name).is_none() { name } else { format!("style-{name}").trim_end_matches('-').to_owned() }
}

/// Whether two names are one folder on a disk that knows no case, or no accents apart from their letters.
pub fn collide(a: &str, b: &str) -> bool {
    composed(a).to_lowercase() == composed(b).to_lowercase()
}

/// Checks a text that people read: a title, a description.
///
/// # Errors
/// Nothing to be seen in it, control characters, more letters than a heading takes.
pub fn check_text(what: &str, text: &str) -> anyhow::Result<()> {
    check_within(what, text, LONGEST_TEXT)
}

fn check_within(what: &str, text: &str, longest: usize) -> anyhow::Result<()> {
    if text.trim().is_empty() {
        bail!("{what} is empty; give it a word, or leave it out");
    }
    if is_unsafe(text) {
        bail!("{what} \"{}\" has control characters in it; leave them out", shown(text));
    }
    if text.chars().count() > longest {
        bail!("{what} has {} letters, {longest} are the most", text.chars().count());
    }
    Ok(())
}

/// A text of a file from elsewhere, if it can be shown.
pub fn readable(text: &str) -> Option<&str> {
    let text = text.trim();
    check_text("it", text).is_ok().then_some(text)
}

/// Checks the names of classes, which stand on the page, in links and on terminals.
///
/// # Errors
/// The first one with control characters.
pub fn check_classes(labels: &[String]) -> anyhow::Result<()> {
    match labels.iter().enumerate().find(|(_, label)| is_unsafe(label)) {
        None => Ok(()),
        Some((index, label)) => bail!(
            "class {index} is called \"{}\", with control characters in it; rename it in the base's digit_diffusion.json (\"labels\")",
            shown(label)
        ),
    }
}

/// One and many of what the base draws, from "letter" or "leaf,leaves".
///
/// # Errors
/// More words than two, empty ones, control characters.
pub fn noun(text: &str) -> anyhow::Result<[String; 2]> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let [one, many] = match words[..] {
        [one] => [one.to_owned(), plural(one)],
        [one, many] => [one.to_owned(), many.to_owned()],
        _ => bail!(
            "--noun takes one word, or one and many with a comma between them (\"leaf,leaves\"), not \"{}\"",
            shown(text)
        ),
    };
    for word in [&one, &many] {
        check_within("--noun", word, LONGEST_NOUN)?;
    }
    Ok([one, many])
}

/// The English plural by its rule; exceptions are given by hand.
fn plural(word: &str) -> String {
    let before = word.strip_suffix('y').and_then(|stem| stem.chars().next_back());
    match before {
        Some(letter) if !"aeiou".contains(letter) => format!("{}ies", &word[..word.len() - 1]),
        _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end)) => format!("{word}es"),
        _ => format!("{word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_addresses_links_or_flags_are_refused_with_another() {
        for (name, other) in [
            ("", "style"),
            (" ", "style"),
            (".", "style"),
            ("..", "style"),
            ("a/b", "a-b"),
            ("a:0.8", "a-0-8"),
            ("a,b", "a-b"),
            ("a?b#c%d&e", "a-b-c-d-e"),
            ("-n", "n"),
            (".hidden", "hidden"),
            ("end.", "end"),
            (" spaced", "spaced"),
            ("CON", "style-CON"),
            ("com1.v2", "com1-v2"),
            ("bell\u{7}", "bell"),
            ("a\u{202e}b", "a-b"),
            (&"long".repeat(20), &"long".repeat(16)),
        ] {
            let message = check_adapter(name).unwrap_err().to_string();
            assert!(message.ends_with(&format!("such as \"{other}\"")), "{name:?}: {message}");
            assert!(!is_unsafe(&message), "{message:?}");
            assert!(check_adapter(other).is_ok(), "{other}");
        }
        for name in ["outline", "v0.2", "my style", "手写", "com", "com10", "a+b=c", "e\u{301}"] {
            assert!(check_adapter(name).is_ok(), "{name}");
        }
        assert!(collide("Ink", "ink") && collide("e\u{301}", "\u{c9}") && !collide("ink", "inks"));
    }

    #[test]
    fn nouns_have_a_plural() {
        for (given, many) in [("letter", "letters"), ("box", "boxes"), ("berry", "berries"), ("key", "keys")] {
            assert_eq!(noun(given).unwrap(), [given, many]);
        }
        assert_eq!(noun("leaf, leaves").unwrap(), ["leaf", "leaves"]);
        for wrong in ["", "a,", "a,b,c", "a\u{1b}[31m"] {
            assert!(noun(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn classes_and_titles_have_no_control_characters() {
        assert!(check_classes(&["A".into(), "".into(), "ß,/".into()]).is_ok());
        let message = check_classes(&["A".into(), "\u{1b}[2J".into()]).unwrap_err().to_string();
        assert!(message.contains("class 1 is called \"\\u{1b}[2J\""), "{message}");
        assert!(check_text("--title", "Capital letters").is_ok());
        assert!(check_text("--title", "a\nb").is_err() && check_text("--title", " ").is_err());
        assert_eq!((readable(" x "), readable("\u{0}")), (Some("x"), None));
    }
}
