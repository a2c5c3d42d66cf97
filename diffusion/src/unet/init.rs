//! Starting weights for training, the same for a seed on every device.
//!
//! Tests: `tests/it/training.rs`.

use crate::config::UNetConfig;
use crate::noise::NoiseSource;
use crate::state::{HostTensor, StateDict};

use super::parameters::{Shapes, shapes};

/// PyTorch's default for convolutions and Linears (uniform within ±1/sqrt(fan in)), norms at identity, and
/// zero for the last layer of every residual branch and of the network, so that training starts from an
/// almost straight path (zero-init as in arXiv 2105.05233, appendix).
pub fn initial_state(config: &UNetConfig, seed: u64) -> StateDict {
    initial_values(&shapes(config), &["conv2.", "proj_out.", "conv_out."], seed)
}

/// The same for any network: zero for the layers whose names have one of `zeros`.
pub(crate) fn initial_values(shapes: &Shapes, zeros: &[&str], seed: u64) -> StateDict {
    let mut noise = NoiseSource::new(seed);
    let fan_in = |name: &str| {
        let weight = format!("{}.weight", name.rsplit_once('.').map_or(name, |(module, _)| module));
        shapes.get(&weight).map_or(1, |shape| shape[1..].iter().product::<usize>()).max(1)
    };
    let mut state = StateDict::new();
    for (name, shape) in shapes {
        let len = shape.iter().product();
        let is_norm = shape.len() == 1 && name.contains("norm");
        let closes_branch = zeros.iter().any(|part| name.contains(part));
        let values = if is_norm {
            vec![if name.ends_with("weight") { 1.0 } else { 0.0 }; len]
        } else if closes_branch {
            vec![0.0; len]
        } else {
            let bound = 1.0 / (fan_in(name) as f32).sqrt();
            (0..len).map(|_| (2.0 * noise.uniform() - 1.0) * bound).collect()
        };
        state.insert(name.clone(), HostTensor { shape: shape.clone(), values });
    }
    state
}
