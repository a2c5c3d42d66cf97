//! The folder `vae/`, as diffusers lays it out.
//!
//! Tests: `tests/it/autoencoder.rs`.

use crate::config::AutoencoderConfig;
use crate::error::{Error, Result, TensorsError};
use crate::state::StateDict;
use crate::tensors::{Metadata, Precision, must_be_numbers, read_tensors, write_tensors};

use super::parameters::check_state;
use super::topology::attention;

/// The autoencoder's configuration, from the folder that has `vae/`.
pub const CONFIG: &str = "vae/config.json";
/// Its weights.
pub const WEIGHTS: &str = "vae/diffusion_pytorch_model.safetensors";

/// Names of the attention's parts in files of older versions, and those of today.
const RENAMED: [(&str, &str); 4] = [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];

/// An autoencoder in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoencoder {
    /// Its configuration.
    pub config: AutoencoderConfig,
    /// Weights by name, f32.
    pub state: StateDict,
}

impl Autoencoder {
    /// Reads `config.json` and the weights (one file, or its shards), and checks that they belong together.
    ///
    /// # Errors
    /// Files that are none, settings that are not supported, weights that are missing, too many, of another shape, or no
    /// numbers; each by name.
    pub fn read(config: &str, weights: &[&[u8]]) -> Result<Self> {
        let config = AutoencoderConfig::from_json(config)?;
        let (mut state, attention) = (StateDict::new(), attention(0).path());
        for shard in weights {
            for (name, mut tensor) in read_tensors(shard)?.0 {
                let name = todays_name(name, &attention);
                // Once they were 1 x 1 convolutions, which compute the same.
                if name.contains(&attention)
                    && let [to, from, 1, 1] = tensor.shape[..]
                {
                    tensor.shape = vec![to, from];
                }
                if state.insert(name.clone(), tensor).is_some() {
                    return Err(Error::SafeTensors(TensorsError::Twice { tensor: name }));
                }
            }
        }
        check_state(&config, &state)?;
        must_be_numbers(&state)?;
        Ok(Self { config, state })
    }

    /// Path inside the folder that has `vae/`, and contents, of the files that `AutoencoderKL.from_pretrained` loads; the
    /// weights last.
    ///
    /// # Errors
    /// Values that the precision does not have.
    pub fn files(&self, precision: Precision) -> Result<[(&'static str, Vec<u8>); 2]> {
        let metadata = Metadata::from([("format".to_owned(), "pt".to_owned())]);
        let weights = write_tensors(&self.state, metadata, precision)?;
        Ok([(CONFIG, self.config.to_json().into_bytes()), (WEIGHTS, weights)])
    }
}

fn todays_name(name: String, attention: &str) -> String {
    let Some((half, part)) = name.split_once(&format!(".{attention}.")) else { return name };
    let renamed = RENAMED.iter().find_map(|(old, new)| {
        let rest = part.strip_prefix(old)?.strip_prefix('.')?;
        Some(format!("{half}.{attention}.{new}.{rest}"))
    });
    renamed.unwrap_or(name)
}
