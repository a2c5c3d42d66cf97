//! Ink that was cut out. Tests: of what is made of it, in `place.rs`.

/// How much of each pixel is ink: 0.5 at the edge of a stroke.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coverage {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}
