//! The parameters by name, as the networks without a tensor library read them when they are packed.

use crate::state::{HostTensor, StateDict};

/// Parameters of one part of the network: those whose names begin with its path.
#[derive(Clone)]
pub struct Weights<'a> {
    base: &'a StateDict,
    changed: &'a StateDict,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// All parameters; those in `changed` in place of the base's own.
    pub fn new(base: &'a StateDict, changed: &'a StateDict) -> Self {
        Self { base, changed, prefix: String::new() }
    }

    /// The part of the network under a path.
    pub fn at(&self, path: impl std::fmt::Display) -> Self {
        Self { prefix: format!("{}{path}.", self.prefix), ..*self }
    }

    /// A parameter's values and shape; empty where there is none. What must be there was checked before
    /// ([`check_state`](super::parameters::check_state)).
    pub fn get(&self, name: &str) -> (&'a [f32], &'a [usize]) {
        self.find(name).map_or((&[], &[]), |tensor| (&tensor.values, &tensor.shape))
    }

    /// A copy of a parameter's values.
    pub fn values(&self, name: &str) -> Vec<f32> {
        self.get(name).0.to_vec()
    }

    fn find(&self, name: &str) -> Option<&'a HostTensor> {
        let name = format!("{}{name}", self.prefix);
        self.changed.get(&name).or_else(|| self.base.get(&name))
    }
}
