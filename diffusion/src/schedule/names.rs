//! The settings of a scheduler that are one of a few names, by diffusers' names.
//!
//! Tests: `tests/it/configs.rs`.

use serde::{Deserialize, Serialize};

use crate::error::{RequestError, Result};

/// An enumeration with the names that diffusers writes.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them, by name.
            pub const ALL: &[(&str, Self)] = &[$(($text, Self::$variant)),+];

            /// As diffusers writes it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

named! {
    /// How the variances beta_t are spaced over the timesteps.
    BetaSchedule {
        /// Evenly from `beta_start` to `beta_end` (DDPM, arXiv 2006.11239).
        Linear = "linear",
        /// Square of evenly spaced square roots (latent diffusion, arXiv 2112.10752).
        ScaledLinear = "scaled_linear",
        /// Cosine (arXiv 2102.09672, eq. 17), each beta at most 0.999.
        SquaredcosCapV2 = "squaredcos_cap_v2",
        /// A sigmoid from `beta_start` to `beta_end` (GeoDiff, arXiv 2203.02923).
        Sigmoid = "sigmoid",
        /// The log-SNR has a Laplace distribution (arXiv 2407.03297), each beta at most 0.999.
        Laplace = "laplace",
    }
}

named! {
    /// What the network was trained to predict.
    PredictionType {
        /// The noise eps.
        Epsilon = "epsilon",
        /// The velocity `sqrt(abar) eps - sqrt(1 - abar) x_0` (arXiv 2202.00512, eq. 11 with phi = t).
        VPrediction = "v_prediction",
        /// The clean picture x_0.
        Sample = "sample",
    }
}

named! {
    /// Which timesteps are visited (arXiv 2305.08891, table 2).
    TimestepSpacing {
        /// From the last timestep to the first, both included.
        Linspace = "linspace",
        /// Multiples of T/N: the last timesteps are left out.
        Leading = "leading",
        /// Multiples of T/N counted from the end: the last timestep is visited.
        Trailing = "trailing",
    }
}

impl TimestepSpacing {
    /// The spacing of a name.
    ///
    /// # Errors
    /// A name that none has.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, spacing)| *spacing);
        found.ok_or_else(|| {
            let known = Self::ALL.iter().map(|(known, _)| (*known).to_owned()).collect();
            RequestError::TimestepSpacing { found: name.to_owned(), known }.into()
        })
    }
}

named! {
    /// The noise level on which the last step lands.
    FinalSigmasType {
        /// None.
        Zero = "zero",
        /// That of the first timestep.
        SigmaMin = "sigma_min",
    }
}

named! {
    /// How Euler finds the sigmas between timesteps.
    InterpolationType {
        /// Linear in sigma, at the timesteps that are visited.
        Linear = "linear",
        /// Evenly in log sigma, whatever the timesteps are.
        LogLinear = "log_linear",
    }
}

named! {
    /// Which number tells a network with v prediction the time, in Euler.
    TimestepType {
        /// The timestep.
        Discrete = "discrete",
        /// `log(sigma) / 4`.
        Continuous = "continuous",
    }
}
