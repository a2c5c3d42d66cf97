//! The kinds of adapters that PEFT's configurations know (`peft_type`), and the settings of each.
//!
//! Tests: `tests/it/lora_files.rs`, `tests/it/adapter_kinds.rs`.

/// `peft_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeftType {
    /// LoRA and DoRA.
    #[default]
    Lora,
    /// LoHa.
    Loha,
    /// LoKr.
    Lokr,
    /// OFT.
    Oft,
    /// BOFT.
    Boft,
    /// HRA.
    Hra,
    /// (IA)³.
    Ia3,
    /// GLoRA.
    Glora,
    /// HiRA.
    Hira,
    /// MiSS.
    Miss,
}

impl PeftType {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Lora,
        Self::Loha,
        Self::Lokr,
        Self::Oft,
        Self::Boft,
        Self::Hra,
        Self::Ia3,
        Self::Glora,
        Self::Hira,
        Self::Miss,
    ];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lora => "LORA",
            Self::Loha => "LOHA",
            Self::Lokr => "LOKR",
            Self::Oft => "OFT",
            Self::Boft => "BOFT",
            Self::Hra => "HRA",
            Self::Ia3 => "IA3",
            Self::Glora => "GLORA",
            Self::Hira => "HIRA",
            Self::Miss => "MISS",
        }
    }

    /// Settings that only this kind has and that are read here, or matter to training alone.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Lora => &[
                "corda_config",
                "eva_config",
                "init_lora_weights",
                "loftq_config",
                "lora_alpha",
                "lora_bias",
                "lora_dropout",
                "lora_ga_config",
                "megatron_core",
                "qalora_group_size",
                "use_dora",
                "use_rslora",
                "velora_config",
            ],
            Self::Loha => &["alpha", "init_weights", "module_dropout", "rank_dropout", "use_effective_conv2d"],
            Self::Lokr => &[
                "alpha",
                "decompose_both",
                "decompose_factor",
                "init_weights",
                "module_dropout",
                "rank_dropout",
                "rank_dropout_scale",
                "use_effective_conv2d",
            ],
            Self::Oft => &[
                "block_share",
                "coft",
                "eps",
                "init_weights",
                "module_dropout",
                "num_cayley_neumann_terms",
                "oft_block_size",
                "use_cayley_neumann",
            ],
            Self::Boft => {
                &["boft_block_num", "boft_block_size", "boft_dropout", "boft_n_butterfly_factor", "init_weights"]
            }
            Self::Hra => &["apply_GS", "init_weights"],
            Self::Ia3 => &["feedforward_modules", "init_ia3_weights"],
            Self::Glora => &["config_A_B", "config_C", "config_D_E", "init_weights"],
            Self::Hira => &["hira_dropout", "init_weights"],
            Self::Miss => &["init_weights", "mini_r", "miss_dropout"],
        }
    }

    /// What the file calls alpha, where the kind has one.
    pub(super) fn alpha(self) -> Option<&'static str> {
        match self {
            Self::Lora => Some("lora_alpha"),
            Self::Loha | Self::Lokr => Some("alpha"),
            _ => None,
        }
    }

    /// Whether r counts reflections, ranks or columns, of which there must be one; else it may be 0.
    pub(super) fn has_rank(self) -> bool {
        !matches!(self, Self::Oft | Self::Boft | Self::Ia3)
    }
}
