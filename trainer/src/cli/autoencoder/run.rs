//! An autoencoder as a run trains it. Tests: in `trainer/tests/runs/autoencoder.rs`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use diffusion::autoencoder::CpuAutoencoder;
use diffusion::tensors::Precision;
use serde_json::{Map, Value};
use trainer::autoencoder::{AutoencoderRun, Pictures, Reconstructed, latent_deviation, reconstruct, write_autoencoder};
use trainer::config::Keep;
use trainer::error::Result;
use trainer::picture::{Canvas, pairs};
use trainer::train::Training;

use crate::cli::training::Work;

/// Pictures on a sheet, each beside its reconstruction.
const ON_SHEET: usize = 16;
/// Pictures that the scale of the latents is measured on.
const MEASURED: usize = 256;

/// An autoencoder with its pictures.
pub struct Reconstructing<'a> {
    pub keep: Keep,
    pub pictures: &'a dyn Pictures,
    pub held_out: Option<&'a dyn Pictures>,
}

impl<'a> Work for Reconstructing<'a> {
    type Trainer = AutoencoderRun<'a>;

    fn validate(&self, trainer: &mut AutoencoderRun<'a>, stop: &AtomicBool) -> Result<Option<f32>> {
        self.held_out.map(|pictures| trainer.validate(pictures, stop)).transpose()
    }

    /// Writes `vae/`, with the scale of its latents.
    fn save(&self, trainer: &AutoencoderRun<'a>, keep: Keep, out: &Path) -> anyhow::Result<()> {
        let mut trained = trainer.trained(keep == Keep::Best)?;
        let network = CpuAutoencoder::new(&trained.config, &trained.state)?;
        let indices: Vec<usize> = (0..self.pictures.count().min(MEASURED)).collect();
        let deviation = latent_deviation(&network, self.pictures, &indices, trainer.config().threads)?;
        if deviation.is_finite() && deviation > 1e-6 {
            // As many digits as anybody can tell: the file is read by people, too.
            trained.config.scaling_factor = (1e5 / deviation).round() / 1e5;
        }
        Ok(write_autoencoder(out, &trained, Precision::F32)?)
    }

    /// Held-out pictures, each with its reconstruction to its right.
    fn sheet(&self, trainer: &AutoencoderRun<'a>, keep: Keep, _: &AtomicBool) -> anyhow::Result<Canvas> {
        let found = self.reconstructed(trainer, keep, ON_SHEET)?;
        Ok(pairs(&found.originals, &found.reconstructions, self.pictures.side()))
    }

    fn measure(&self, trainer: &AutoencoderRun<'a>) -> anyhow::Result<Option<(String, Map<String, Value>)>> {
        let found = self.reconstructed(trainer, self.keep, MEASURED)?;
        let (count, mean) = (found.likeness.len(), found.mean());
        let whose = if self.held_out.is_some() { "held-out" } else { "training" };
        let sentence = format!("{count} {whose} pictures: PSNR {:.2} dB, SSIM {:.4}", mean.psnr, mean.ssim);
        let named = [("psnr".to_owned(), mean.psnr.into()), ("ssim".to_owned(), mean.ssim.into())];
        Ok(Some((sentence, named.into_iter().collect())))
    }
}

impl<'a> Reconstructing<'a> {
    /// What becomes of the first held-out pictures.
    fn reconstructed(&self, trainer: &AutoencoderRun<'a>, keep: Keep, count: usize) -> Result<Reconstructed> {
        let trained = trainer.trained(keep == Keep::Best)?;
        let network = CpuAutoencoder::new(&trained.config, &trained.state)?;
        let pictures = self.held_out.unwrap_or(self.pictures);
        let indices: Vec<usize> = (0..pictures.count().min(count)).collect();
        reconstruct(&network, pictures, &indices, trainer.config().threads)
    }
}
