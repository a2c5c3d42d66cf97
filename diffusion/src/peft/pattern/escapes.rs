//! Escapes and sets of characters in Python's `re` (3.11).
//!
//! Tests: `tests/it/patterns.rs`, against `re` itself.

use super::error::PatternError;
use super::parse::{Member, Node, Parser};

impl Parser {
    pub fn escape(&mut self, ignore_case: bool) -> Result<Node, PatternError> {
        let Some(c) = self.next() else { return Err("it ends in a backslash") };
        Ok(match c {
            'A' => Node::Start,
            'Z' => Node::VeryEnd,
            'b' | 'B' => Node::Edge(c == 'b'),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Node::Set(vec![Member::Class(c)], false, false),
            '1'..='9' => {
                let second = self.digits(10, 1);
                let octal = |digit: char| digit.is_digit(8);
                let third =
                    second.chars().all(octal) && !second.is_empty() && octal(c) && self.peek().is_some_and(octal);
                if third {
                    let code = format!("{c}{second}{}", self.digits(8, 1));
                    return Ok(Node::Char(character(&code, 8)?, ignore_case));
                }
                let index = format!("{c}{second}").parse().unwrap_or(usize::MAX);
                Node::Back(self.must_be_closed(index)?, ignore_case)
            }
            c => Node::Char(self.plain_escape(c)?, ignore_case),
        })
    }

    /// Escapes that mean one character, within sets and outside.
    fn plain_escape(&mut self, c: char) -> Result<char, PatternError> {
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => character(&format!("0{}", self.digits(8, 2)), 8)?,
            'x' | 'u' | 'U' => {
                let length = [2, 4, 8][usize::from(c != 'x') + usize::from(c == 'U')];
                let digits = self.digits(16, length);
                if digits.len() < length {
                    return Err("a character's code is cut short");
                }
                character(&digits, 16)?
            }
            c if c.is_ascii_alphanumeric() => return Err("it has an escape that does not exist, or is not supported"),
            c => c,
        })
    }

    pub fn set(&mut self, ignore_case: bool) -> Result<Node, PatternError> {
        let negative = self.take("^");
        let mut members: Vec<Member> = Vec::new();
        loop {
            let first = match self.next() {
                None => return Err("a set is not closed"),
                Some(']') if !members.is_empty() => return Ok(Node::Set(members, negative, ignore_case)),
                Some(c) => self.member(c)?,
            };
            let range = self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|c| *c != ']');
            if !range {
                members.push(first);
                continue;
            }
            self.at += 1;
            let last = self.next().ok_or("a set is not closed")?;
            match (first, self.member(last)?) {
                (Member::Range(from, _), Member::Range(to, _)) if from <= to => members.push(Member::Range(from, to)),
                _ => return Err("a range in a set makes no sense"),
            }
        }
    }

    fn member(&mut self, c: char) -> Result<Member, PatternError> {
        if c != '\\' {
            return Ok(Member::Range(c, c));
        }
        let c = match self.next().ok_or("it ends in a backslash")? {
            c @ ('d' | 'D' | 's' | 'S' | 'w' | 'W') => return Ok(Member::Class(c)),
            'b' => '\x08',
            c @ '1'..='7' => character(&format!("{c}{}", self.digits(8, 2)), 8)?,
            c => self.plain_escape(c)?,
        };
        Ok(Member::Range(c, c))
    }
}

fn character(digits: &str, radix: u32) -> Result<char, PatternError> {
    let code = u32::from_str_radix(digits, radix).ok().filter(|code| radix != 8 || *code <= 0o377);
    code.and_then(char::from_u32).ok_or("a character's code is none")
}
