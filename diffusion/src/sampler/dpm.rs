//! DPM-Solver: multistep, of order 1 to 3. By default DPM-Solver++ (2M), second order in data prediction, midpoint form
//! (arXiv 2211.01095, algorithm 2).
//!
//! Tests: `tests/it/samplers.rs`, `tests/it/scheduler_settings.rs`.

use crate::error::{ConfigError, Result};
use crate::prediction::{Limit, Predicted, predict};
use crate::schedule::{
    BetaSchedule, FinalSigmasType, NoiseSchedule, PredictionType, ScheduleConfig, TimestepSpacing, refuse,
};

use super::interface::Sampler;
use super::sigmas::{Sigmas, must_be_usable};
use super::solver::{Algorithm, Update, alpha_sigma, lambda};
use super::timesteps::{as_f32, descending_linspace, leading, rounded, trailing};

/// In runs this long the last steps keep their order.
const LONG: usize = 15;

#[derive(Debug)]
pub(super) struct Dpm {
    prediction: PredictionType,
    algorithm: Algorithm,
    order: usize,
    heun: bool,
    /// Whether the last step, and the one before it, are of a lower order.
    lower_last: bool,
    lower_second: bool,
    limit: Limit,
    timesteps: Vec<f32>,
    /// One per step, and where the last step lands.
    sigmas: Vec<f32>,
    /// What the network predicted at the last steps, newest first.
    history: Vec<Vec<f32>>,
}

/// How many timesteps there are once those with too low a log-SNR are left out (`lambda_min_clipped`).
pub(super) fn timesteps_used(schedule: &NoiseSchedule) -> usize {
    let lowest = schedule.config().lambda_min_clipped;
    let all = Sigmas::of(schedule);
    let clipped = |sigma: &&f32| f64::from(lambda(**sigma)) < lowest;
    all.all().len() - all.all().iter().rev().take_while(clipped).count()
}

/// The solver that the settings describe, and whether its second order is Heun's.
fn solver(config: &ScheduleConfig) -> Result<(Algorithm, bool)> {
    let unsupported = |key: &'static str, found: String, accepted: &'static str| {
        refuse(ConfigError::Sampler { sampler: "dpm++2m", key, found, accepted })
    };
    let quoted = |name: &str| format!("\"{name}\"");
    let Some(algorithm) = Algorithm::named(&config.algorithm_type) else {
        let known = "\"dpmsolver++\", \"dpmsolver\", \"sde-dpmsolver++\", \"sde-dpmsolver\"";
        return unsupported("algorithm_type", quoted(&config.algorithm_type), known);
    };
    let heun = match config.solver_type.as_str() {
        // What diffusers takes the types of DEIS and UniPC for.
        "midpoint" | "logrho" | "bh1" | "bh2" => false,
        "heun" => true,
        other => return unsupported("solver_type", quoted(other), "\"midpoint\", \"heun\""),
    };
    // diffusers has no third order of this algorithm.
    let (most, orders) = if algorithm == Algorithm::SdeNoise { (2, "1, 2") } else { (3, "1, 2, 3") };
    if !(1..=most).contains(&config.solver_order) {
        return unsupported("solver_order", config.solver_order.to_string(), orders);
    }
    if !algorithm.predicts_data() && config.final_sigmas_type == FinalSigmasType::Zero {
        let found = format!("\"zero\" (algorithm_type \"{}\")", config.algorithm_type);
        return unsupported("final_sigmas_type", found, "\"sigma_min\"");
    }
    // The network would give a variance beside its prediction.
    if config.variance_type.starts_with("learned") {
        return unsupported("variance_type", quoted(&config.variance_type), "\"fixed_small\", \"fixed_large\"");
    }
    Ok((algorithm, heun))
}

/// Timesteps and sigmas, the last sigma not among them.
fn visited(schedule: &NoiseSchedule, all: &Sigmas, steps: usize) -> Result<(Vec<f32>, Vec<f64>)> {
    let (config, total) = (schedule.config(), schedule.num_train_timesteps());
    let used = timesteps_used(schedule);
    let (largest, smallest) = (f64::from(all.all()[total - 1]), f64::from(all.all()[0]));
    let respaced = match config.use_lu_lambdas && !config.use_karras_sigmas {
        true => Some(all.even_logarithms(steps)),
        false => Sigmas::respaced(config, largest, smallest, steps)?,
    };
    if let Some(sigmas) = respaced {
        let named = config.use_karras_sigmas || config.use_lu_lambdas;
        let rounds = named && config.beta_schedule != BetaSchedule::SquaredcosCapV2;
        let whole = |sigma: &f64| {
            let t = all.timestep(*sigma);
            if rounds { t.round_ties_even() } else { t.trunc() }
        };
        return Ok((sigmas.iter().map(|sigma| whole(sigma) as f32).collect(), sigmas));
    }
    let visited = match config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace) {
        TimestepSpacing::Linspace => {
            let mut visited = rounded(&descending_linspace(used - 1, steps + 1));
            visited.pop();
            visited
        }
        TimestepSpacing::Leading => leading(1..steps + 1, used / (steps + 1), config.steps_offset),
        TimestepSpacing::Trailing => trailing(used, total, steps),
    };
    let timesteps = as_f32(&visited);
    let sigmas = timesteps.iter().map(|&t| all.at(t)).collect();
    Ok((timesteps, sigmas))
}

impl Dpm {
    pub(super) fn new(schedule: &NoiseSchedule, steps: usize, len: usize) -> Result<Self> {
        let config = schedule.config();
        let (algorithm, heun) = solver(config)?;
        let all = Sigmas::of(schedule);
        let (timesteps, exact) = visited(schedule, &all, steps)?;
        let mut sigmas: Vec<f32> = exact.into_iter().map(|sigma| sigma as f32).collect();
        sigmas.push(all.last(config));
        must_be_usable(&sigmas, &timesteps, schedule)?;
        let lower_second = config.lower_order_final && timesteps.len() < LONG;
        Ok(Self {
            prediction: config.prediction_type,
            algorithm,
            order: config.solver_order,
            heun,
            lower_last: lower_second || config.euler_at_final || config.final_sigmas_type == FinalSigmasType::Zero,
            lower_second,
            limit: Limit::of(config, false, len),
            timesteps,
            sigmas,
            history: Vec::new(),
        })
    }

    /// The order of a step: as many predictions as there are, up to that of the solver, and lower ones at the end.
    fn order(&self, index: usize) -> usize {
        let left = self.timesteps.len() - index;
        let most = match left {
            1 if self.lower_last => 1,
            2 if self.lower_second => 2,
            _ => self.order,
        };
        most.min(self.history.len())
    }
}

impl Sampler for Dpm {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn signal_and_noise(&self, index: usize) -> (f32, f32) {
        alpha_sigma(self.sigmas[index])
    }

    fn needs_noise(&self, index: usize) -> bool {
        self.algorithm.is_stochastic() && self.sigmas[index + 1] > 0.0
    }

    fn step(&mut self, index: usize, model_output: &[f32], sample: &mut [f32], noise: &[f32]) -> Vec<f32> {
        let (here, next) = (self.sigmas[index], self.sigmas[index + 1]);
        let (alpha, sigma) = alpha_sigma(here);
        let Predicted { mut original, mut epsilon } = predict(self.prediction, model_output, sample, alpha, sigma);
        self.limit.apply(&mut original);
        if self.limit.is_threshold() {
            epsilon = sample.iter().zip(&original).map(|(x, x0)| (x - alpha * x0) / sigma).collect();
        }
        let newest = if self.algorithm.predicts_data() { original.clone() } else { epsilon };
        self.history.insert(0, newest);
        self.history.truncate(self.order);

        let order = self.order(index);
        let update = Update::new(self.algorithm, here, next, self.heun || order == 3);
        let h = lambda(next) - lambda(here);
        // The last step may land on the sigma that it begins at.
        if h == 0.0 {
            return original;
        }
        for (x, d0) in sample.iter_mut().zip(&self.history[0]) {
            *x = update.sample * *x + update.d0 * d0;
        }
        // Steps of log-SNR, relative to this one's, between the predictions.
        let r = |back: usize| {
            let before = self.sigmas[index - back];
            let after = self.sigmas[index + 1 - back];
            (lambda(after) - lambda(before)) / h
        };
        match &self.history[..order] {
            [m0, m1] => {
                let r0 = r(1);
                for ((x, m0), m1) in sample.iter_mut().zip(m0).zip(m1) {
                    let d1 = (1.0 / r0) * (m0 - m1);
                    *x += update.d1 * d1;
                }
            }
            [m0, m1, m2] => {
                let (r0, r1) = (r(1), r(2));
                for (((x, m0), m1), m2) in sample.iter_mut().zip(m0).zip(m1).zip(m2) {
                    let (near, far) = ((1.0 / r0) * (m0 - m1), (1.0 / r1) * (m1 - m2));
                    let d1 = near + (r0 / (r0 + r1)) * (near - far);
                    let d2 = (1.0 / (r0 + r1)) * (near - far);
                    *x = *x + update.d1 * d1 + update.d2 * d2;
                }
            }
            _ => {}
        }
        for (x, z) in sample.iter_mut().zip(noise) {
            *x += update.noise * z;
        }
        original
    }
}
