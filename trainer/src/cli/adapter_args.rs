//! Flags of the adapter that `trainer lora` trains. Tests: in `trainer/tests/runs/kinds.rs`.

use std::path::PathBuf;

use trainer::config::{AdapterKind, LoraSettings};

#[derive(Debug, clap::Args)]
pub struct AdapterArgs {
    /// The kind of adapter [default: lora]
    #[arg(long, value_enum)]
    pub kind: Option<AdapterKind>,
    /// Learn the lengths of the weights' rows, too (DoRA)
    #[arg(long)]
    pub dora: bool,
    /// Sides of LoKr's first factor [default: those nearest to the roots]
    #[arg(long, value_name = "N")]
    pub decompose_factor: Option<usize>,
    /// Rank of the factors [default: 4; for few pictures 6]
    #[arg(long, value_name = "N")]
    pub rank: Option<usize>,
    /// Numerator of the scaling alpha / rank [default: 8; for few pictures 12]
    #[arg(long)]
    pub alpha: Option<f32>,
    /// Scale by alpha / sqrt(rank) instead
    #[arg(long)]
    pub use_rslora: bool,
    /// Ranks of single modules, by PEFT's patterns of paths, as conv_in=32,conv.*=8 (the first that matches counts)
    #[arg(long, value_delimiter = ',', value_name = "PATTERN=N")]
    pub rank_pattern: Option<Vec<String>>,
    /// Alphas of single modules, likewise
    #[arg(long, value_delimiter = ',', value_name = "PATTERN=ALPHA")]
    pub alpha_pattern: Option<Vec<String>>,
    /// Linears and convolutions that are changed: names or patterns of paths [default: to_q,to_k,to_v; for few pictures those of --config few]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub target_modules: Option<Vec<String>>,
    /// Probability that an input of the changed modules is dropped in training [default: 0; for few pictures 0.1]
    #[arg(long, value_name = "0..1")]
    pub lora_dropout: Option<f32>,
    /// Start from this adapter (of any kind that is read) instead of from nothing; kind, rank, alpha and targets are its own
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["kind", "dora", "decompose_factor", "use_rslora", "target_modules"])]
    pub init: Option<PathBuf>,
    /// Linears and convolutions that --init does not have, to be changed, too: they begin from nothing, with --rank and --alpha
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub add_modules: Option<Vec<String>>,
}

impl AdapterArgs {
    /// Refuses flags that do not go together.
    pub fn check(&self) -> anyhow::Result<()> {
        let own = [
            ("--rank", self.rank.is_some()),
            ("--alpha", self.alpha.is_some()),
            ("--rank-pattern", self.rank_pattern.is_some()),
            ("--alpha-pattern", self.alpha_pattern.is_some()),
        ];
        if let Some((flag, _)) =
            own.iter().find(|(_, given)| *given && self.init.is_some() && self.add_modules.is_none())
        {
            anyhow::bail!(
                "{flag} cannot be used with --init, whose modules have their own; with --add-modules it is that of further ones"
            );
        }
        Ok(())
    }

    /// What the flags say, over what a configuration does.
    pub fn override_settings(&self, lora: &mut LoraSettings) {
        lora.kind = self.kind.unwrap_or(lora.kind);
        lora.dora |= self.dora;
        lora.decompose_factor = self.decompose_factor.unwrap_or(lora.decompose_factor);
        lora.rank = self.rank.unwrap_or(lora.rank);
        lora.alpha = self.alpha.unwrap_or(lora.alpha);
        lora.use_rslora |= self.use_rslora;
        if let Some(ranks) = &self.rank_pattern {
            lora.rank_pattern.clone_from(ranks);
        }
        if let Some(alphas) = &self.alpha_pattern {
            lora.alpha_pattern.clone_from(alphas);
        }
        if let Some(targets) = &self.target_modules {
            lora.target_modules.clone_from(targets);
        }
        if let Some(more) = &self.add_modules {
            lora.add_modules.clone_from(more);
        }
        lora.dropout = self.lora_dropout.unwrap_or(lora.dropout);
    }
}
