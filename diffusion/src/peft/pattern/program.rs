//! A pattern as steps for a backtracking matcher, and the matcher.
//!
//! Tests: `tests/it/patterns.rs`, against `re` itself.

use super::error::PatternError;
use super::parse::{Member, Node, Parsed, is_of_word};

/// Steps that a program may have: counted repetitions are written out.
const LONGEST: usize = 10_000;
/// Steps that a match may take.
const PATIENCE: usize = 200_000;

#[derive(Debug)]
enum Step {
    /// A character that fits: one `Char`, `Any` or `Set`.
    One(Node),
    /// What must hold here: `Start`, `End`, `VeryEnd` or `Edge`.
    Assert(Node),
    /// What a group matched, again; whether case is ignored.
    Back(usize, bool),
    /// On at the first; at the second if that fails.
    Split(usize, usize),
    Jump(usize),
    /// Keeps the position in a slot.
    Save(usize),
    /// Fails where nothing was consumed since the slot was saved.
    Progress(usize),
    /// The steps that follow, up to `Done`, from this many characters before; whether they must fail. Goes on behind.
    Look(Option<usize>, bool, usize),
    /// The steps that follow, up to `Done`, once. Goes on behind.
    Atomic(usize),
    /// Elsewhere if a group took no part.
    Unless(usize, usize),
    Done,
}

#[derive(Debug)]
pub(super) struct Program {
    steps: Vec<Step>,
    slots: usize,
    pub names: Vec<(String, usize)>,
}

impl Program {
    pub(super) fn new(parsed: &Parsed) -> Result<Self, PatternError> {
        let mut program = Self { steps: Vec::new(), slots: 2 * parsed.groups, names: parsed.names.clone() };
        program.write(&parsed.node)?;
        program.push(Step::Done)?;
        Ok(program)
    }

    /// The index of the step.
    fn push(&mut self, step: Step) -> Result<usize, PatternError> {
        if self.steps.len() == LONGEST {
            return Err("it repeats too much");
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn write(&mut self, node: &Node) -> Result<(), PatternError> {
        match node {
            Node::Char(..) | Node::Any | Node::Set(..) => drop(self.push(Step::One(node.clone()))?),
            Node::Start | Node::End | Node::VeryEnd | Node::Edge(_) => drop(self.push(Step::Assert(node.clone()))?),
            Node::Back(group, ignore_case) => drop(self.push(Step::Back(*group, *ignore_case))?),
            Node::Group(index, node) => {
                self.push(Step::Save(2 * index))?;
                self.write(node)?;
                self.push(Step::Save(2 * index + 1))?;
            }
            Node::Look(..) | Node::Atomic(_) => {
                let (Node::Look(_, _, inner) | Node::Atomic(inner)) = node else { return Ok(()) };
                let at = self.push(Step::Done)?;
                self.write(inner)?;
                let behind = self.push(Step::Done)? + 1;
                self.steps[at] = match node {
                    Node::Look(width, negative, _) => Step::Look(*width, *negative, behind),
                    _ => Step::Atomic(behind),
                };
            }
            Node::Repeat(node, least, most, lazy) => self.repeat(node, *least, *most, *lazy)?,
            Node::If(group, yes, no) => {
                let at = self.push(Step::Done)?;
                self.write(yes)?;
                let end = self.push(Step::Done)?;
                self.steps[at] = Step::Unless(*group, end + 1);
                self.write(no)?;
                self.steps[end] = Step::Jump(self.steps.len());
            }
            Node::All(nodes) => nodes.iter().try_for_each(|node| self.write(node))?,
            Node::Or(nodes) => {
                let mut ends = Vec::new();
                for (i, node) in nodes.iter().enumerate() {
                    let last = i + 1 == nodes.len();
                    let at = self.steps.len();
                    if !last {
                        self.push(Step::Done)?;
                    }
                    self.write(node)?;
                    if !last {
                        ends.push(self.push(Step::Done)?);
                        self.steps[at] = Step::Split(at + 1, self.steps.len());
                    }
                }
                let behind = self.steps.len();
                ends.into_iter().for_each(|end| self.steps[end] = Step::Jump(behind));
            }
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, least: usize, most: Option<usize>, lazy: bool) -> Result<(), PatternError> {
        for _ in 0..least {
            let before = self.steps.len();
            self.write(node)?;
            // Nothing is not counted out a million times.
            if self.steps.len() == before {
                break;
            }
        }
        let split = |on: usize, out: usize| if lazy { Step::Split(out, on) } else { Step::Split(on, out) };
        let mut exits = Vec::new();
        let rounds = most.map_or(1, |most| most - least);
        for _ in 0..rounds {
            let at = self.push(Step::Done)?;
            exits.push(at);
            if most.is_some() {
                self.write(node)?;
                continue;
            }
            let slot = self.slots;
            self.slots += 1;
            self.push(Step::Save(slot))?;
            self.write(node)?;
            self.push(Step::Progress(slot))?;
            self.push(Step::Jump(at))?;
        }
        let out = self.steps.len();
        exits.into_iter().for_each(|at| self.steps[at] = split(at + 1, out));
        Ok(())
    }
}

/// What is done when a way fails.
enum Undo {
    /// Goes on at a step and a position.
    Try(usize, usize),
    /// Gives a slot its value back.
    Slot(usize, Option<usize>),
}

/// One match of a program.
pub(super) struct Run<'a> {
    program: &'a Program,
    text: &'a [char],
    whole: bool,
    slots: Vec<Option<usize>>,
    patience: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(program: &'a Program, text: &'a [char], whole: bool) -> Self {
        Self { program, text, whole, slots: vec![None; program.slots], patience: PATIENCE }
    }

    pub(super) fn matches(&mut self) -> Result<bool, PatternError> {
        let whole = self.whole;
        Ok(self.from(0, 0, whole)?.is_some())
    }

    /// Where a group began and ended.
    pub(super) fn group(&self, index: usize) -> Option<(usize, usize)> {
        self.slots[2 * index].zip(self.slots[2 * index + 1])
    }

    /// Runs from a step to its `Done`, and gives the position there; `whole`: only the end of the text will do.
    fn from(&mut self, step: usize, at: usize, whole: bool) -> Result<Option<usize>, PatternError> {
        let program = self.program;
        let (mut step, mut at) = (step, at);
        let mut undo = Vec::new();
        loop {
            self.patience = self.patience.checked_sub(1).ok_or("it takes too long")?;
            let next = match &program.steps[step] {
                Step::Done if whole && at < self.text.len() => None,
                Step::Done => return Ok(Some(at)),
                Step::One(node) => self.text.get(at).filter(|c| fits(node, **c)).map(|_| (step + 1, at + 1)),
                Step::Assert(node) => self.holds(node, at).then_some((step + 1, at)),
                Step::Back(group, ignore_case) => {
                    self.repeated(*group, *ignore_case, at).map(|length| (step + 1, at + length))
                }
                Step::Split(first, second) => {
                    undo.push(Undo::Try(*second, at));
                    Some((*first, at))
                }
                Step::Jump(to) => Some((*to, at)),
                Step::Save(slot) => {
                    undo.push(Undo::Slot(*slot, self.slots[*slot].replace(at)));
                    Some((step + 1, at))
                }
                Step::Progress(slot) => (self.slots[*slot] != Some(at)).then_some((step + 1, at)),
                Step::Look(width, negative, behind) => {
                    let start = at.checked_sub(width.unwrap_or(0));
                    let found = match start {
                        Some(start) => self.within(step + 1, start, *negative, &mut undo)?.is_some(),
                        None => false,
                    };
                    (found != *negative).then_some((*behind, at))
                }
                Step::Atomic(behind) => self.within(step + 1, at, false, &mut undo)?.map(|at| (*behind, at)),
                Step::Unless(group, otherwise) => {
                    Some((if self.group(*group).is_some() { step + 1 } else { *otherwise }, at))
                }
            };
            let Some(next) = next.or_else(|| self.back(&mut undo)) else { return Ok(None) };
            (step, at) = next;
        }
    }

    /// Undoes up to the last other way.
    fn back(&mut self, undo: &mut Vec<Undo>) -> Option<(usize, usize)> {
        loop {
            match undo.pop()? {
                Undo::Try(step, at) => return Some((step, at)),
                Undo::Slot(slot, value) => self.slots[slot] = value,
            }
        }
    }

    /// Steps on their own. What their groups matched stays, unless it is to be forgotten or they fail.
    fn within(
        &mut self,
        step: usize,
        at: usize,
        forget: bool,
        undo: &mut Vec<Undo>,
    ) -> Result<Option<usize>, PatternError> {
        let before = self.slots.clone();
        let found = self.from(step, at, false)?;
        if forget || found.is_none() {
            self.slots = before;
        } else {
            let changed = before.into_iter().enumerate().filter(|(slot, value)| self.slots[*slot] != *value);
            undo.extend(changed.map(|(slot, value)| Undo::Slot(slot, value)));
        }
        Ok(found)
    }

    fn holds(&self, node: &Node, at: usize) -> bool {
        let rest = &self.text[at..];
        match node {
            Node::Start => at == 0,
            Node::End => matches!(rest, [] | ['\n']),
            Node::VeryEnd => rest.is_empty(),
            Node::Edge(wanted) => {
                let word = |c: Option<&char>| c.is_some_and(|c| in_class('w', *c));
                let before = at.checked_sub(1).and_then(|before| self.text.get(before));
                (word(before) != word(rest.first())) == *wanted
            }
            _ => false,
        }
    }

    /// Length of what a group matched, if it stands here again.
    fn repeated(&self, group: usize, ignore_case: bool, at: usize) -> Option<usize> {
        let (from, to) = self.group(group)?;
        let (part, rest) = (&self.text[from..to], self.text.get(at..at + to - from)?);
        part.iter().zip(rest).all(|(a, b)| a == b || ignore_case && folded(*a) == folded(*b)).then_some(to - from)
    }
}

/// In lower case. Paths are ASCII, so that of all other letters those count that `re` takes for ones of ASCII; Unicode's
/// tables would be 12 KB of a browser's module.
fn folded(c: char) -> char {
    match c {
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        '\u{212a}' => 'k', // the sign of kelvins
        _ => c.to_ascii_lowercase(),
    }
}

fn in_class(class: char, c: char) -> bool {
    let is = match class.to_ascii_lowercase() {
        'd' => c.is_ascii_digit(),
        's' => c.is_whitespace(),
        _ => is_of_word(c),
    };
    is != class.is_ascii_uppercase()
}

fn fits(node: &Node, c: char) -> bool {
    let holds = |members: &[Member], c: char| {
        members.iter().any(|member| match member {
            Member::Range(from, to) => (*from..=*to).contains(&c),
            Member::Class(class) => in_class(*class, c),
        })
    };
    match node {
        Node::Char(wanted, ignore_case) => *wanted == c || *ignore_case && folded(*wanted) == folded(c),
        Node::Any => c != '\n',
        Node::Set(members, negative, ignore_case) => {
            let upper = || c.to_ascii_uppercase();
            let found = holds(members, c) || *ignore_case && (holds(members, folded(c)) || holds(members, upper()));
            found != *negative
        }
        _ => false,
    }
}
