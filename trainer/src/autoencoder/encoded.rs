//! Pictures as the latents of an autoencoder, each encoded once: what a base behind it learns. Tests: in
//! `trainer/tests/runs/latents.rs`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use diffusion::autoencoder::AutoencoderCodec;
use diffusion::config::ModelInfo;
use diffusion::schedule::NoiseSchedule;
use diffusion::state::{HostTensor, StateDict};
use diffusion::tensors::{Metadata, Precision, read_tensors, write_tensors};
use diffusion::training::{Batch, Job, Recipe, draws_on};
use sha2::{Digest, Sha256};

use super::pictures::Pictures;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::messages::say;
use crate::train::Source;
use crate::{files, parallel};

/// Pictures of a job.
const CHUNK: usize = 8;
/// The tensor in the file of latents, and the entry of its header that says what they were made of.
const LATENTS: &str = "latents";
const MADE_OF: &str = "digit_diffusion.made_of";

/// Latents with their classes.
#[derive(Debug)]
pub struct Encoded {
    latents: Vec<f32>,
    labels: Vec<u16>,
    class_names: Vec<String>,
    /// `[channels, height, width]` of the latents.
    shape: [usize; 3],
    /// Side and channels of the pictures.
    picture: [usize; 2],
    sha256: String,
    location: String,
}

/// Where they are encoded.
#[derive(Debug, Clone, Copy)]
pub struct Encoding<'a> {
    /// A file that keeps them: read where it holds these, otherwise written.
    pub cache: Option<&'a Path>,
    /// Threads to work on.
    pub threads: usize,
    /// Ends it with [`Error::Stopped`].
    pub stop: &'a AtomicBool,
}

impl Encoded {
    /// Encodes pictures, in the order of the labels of `data`, which they were made of. Values are rounded to f16, as the file
    /// has them: a run is the same with the file and without.
    ///
    /// # Errors
    /// Pictures that the autoencoder does not take; a file that cannot be written; [`Error::Stopped`].
    pub fn of(
        pictures: &dyn Pictures,
        data: &Dataset,
        codec: &AutoencoderCodec,
        Encoding { cache, threads, stop }: Encoding<'_>,
    ) -> Result<Self> {
        let shape = codec.latent_shape();
        let sha256 = Self::sha256_of(pictures, codec)?;
        let count = pictures.count();
        let kept = cache.filter(|path| path.is_file()).and_then(|path| read(&files::read(path).ok()?, &sha256));
        let latents = match kept {
            Some(latents) if latents.len() == count * shape.iter().product::<usize>() => latents,
            _ => {
                say!("{count} pictures are encoded, once");
                let all: Vec<usize> = (0..count).collect();
                let parts = parallel::map(all.chunks(CHUNK).collect(), threads, |indices: &[usize]| {
                    if stop.load(Ordering::Relaxed) {
                        return Err(Error::Stopped);
                    }
                    Ok(codec.encode(&pictures.chosen(indices))?)
                })?;
                let [c, h, w] = shape;
                let tensor = HostTensor { shape: vec![count, c, h, w], values: parts.concat() };
                let metadata = Metadata::from([(MADE_OF.to_owned(), sha256.clone())]);
                let state = StateDict::from([(LATENTS.to_owned(), tensor)]);
                let bytes = write_tensors(&state, metadata, Precision::F16)?;
                if let Some(path) = cache {
                    files::write_atomic(path, &bytes)?;
                }
                let unreadable = || Error::Device("encoded pictures could not be read back".into());
                read(&bytes, &sha256).ok_or_else(unreadable)?
            }
        };
        Ok(Self {
            latents,
            labels: data.labels().to_vec(),
            class_names: data.class_names().to_vec(),
            shape,
            picture: [pictures.side(), pictures.channels()],
            sha256,
            location: data.location().to_owned(),
        })
    }

    /// Lower-case hexadecimal SHA-256 of pictures and autoencoder.
    ///
    /// # Errors
    /// Weights that cannot be written.
    pub fn sha256_of(pictures: &dyn Pictures, codec: &AutoencoderCodec) -> Result<String> {
        let mut sum = Sha256::new();
        sum.update(pictures.sha256());
        for (_, bytes) in codec.autoencoder().files(Precision::F32)? {
            sum.update(bytes);
        }
        Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// `[channels, height, width]` of the latents of a picture.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The chosen latents, one after the other, and their classes.
    pub fn chosen(&self, indices: &[usize]) -> (Vec<f32>, Vec<u16>) {
        let len = self.shape.iter().product::<usize>();
        let latents = indices.iter().flat_map(|&i| &self.latents[i * len..(i + 1) * len]).copied().collect();
        (latents, indices.iter().map(|&i| self.labels[i]).collect())
    }
}

/// The latents of a file, if they are those.
fn read(bytes: &[u8], made_of: &str) -> Option<Vec<f32>> {
    let (mut state, metadata) = read_tensors(bytes).ok()?;
    let same = metadata.get(MADE_OF).is_some_and(|found| found == made_of);
    state.remove(LATENTS).filter(|_| same).map(|tensor| tensor.values)
}

impl Source for Encoded {
    fn count(&self) -> usize {
        self.labels.len()
    }

    fn sha256(&self) -> String {
        self.sha256.clone()
    }

    fn must_fit(&self, info: &ModelInfo) -> Result<()> {
        if self.class_names != info.labels {
            let (has, wants) = (self.class_names.join(", "), info.labels.join(", "));
            return Err(self.refuse(format!("its classes are {has}, the base has {wants}")));
        }
        if self.shape != info.latent_shape() || self.picture != [info.image_size, info.channels] {
            return Err(self.refuse("its pictures, or their latents, are not those that the base draws".into()));
        }
        Ok(())
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Data { location: self.location.clone(), reason }
    }

    fn jobs_of_step(&self, recipe: &Recipe, step: usize, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job> {
        let chosen = |indices: &[usize]| self.chosen(indices);
        Batch::of_step(recipe, step, self.count(), &chosen, info, schedule).jobs(recipe, schedule, Some(step))
    }

    fn held_out_jobs(&self, recipe: &Recipe, info: &ModelInfo, schedule: &NoiseSchedule) -> Vec<Job> {
        let chosen = |indices: &[usize]| self.chosen(indices);
        Batch::held_out(recipe.seed, self.count(), &chosen, info, schedule).jobs(recipe, schedule, None)
    }

    fn draws(&self) -> usize {
        draws_on(self.count())
    }
}
