//! The syntax of Python's `re` (3.11).
//!
//! Tests: `tests/it/patterns.rs`, against `re` itself.

use super::error::PatternError;

/// Whether it is of a word: beyond ASCII, where no path has letters, all are taken for ones.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// A pattern's parts.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A character; whether its case is ignored.
    Char(char, bool),
    /// Any but the end of a line.
    Any,
    /// One of these characters, or none of them; whether case is ignored.
    Set(Vec<Member>, bool, bool),
    /// Start of the text.
    Start,
    /// End of the text, or before the line break that ends it.
    End,
    /// The very end.
    VeryEnd,
    /// An edge of a word, or none.
    Edge(bool),
    /// A group with its number.
    Group(usize, Box<Node>),
    /// What a group matched; whether case is ignored.
    Back(usize, bool),
    /// Look-ahead or look-behind over this many characters; whether it must not match.
    Look(Option<usize>, bool, Box<Node>),
    /// Without going back into it.
    Atomic(Box<Node>),
    /// Repetition: least, most, whether as few as possible.
    Repeat(Box<Node>, usize, Option<usize>, bool),
    /// The first where a group took part, else the second.
    If(usize, Box<Node>, Box<Node>),
    /// One after the other.
    All(Vec<Node>),
    /// One of them.
    Or(Vec<Node>),
}

/// What a set holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Member {
    /// Characters from the first to the second.
    Range(char, char),
    /// A class by the letter of its escape: d, s, w, and in upper case all others.
    Class(char),
}

/// A pattern, the number of its groups (0 is the whole match), and those with a name.
#[derive(Debug)]
pub(super) struct Parsed {
    pub node: Node,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
}

/// Deeper nesting is no pattern that anybody needs.
const DEEPEST: usize = 100;
/// As in `re`, where numbers end.
const MOST: usize = 1 << 20;

pub(super) fn parse(text: &str) -> Result<Parsed, PatternError> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth: 0, closed: vec![false], names: Vec::new() };
    let node = parser.either(false)?;
    if parser.at < parser.text.len() {
        return Err("it has a closing bracket too many");
    }
    Ok(Parsed { node, groups: parser.closed.len(), names: parser.names })
}

pub(super) struct Parser {
    pub text: Vec<char>,
    pub at: usize,
    depth: usize,
    /// Whether each group is closed; the whole, number 0, is open to the end.
    closed: Vec<bool>,
    names: Vec<(String, usize)>,
}

impl Parser {
    pub fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    pub fn take(&mut self, wanted: &str) -> bool {
        let wanted: Vec<char> = wanted.chars().collect();
        let found = self.text[self.at..].starts_with(&wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn until(&mut self, end: char) -> Result<String, PatternError> {
        let length = self.text[self.at..].iter().position(|c| *c == end).ok_or("a bracket is not closed")?;
        let word = self.text[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        Ok(word)
    }

    pub fn digits(&mut self, radix: u32, most: usize) -> String {
        let rest = self.text[self.at..].iter().take(most);
        let digits: String = rest.take_while(|c| c.is_digit(radix)).collect();
        self.at += digits.len();
        digits
    }

    fn either(&mut self, ignore_case: bool) -> Result<Node, PatternError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply");
        }
        let mut branches = vec![self.sequence(ignore_case)?];
        while self.take("|") {
            branches.push(self.sequence(ignore_case)?);
        }
        self.depth -= 1;
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Or(branches) })
    }

    fn sequence(&mut self, ignore_case: bool) -> Result<Node, PatternError> {
        let mut nodes = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            if let Some((least, most)) = self.repetition()? {
                let Some(node) = nodes.pop() else { return Err("nothing stands before a repetition") };
                if matches!(node, Node::Start | Node::End | Node::VeryEnd | Node::Edge(_)) {
                    return Err("nothing stands before a repetition");
                }
                if matches!(&node, Node::Repeat(..))
                    || matches!(&node, Node::Atomic(inner) if matches!(**inner, Node::Repeat(..)))
                {
                    return Err("a repetition is repeated");
                }
                let lazy = self.take("?");
                let repeat = Node::Repeat(Box::new(node), least, most, lazy);
                nodes.push(if !lazy && self.take("+") { Node::Atomic(Box::new(repeat)) } else { repeat });
                continue;
            }
            self.at += 1;
            nodes.push(match c {
                '.' => Node::Any,
                '^' => Node::Start,
                '$' => Node::End,
                '[' => self.set(ignore_case)?,
                '\\' => self.escape(ignore_case)?,
                '(' => match self.group(ignore_case)? {
                    Some(node) => node,
                    None => continue,
                },
                c => Node::Char(c, ignore_case),
            });
        }
        // So that what is in brackets can be repeated, whatever it is.
        Ok(Node::All(nodes))
    }

    /// `*`, `+`, `?`, `{2}`, `{2,}`, `{,3}`, `{2,3}`; other braces are characters.
    fn repetition(&mut self) -> Result<Option<(usize, Option<usize>)>, PatternError> {
        let start = self.at;
        let found = match self.next() {
            Some('*') => Some((0, None)),
            Some('+') => Some((1, None)),
            Some('?') => Some((0, Some(1))),
            Some('{') if self.peek() != Some('}') => {
                let least = self.digits(10, 9);
                let most = if self.take(",") { self.digits(10, 9) } else { least.clone() };
                let number = |digits: &str| digits.parse::<usize>().ok();
                let comma = self.text[start..self.at].contains(&',');
                if self.take("}") && (comma || !least.is_empty()) {
                    Some((number(&least).unwrap_or(0), number(&most)))
                } else {
                    None
                }
            }
            _ => None,
        };
        let Some((least, most)) = found else {
            self.at = start;
            return Ok(None);
        };
        if most.is_some_and(|most| most < least) || least > MOST || most.is_some_and(|most| most > MOST) {
            return Err("a repetition's numbers make no sense");
        }
        Ok(Some((least, most)))
    }

    /// Behind an opening bracket; nothing for a comment.
    fn group(&mut self, ignore_case: bool) -> Result<Option<Node>, PatternError> {
        let mut ignore_case = ignore_case;
        if !self.take("?") {
            return self.capture(None, ignore_case).map(Some);
        }
        if self.take("#") {
            self.until(')')?;
            return Ok(None);
        }
        if self.take("P<") {
            let name = self.until('>')?;
            let first = name.chars().next().is_some_and(|c| is_of_word(c) && !c.is_ascii_digit());
            if !first || !name.chars().all(is_of_word) {
                return Err("a group's name is none");
            }
            if self.names.iter().any(|(known, _)| *known == name) {
                return Err("two groups have one name");
            }
            return self.capture(Some(name), ignore_case).map(Some);
        }
        if self.take("P=") {
            let name = self.until(')')?;
            let index = self.reference(&name)?;
            return Ok(Some(Node::Back(index, ignore_case)));
        }
        if self.take("(") {
            let name = self.until(')')?;
            let index = match name.parse::<usize>() {
                Ok(index) if index > 0 && index < self.closed.len() => index,
                Ok(_) => return Err("it refers to a group that is not there"),
                Err(_) => self.named(&name)?,
            };
            let yes = self.sequence(ignore_case)?;
            let no = if self.take("|") { self.sequence(ignore_case)? } else { Node::All(vec![]) };
            if self.peek() == Some('|') {
                return Err("a condition has more than two branches");
            }
            self.close()?;
            return Ok(Some(Node::If(index, Box::new(yes), Box::new(no))));
        }
        for (opening, behind, negative) in
            [("=", false, false), ("!", false, true), ("<=", true, false), ("<!", true, true)]
        {
            if self.take(opening) {
                let node = self.either(ignore_case)?;
                self.close()?;
                let width =
                    if behind { Some(width(&node).ok_or("what it looks back for has no fixed length")?) } else { None };
                return Ok(Some(Node::Look(width, negative, Box::new(node))));
            }
        }
        let atomic = self.take(">");
        if !atomic && !self.take(":") {
            ignore_case = self.flags(ignore_case)?;
        }
        let node = self.either(ignore_case)?;
        self.close()?;
        Ok(Some(if atomic { Node::Atomic(Box::new(node)) } else { Node::All(vec![node]) }))
    }

    /// `(?i:…)`, `(?s-i:…)`. Paths have one line and are ASCII, so that of all flags only i changes anything.
    fn flags(&mut self, before: bool) -> Result<bool, PatternError> {
        let (mut ignore_case, mut on) = (before, true);
        loop {
            match self.next() {
                Some('i') => ignore_case = on,
                Some('s' | 'm') => {}
                Some('a' | 'u') if on => {}
                Some('-') if on => on = false,
                Some(':') => return Ok(ignore_case),
                Some(')') => {
                    return Err("flags for all of it do not stand at its start, where PEFT puts its own words");
                }
                _ => return Err("it has a kind of bracket that is not supported"),
            }
        }
    }

    fn capture(&mut self, name: Option<String>, ignore_case: bool) -> Result<Node, PatternError> {
        let index = self.closed.len();
        if index > 100 {
            return Err("it has more than 100 groups");
        }
        self.closed.push(false);
        self.names.extend(name.map(|name| (name, index)));
        let node = self.either(ignore_case)?;
        self.close()?;
        self.closed[index] = true;
        Ok(Node::Group(index, Box::new(node)))
    }

    fn close(&mut self) -> Result<(), PatternError> {
        if self.take(")") { Ok(()) } else { Err("a bracket is not closed") }
    }

    fn named(&self, name: &str) -> Result<usize, PatternError> {
        let found = self.names.iter().find(|(known, _)| known == name);
        found.map(|(_, index)| *index).ok_or("it refers to a group that is not there")
    }

    fn reference(&self, name: &str) -> Result<usize, PatternError> {
        let index = self.named(name)?;
        self.must_be_closed(index)
    }

    pub fn must_be_closed(&self, index: usize) -> Result<usize, PatternError> {
        match self.closed.get(index) {
            Some(true) => Ok(index),
            Some(false) => Err("it refers to a group that is still open"),
            None => Err("it refers to a group that is not there"),
        }
    }
}

/// Characters that a match has, where that is the same for all matches.
fn width(node: &Node) -> Option<usize> {
    match node {
        Node::Char(..) | Node::Any | Node::Set(..) => Some(1),
        Node::Start | Node::End | Node::VeryEnd | Node::Edge(_) | Node::Look(..) => Some(0),
        Node::Group(_, node) | Node::Atomic(node) => width(node),
        Node::Back(..) => None,
        Node::Repeat(node, least, most, _) if *most == Some(*least) => width(node)?.checked_mul(*least),
        Node::Repeat(node, ..) => width(node).filter(|width| *width == 0),
        Node::If(_, yes, no) => width(yes).filter(|width| self::width(no) == Some(*width)),
        Node::All(nodes) => nodes.iter().map(width).sum(),
        Node::Or(nodes) => {
            let first = width(nodes.first()?)?;
            nodes.iter().all(|node| width(node) == Some(first)).then_some(first)
        }
    }
}
