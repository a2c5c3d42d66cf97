//! Letters of 3x5 dots for the margins of sheets: digits, capitals and a few signs. Tests: in `grid.rs`.

/// From one letter to the next, in dots.
pub const ADVANCE: usize = 4;

/// Height of a line, in dots.
pub const HEIGHT: usize = 5;

const LETTERS: [(char, [u8; HEIGHT]); 47] = [
    ('0', [0b111, 0b101, 0b101, 0b101, 0b111]),
    ('1', [0b010, 0b110, 0b010, 0b010, 0b111]),
    ('2', [0b111, 0b001, 0b111, 0b100, 0b111]),
    ('3', [0b111, 0b001, 0b111, 0b001, 0b111]),
    ('4', [0b101, 0b101, 0b111, 0b001, 0b001]),
    ('5', [0b111, 0b100, 0b111, 0b001, 0b111]),
    ('6', [0b111, 0b100, 0b111, 0b101, 0b111]),
    ('7', [0b111, 0b001, 0b010, 0b010, 0b010]),
    ('8', [0b111, 0b101, 0b111, 0b101, 0b111]),
    ('9', [0b111, 0b101, 0b111, 0b001, 0b111]),
    ('A', [0b010, 0b101, 0b111, 0b101, 0b101]),
    ('B', [0b110, 0b101, 0b110, 0b101, 0b110]),
    ('C', [0b011, 0b100, 0b100, 0b100, 0b011]),
    ('D', [0b110, 0b101, 0b101, 0b101, 0b110]),
    ('E', [0b111, 0b100, 0b110, 0b100, 0b111]),
    ('F', [0b111, 0b100, 0b110, 0b100, 0b100]),
    ('G', [0b011, 0b100, 0b101, 0b101, 0b011]),
    ('H', [0b101, 0b101, 0b111, 0b101, 0b101]),
    ('I', [0b111, 0b010, 0b010, 0b010, 0b111]),
    ('J', [0b001, 0b001, 0b001, 0b101, 0b010]),
    ('K', [0b101, 0b101, 0b110, 0b101, 0b101]),
    ('L', [0b100, 0b100, 0b100, 0b100, 0b111]),
    ('M', [0b101, 0b111, 0b111, 0b101, 0b101]),
    ('N', [0b110, 0b101, 0b101, 0b101, 0b101]),
    ('O', [0b010, 0b101, 0b101, 0b101, 0b010]),
    ('P', [0b110, 0b101, 0b110, 0b100, 0b100]),
    ('Q', [0b010, 0b101, 0b101, 0b110, 0b011]),
    ('R', [0b110, 0b101, 0b110, 0b101, 0b101]),
    ('S', [0b011, 0b100, 0b010, 0b001, 0b110]),
    ('T', [0b111, 0b010, 0b010, 0b010, 0b010]),
    ('U', [0b101, 0b101, 0b101, 0b101, 0b111]),
    ('V', [0b101, 0b101, 0b101, 0b101, 0b010]),
    ('W', [0b101, 0b101, 0b111, 0b111, 0b101]),
    ('X', [0b101, 0b101, 0b010, 0b101, 0b101]),
    ('Y', [0b101, 0b101, 0b010, 0b010, 0b010]),
    ('Z', [0b111, 0b001, 0b010, 0b100, 0b111]),
    ('.', [0b000, 0b000, 0b000, 0b000, 0b010]),
    (',', [0b000, 0b000, 0b000, 0b010, 0b100]),
    (':', [0b000, 0b010, 0b000, 0b010, 0b000]),
    ('-', [0b000, 0b000, 0b111, 0b000, 0b000]),
    ('_', [0b000, 0b000, 0b000, 0b000, 0b111]),
    ('+', [0b000, 0b010, 0b111, 0b010, 0b000]),
    ('=', [0b000, 0b111, 0b000, 0b111, 0b000]),
    ('/', [0b001, 0b001, 0b010, 0b100, 0b100]),
    ('%', [0b101, 0b001, 0b010, 0b100, 0b101]),
    ('#', [0b101, 0b111, 0b101, 0b111, 0b101]),
    (' ', [0b000, 0b000, 0b000, 0b000, 0b000]),
];

/// Letters that are not in the table are a box.
const UNKNOWN: [u8; HEIGHT] = [0b111, 0b101, 0b101, 0b101, 0b111];

/// Column and row of every dot of a letter. Small letters are drawn as capitals.
pub fn dots(letter: char) -> impl Iterator<Item = (usize, usize)> {
    let capital = letter.to_ascii_uppercase();
    let found = LETTERS.iter().find(|(known, _)| *known == capital);
    let rows = found.map_or(UNKNOWN, |(_, rows)| *rows);
    (0..HEIGHT * 3).map(|i| (i % 3, i / 3)).filter(move |&(x, y)| rows[y] >> (2 - x) & 1 == 1)
}

/// Whether the font has a letter.
pub fn has(letter: char) -> bool {
    LETTERS.iter().any(|(known, _)| *known == letter.to_ascii_uppercase())
}

/// Whether a text can be written above a tile that is `side` pixels wide, at twice its size.
pub fn fits(text: &str, side: usize) -> bool {
    text.chars().all(has) && width(text) < 2 * side
}

/// Width of a text in dots, without the gap after the last letter.
pub fn width(text: &str) -> usize {
    (text.chars().count() * ADVANCE).saturating_sub(1)
}
