//! What is told of a file or folder.

/// Facts about a file or folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What it is.
    pub kind: &'static str,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// The modules that an adapter changes.
    pub modules: Vec<ModuleFacts>,
}

/// One module of an adapter.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ModuleFacts {
    /// Path in the base.
    pub path: String,
    /// The kind of change.
    pub kind: &'static str,
    /// Rank of the factors, where there is one.
    pub rank: Option<usize>,
    /// `scaling · rank`, or `scaling · sqrt(rank)` of a rank-stabilised adapter.
    pub alpha: Option<f32>,
    /// Frobenius norm of what is added to the weight at strength 1, where it is known without the base.
    pub norm: Option<f32>,
}
