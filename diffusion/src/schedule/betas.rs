//! The betas of each schedule, as diffusers computes them.
//!
//! Tests: `tests/it/schedules.rs`, `tests/it/scheduler_settings.rs`.

use super::config::ScheduleConfig;
use super::names::BetaSchedule;

/// beta_t of every timestep, before they are rescaled.
pub(super) fn betas(config: &ScheduleConfig) -> Vec<f32> {
    let n = config.num_train_timesteps;
    if let Some(betas) = &config.trained_betas {
        return betas.clone();
    }
    match config.beta_schedule {
        BetaSchedule::Linear => linspace(config.beta_start as f32, config.beta_end as f32, n),
        BetaSchedule::ScaledLinear => {
            // The roots are taken in f64, as Python does, before torch makes f32 of them.
            let roots = linspace(libm::sqrt(config.beta_start) as f32, libm::sqrt(config.beta_end) as f32, n);
            roots.into_iter().map(|b| b * b).collect()
        }
        BetaSchedule::SquaredcosCapV2 => from_alpha_bar(n, |t| {
            let c = libm::cos((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2);
            c * c
        }),
        BetaSchedule::Laplace => from_alpha_bar(n, |t| {
            let from_middle = 0.5 - t;
            let log_snr = -0.5 * 1f64.copysign(from_middle) * libm::log(1.0 - 2.0 * from_middle.abs() + 1e-6);
            let snr = libm::exp(log_snr);
            libm::sqrt(snr / (1.0 + snr))
        }),
        BetaSchedule::Sigmoid => {
            let (range, start) = ((config.beta_end - config.beta_start) as f32, config.beta_start as f32);
            linspace(-6.0, 6.0, n).into_iter().map(|x| 1.0 / (1.0 + libm::expf(-x)) * range + start).collect()
        }
    }
}

/// Betas of a product abar(t) of a time from 0 to 1, each at most 0.999.
fn from_alpha_bar(n: usize, alpha_bar: impl Fn(f64) -> f64) -> Vec<f32> {
    let beta = |i: usize| {
        let (t1, t2) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
        (1.0 - alpha_bar(t2) / alpha_bar(t1)).min(0.999) as f32
    };
    (0..n).map(beta).collect()
}

/// abar_t of every timestep.
pub(super) fn cumulative_products(betas: &[f32]) -> Vec<f32> {
    let products = betas.iter().scan(1.0f64, |product, beta| {
        // torch.cumprod accumulates in f64 and rounds each entry.
        *product *= f64::from(1.0 - beta);
        Some(*product as f32)
    });
    products.collect()
}

/// Betas after which nothing of the picture is left at the last timestep (arXiv 2305.08891, algorithm 1).
pub(super) fn rescale_zero_terminal_snr(betas: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = cumulative_products(betas).into_iter().map(f32::sqrt).collect();
    let (Some(&first), Some(&last)) = (roots.first(), roots.last()) else { return Vec::new() };
    let scale = first / (first - last);
    for root in &mut roots {
        *root = (*root - last) * scale;
    }
    let products: Vec<f32> = roots.iter().map(|root| root * root).collect();
    let before = std::iter::once(1.0).chain(products.iter().copied());
    products.iter().zip(before).map(|(now, before)| 1.0 - now / before).collect()
}

/// torch.linspace in f32: from both ends towards the middle, each value rounded once.
pub(crate) fn linspace(start: f32, end: f32, n: usize) -> Vec<f32> {
    let step = f64::from((end - start) / (n - 1) as f32);
    let (start, end) = (f64::from(start), f64::from(end));
    (0..n)
        .map(|i| if i < n / 2 { start + step * i as f64 } else { end - step * (n - 1 - i) as f64 })
        .map(|value| value as f32)
        .collect()
}
