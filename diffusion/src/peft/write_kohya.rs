//! Writing kohya's dialect (`networks.lora` of sd-scripts) and LyCORIS': one file, alphas as tensors, dots of module paths as underscores.
//!
//! Tests: `tests/it/lora_files.rs`.

use crate::adapter::Adapter;
use crate::error::{Result, decimal};
use crate::state::StateDict;
use crate::tensors::{Precision, write_tensors};

use super::config::PeftConfig;
use super::names::{KOHYA_ALPHA, KOHYA_PREFIX, LYCORIS_PREFIX};
use super::write::{self, Dialect};

/// Writes the adapter as kohya and LyCORIS name it. An alpha is `scaling · rank`, so rank-stabilised adapters keep their
/// values.
///
/// # Errors
/// A kind that they have no names for; values that the precision does not hold.
pub fn write_kohya(adapter: &Adapter, title: &str, precision: Precision) -> Result<Vec<u8>> {
    write(adapter, title, precision, (KOHYA_PREFIX, "networks.lora"))
}

/// The same with the prefix of LyCORIS' own files.
///
/// # Errors
/// As [`write_kohya`].
pub fn write_lycoris(adapter: &Adapter, title: &str, precision: Precision) -> Result<Vec<u8>> {
    write(adapter, title, precision, (LYCORIS_PREFIX, "lycoris.kohya"))
}

fn write(adapter: &Adapter, title: &str, precision: Precision, (prefix, module): (&str, &str)) -> Result<Vec<u8>> {
    let mut tensors = StateDict::new();
    for (path, update) in &adapter.modules {
        let name = format!("{prefix}{}", path.replace('.', "_"));
        let named = write::tensors(path, update, Dialect::Kohya)?;
        tensors.extend(named.into_iter().map(|(end, tensor)| (format!("{name}.{end}"), tensor)));
    }
    let config = PeftConfig::describing(adapter);
    let metadata = [
        ("ss_network_module", module),
        ("ss_network_dim", &config.r.to_string()),
        (KOHYA_ALPHA, &decimal(config.lora_alpha.into())),
        ("ss_output_name", title),
        ("modelspec.implementation", "kohya-ss/sd-scripts"),
    ];
    write_tensors(&tensors, write::metadata(adapter, title, &metadata), precision)
}
