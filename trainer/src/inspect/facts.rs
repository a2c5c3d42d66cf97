//! What is told of a file or folder.

use diffusion::adapter::{Adapter, Update};

/// Facts about a file or folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What it is.
    pub kind: &'static str,
    /// Name and value, in order.
    pub facts: Vec<(&'static str, String)>,
    /// The modules that an adapter changes.
    pub modules: Vec<ModuleFacts>,
    /// Tensors of an adapter's file that are of no use here.
    pub unused: Vec<UnusedFacts>,
}

/// What of an adapter is not known where its base is not there. `flat`: its names have underscores for dots.
pub(super) fn needs_the_base(adapter: &Adapter, flat: bool) -> String {
    let mut needs = vec!["whether its modules and shapes fit".to_owned()];
    if flat {
        needs.push("which underscores of its modules' names are dots".to_owned());
    }
    // Of plain LoRA the factors alone tell it.
    let mut kinds: Vec<&str> =
        adapter.modules.values().filter(|update| update.lora().is_none()).map(Update::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if !kinds.is_empty() {
        needs.push(format!("how much the weights change by {}", kinds.join(", ")));
    }
    needs.join("; ")
}

/// Tensors that are not used, for one reason.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct UnusedFacts {
    /// Their names in the file.
    pub tensors: Vec<String>,
    /// Why.
    pub reason: String,
}

impl UnusedFacts {
    /// What an adapter leaves out, by its reasons.
    pub fn of(adapter: &Adapter) -> Vec<Self> {
        let mut facts: Vec<Self> = Vec::new();
        for unused in &adapter.unused {
            // Sentences that name their tensor differ in nothing else.
            let reason = unused.error.to_string().replace(&unused.tensor, "it");
            match facts.iter_mut().find(|known| known.reason == reason) {
                Some(known) => known.tensors.push(unused.tensor.clone()),
                None => facts.push(Self { tensors: vec![unused.tensor.clone()], reason }),
            }
        }
        facts
    }

    /// The names, the first of many, and how many more there are.
    pub fn names(&self) -> String {
        const SHOWN: usize = 4;
        let names = self.tensors.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        match self.tensors.len().saturating_sub(SHOWN) {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }
}

/// What is said of pictures with so many channels.
pub fn colour(channels: usize) -> &'static str {
    if channels == 1 { "" } else { " in colour" }
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
