//! Training by several ranks: each does a block of a step's jobs, and all take the same step by the same sum. Tests: of the
//! sum, in `ranks/`; that any number of ranks writes the same bytes, in `trainer/tests/mpi` and, without MPI, here.

use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;
use sha2::{Digest, Sha256};

use super::tensors::{host, tensor};
use super::trainer::Trainer;
use super::training::Training;
use crate::config::to_toml;
use crate::error::{Error, Result};
use crate::files;
use crate::ranks::{Jobs, Ranks, Sum, bytes};

/// Steps between comparisons of the ranks' weights.
const COMPARED_EVERY: usize = 16;

impl Trainer<'_> {
    /// Shares the work with other ranks, after it was checked that all have the same program, settings, pictures and weights.
    /// Where `micro_batch` was left to the threads, the first rank's decide.
    ///
    /// # Errors
    /// What differs, on which rank and host; fewer jobs in a step than ranks.
    pub fn with_ranks(mut self, ranks: Ranks) -> Result<Self> {
        if ranks.size() == 1 {
            return Ok(self);
        }
        self.progress.config.micro_batch = ranks.from_first(self.config().micro_batch as u64)? as usize;
        let adapter = self.progress.origin.adapter.as_ref();
        let of_adapter = adapter.map(|adapter| to_toml(&adapter.settings)).transpose()?.unwrap_or_default();
        let settings = to_toml(self.config())? + &of_adapter;
        let weights = host(self.progress.weights().clone())?;
        ranks.agree(&[
            ("another build of this program", program()?),
            ("other settings", settings),
            ("other pictures", self.progress.origin.data_sha256.clone()),
            ("another base", adapter.map(|adapter| adapter.base_sha256.clone()).unwrap_or_default()),
            ("a checkpoint of another step", self.step().to_string()),
            ("other weights to start from", sha256(&bytes(&weights))),
        ])?;
        let (pictures, size) = (self.config().images_per_step(), self.recipe().job_size());
        let jobs = pictures.div_ceil(size);
        if jobs < ranks.size() {
            let reason = format!(
                "a step of {pictures} pictures is {jobs} jobs of {size} (--micro-batch), too few for {} ranks: give a larger \
                 --batch-size or a smaller --micro-batch, or start fewer ranks",
                ranks.size()
            );
            return Err(Error::Setting { reason });
        }
        self.ranks = ranks;
        Ok(self)
    }

    /// This rank's part of a step's jobs, in their order.
    pub(super) fn own_part<T>(&self, jobs: Vec<T>) -> Vec<T> {
        let block = self.ranks.block(jobs.len());
        jobs.into_iter().skip(block.start).take(block.len()).collect()
    }

    /// Loss and gradients of all ranks' jobs, of what this rank's gave: with other ranks, the gradients are one sum already.
    pub(super) fn of_all_ranks(
        &self,
        computed: Result<(Vec<f32>, Vec<Tensor<1>>)>,
        stop: &AtomicBool,
    ) -> Result<(f32, Vec<Tensor<1>>)> {
        if self.ranks.size() == 1 {
            let (losses, gradients) = computed?;
            return Ok((losses.iter().sum(), gradients));
        }
        let jobs = computed.and_then(|(losses, gradients)| {
            let gradients = gradients.into_iter().map(host).collect::<Result<Vec<_>>>()?;
            let weights = match self.step().is_multiple_of(COMPARED_EVERY) {
                true => digest(&host(self.progress.weights().clone())?),
                false => 0,
            };
            Ok(Jobs { losses, gradients, weights })
        });
        let (loss, sum) = self.add_up(jobs, stop)?;
        Ok((loss, vec![tensor(sum, &self.device.clone().without_autodiff())]))
    }

    /// The sum of all ranks' losses, in the order of the jobs.
    pub(super) fn loss_of_all_ranks(&self, losses: Result<Vec<f32>>, stop: &AtomicBool) -> Result<f32> {
        if self.ranks.size() == 1 {
            return Ok(losses?.iter().sum());
        }
        let jobs = losses.map(|losses| Jobs { losses, gradients: vec![Vec::new()], weights: 0 });
        Ok(self.add_up(jobs, stop)?.0)
    }

    fn add_up(&self, jobs: Result<Jobs>, stop: &AtomicBool) -> Result<(f32, Vec<f32>)> {
        let jobs = match jobs {
            Err(Error::Stopped) => Ok(None),
            jobs => jobs.map(Some),
        };
        match self.ranks.sum(jobs, stop)? {
            Sum::Done { loss, gradients } => Ok((loss, gradients)),
            Sum::Stopped | Sum::Lost => Err(Error::Stopped),
        }
    }
}

/// What tells one build from another: the digest of the running program.
fn program() -> Result<String> {
    let path = std::env::current_exe()
        .map_err(|error| Error::Rank { reason: format!("this program has no path: {error}") })?;
    Ok(sha256(&files::read(&path)?))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Different for weights that differ in any bit, with all likelihood; never 0, which is no digest.
fn digest(values: &[f32]) -> u64 {
    // FNV-1a on words instead of bytes.
    let mix = |hash: u64, value: &f32| (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
    values.iter().fold(0xcbf2_9ce4_8422_2325, mix).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use burn::tensor::Device;
    use diffusion::Base;
    use diffusion::config::ModelInfo;
    use diffusion::schedule::{NoiseSchedule, ScheduleConfig};
    use diffusion::unet::burn::BurnUNet;

    use super::super::adapter::initial_adapter;
    use super::*;
    use crate::config::{LoraSettings, TrainConfig};
    use crate::data::Dataset;
    use crate::ranks;
    use crate::testing::{tiny_base, tiny_unet};

    struct Run {
        unet: BurnUNet,
        info: ModelInfo,
        config: TrainConfig,
        /// Of which an adapter is trained, where there is one.
        base: Option<Base>,
    }

    impl Run {
        fn new(micro_batch: usize) -> Self {
            let (unet, info) = tiny_unet(&Device::flex().autodiff());
            // 5 jobs a step: they do not divide evenly.
            let config = TrainConfig { batch_size: 9, micro_batch, max_train_steps: 20, ..TrainConfig::base() };
            Self { unet, info, config: TrainConfig { threads: 1, ..config }, base: None }
        }

        fn of_adapter() -> Self {
            Self { base: Some(tiny_base()), ..Self::new(2) }
        }

        fn data(&self, level: u8) -> Dataset {
            let pixels = (0..20).flat_map(|i: u8| [i * level; 64]).collect();
            Dataset::new("t", pixels, [0, 1].repeat(10), 8, self.info.labels.clone()).unwrap()
        }

        /// Trains until one rank is asked to stop after this step: the step that was reached, the checkpoint's weights, and
        /// the last loss.
        fn train(&self, ranks: Ranks, stop_at: usize) -> Result<(usize, Vec<u32>, u32)> {
            let data = self.data(if ranks.rank() == 3 { 11 } else { 12 });
            let (device, schedule) = (Device::flex().autodiff(), NoiseSchedule::new(ScheduleConfig::default()));
            let (info, unet) = (self.info.clone(), self.unet.clone());
            let last = ranks.rank() + 1 == ranks.size();
            let trainer = match &self.base {
                None => Trainer::new(self.config.clone(), &data, info, schedule, unet, device)?,
                Some(base) => {
                    let settings =
                        LoraSettings { target_modules: vec!["to_q".into(), "conv1".into()], ..Default::default() };
                    let adapter = initial_adapter(&base.state, &settings, 5)?;
                    Trainer::of_adapter(self.config.clone(), &data, base, &adapter, device)?.with_lora_dropout(0.2)?
                }
            };
            let mut trainer = trainer.with_ranks(ranks)?;
            let (stop, mut loss) = (AtomicBool::new(false), 0);
            trainer.run(&stop, |trainer, report| {
                stop.store(last && report.step == stop_at, Ordering::Relaxed);
                loss = report.loss.to_bits() ^ trainer.validation_loss(&data)?.to_bits();
                Ok(())
            })?;
            let weights = trainer.checkpoint()?.ema.into_values().flat_map(|tensor| tensor.values);
            Ok((trainer.step(), weights.map(f32::to_bits).collect(), loss))
        }
    }

    #[test]
    fn any_number_of_ranks_comes_to_the_same_weights_and_stops_at_the_same_step() {
        for run in [Run::new(2), Run::of_adapter()] {
            for stop_at in [usize::MAX, 18] {
                let alone = run.train(Ranks::alone(), stop_at).unwrap();
                assert_eq!(alone.0, stop_at.min(20));
                for size in [2, 3] {
                    for rank in ranks::run(size, |ranks| run.train(ranks, stop_at)) {
                        assert!(rank.unwrap() == alone, "{size} ranks, stopped at {stop_at}");
                    }
                }
            }
        }
    }

    #[test]
    fn ranks_that_do_not_fit_are_refused_before_the_first_step() {
        let refused = |run: Run, size| {
            let mut all = ranks::run(size, |ranks| run.train(ranks, 1).unwrap_err().to_string());
            all.dedup();
            assert_eq!(all.len(), 1, "{all:?}");
            all.remove(0)
        };
        let message = refused(Run::new(2), 4);
        assert_eq!(message, "rank 3 on here has other pictures than rank 0 on here; all must see the same files");
        let message = refused(Run::new(5), 3);
        assert!(message.contains("9 pictures is 2 jobs of 5 (--micro-batch), too few for 3 ranks"), "{message}");
    }
}
