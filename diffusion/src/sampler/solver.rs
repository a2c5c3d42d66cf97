//! The updates of DPM-Solver (arXiv 2206.00927), DPM-Solver++ (arXiv 2211.01095) and their stochastic forms, as factors of
//! the sample, of what the network predicted before, and of fresh noise.
//!
//! Tests: `tests/it/scheduler_settings.rs`.

/// Which integral is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Data prediction, deterministic.
    PlusPlus,
    /// Noise prediction, deterministic.
    Noise,
    /// Data prediction with fresh noise.
    SdePlusPlus,
    /// Noise prediction with fresh noise.
    SdeNoise,
}

impl Algorithm {
    /// By diffusers' name; "deis" is what DEIS is taken for there.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "dpmsolver++" | "deis" => Some(Self::PlusPlus),
            "dpmsolver" => Some(Self::Noise),
            "sde-dpmsolver++" => Some(Self::SdePlusPlus),
            "sde-dpmsolver" => Some(Self::SdeNoise),
            _ => None,
        }
    }

    /// Whether its integral is one over the predicted picture.
    pub(super) fn predicts_data(self) -> bool {
        matches!(self, Self::PlusPlus | Self::SdePlusPlus)
    }

    pub(super) fn is_stochastic(self) -> bool {
        matches!(self, Self::SdePlusPlus | Self::SdeNoise)
    }
}

/// (alpha, sigma) of the variance-preserving process at a sigma of the exploding one.
pub(super) fn alpha_sigma(sigma: f32) -> (f32, f32) {
    let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
    (alpha, sigma * alpha)
}

/// Half the log-SNR.
pub(super) fn lambda(sigma: f32) -> f32 {
    let (alpha, sigma) = alpha_sigma(sigma);
    libm::logf(alpha) - libm::logf(sigma)
}

/// `x = sample x + d0 D0 + d1 D1 + d2 D2 + noise z`, where D0 is the newest prediction and D1, D2 its divided differences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update {
    pub(super) sample: f32,
    pub(super) d0: f32,
    pub(super) d1: f32,
    pub(super) d2: f32,
    pub(super) noise: f32,
}

impl Update {
    /// From one sigma to the next. `heun` asks for the exact integral of D1, which is "heun" and the third order, in place
    /// of half of D0's.
    pub(super) fn new(algorithm: Algorithm, here: f32, next: f32, heun: bool) -> Self {
        let ((alpha_here, sigma_here), (alpha_next, sigma_next)) = (alpha_sigma(here), alpha_sigma(next));
        // Infinite where nothing is noise afterwards; exp(-h) is 0 there.
        let h = lambda(next) - lambda(here);
        let (sample, d0, noise) = match algorithm {
            Algorithm::PlusPlus => (sigma_next / sigma_here, -(alpha_next * (libm::expf(-h) - 1.0)), 0.0),
            Algorithm::Noise => (alpha_next / alpha_here, -(sigma_next * (libm::expf(h) - 1.0)), 0.0),
            Algorithm::SdePlusPlus => {
                let lost = 1.0 - libm::expf(-2.0 * h);
                (sigma_next / sigma_here * libm::expf(-h), alpha_next * lost, sigma_next * lost.max(0.0).sqrt())
            }
            Algorithm::SdeNoise => {
                let gained = libm::expf(2.0 * h) - 1.0;
                let d0 = -2.0 * (sigma_next * (libm::expf(h) - 1.0));
                (alpha_next / alpha_here, d0, sigma_next * gained.max(0.0).sqrt())
            }
        };
        let (d1, d2) = if heun { integrals(algorithm, h, alpha_next, sigma_next) } else { (0.5 * d0, 0.0) };
        Self { sample, d0, d1, d2, noise }
    }
}

/// The factors of D1 and D2. In f64: the differences of nearly equal numbers lose half of an f32's digits.
fn integrals(algorithm: Algorithm, h: f32, alpha: f32, sigma: f32) -> (f32, f32) {
    if h == 0.0 {
        return (0.0, 0.0);
    }
    let (h, alpha, sigma) = (f64::from(h), f64::from(alpha), f64::from(sigma));
    // (e^x - 1) / x - 1 and (e^x - 1 - x) / x² - 1/2.
    let first = |x: f64| (libm::exp(x) - 1.0) / x - 1.0;
    let second = |x: f64| (libm::exp(x) - 1.0 - x) / (x * x) - 0.5;
    let (d1, d2) = match algorithm {
        Algorithm::PlusPlus => (-alpha * first(-h), -alpha * second(-h)),
        Algorithm::Noise => (-sigma * first(h), -sigma * second(h)),
        // diffusers subtracts 1/2 where the integral adds it; its values are followed.
        Algorithm::SdePlusPlus => (-alpha * first(-2.0 * h), -alpha * (second(-2.0 * h) + 1.0)),
        Algorithm::SdeNoise => (-2.0 * sigma * first(h), 0.0),
    };
    (d1 as f32, d2 as f32)
}
