//! Regular expressions as Python's `re` reads them, which is what PEFT's patterns are. Look-around, back references,
//! possessive and lazy repetition are part of it. Where `re` refuses a pattern, so does this; what is refused beside that
//! is said by [`PatternError`].
//!
//! A backtracking matcher: paths of modules are short. A pattern that takes too long is refused, too.
//!
//! Tests: `tests/it/patterns.rs`, against `re` itself.

mod error;
mod escapes;
mod parse;
mod program;

pub(super) use error::PatternError;
use parse::is_of_word;
use program::{Program, Run};

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern(Program);

impl Pattern {
    /// Compiles a pattern.
    pub(super) fn new(text: &str) -> Result<Self, PatternError> {
        let parsed = parse::parse(text)?;
        Program::new(&parsed).map(Self)
    }

    /// Whether the text begins with a match, as `re.match` has it; `whole`: whether all of it is one, as `re.fullmatch`
    /// has it. Of a match, the text of the group with this name, if there is one and it took part.
    pub(super) fn find<'t>(
        &self,
        text: &'t str,
        whole: bool,
        group: &str,
    ) -> Result<Option<Option<&'t str>>, PatternError> {
        let chars: Vec<char> = text.chars().collect();
        let mut run = Run::new(&self.0, &chars, whole);
        if !run.matches()? {
            return Ok(None);
        }
        let offset = |at: usize| chars[..at].iter().map(|c| c.len_utf8()).sum::<usize>();
        let span = self.0.names.iter().find(|(name, _)| name == group).and_then(|(_, index)| run.group(*index));
        Ok(Some(span.map(|(from, to)| &text[offset(from)..offset(to)])))
    }

    /// Whether the text begins with a match.
    pub(super) fn matches(&self, text: &str) -> Result<bool, PatternError> {
        Ok(self.find(text, false, "")?.is_some())
    }
}

/// The text with everything escaped that means something in a pattern.
pub(super) fn escape(text: &str) -> String {
    text.chars().flat_map(|c| (!is_of_word(c)).then_some('\\').into_iter().chain([c])).collect()
}
