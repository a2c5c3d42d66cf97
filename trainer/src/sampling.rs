//! Drawing many pictures on all cores.

use diffusion::{Model, Request, Step};

use crate::error::{Error, Result};
use crate::parallel;

/// Pictures per forward: the network's activations stay in the cache.
const CHUNK: usize = 10;

/// Draws every picture of the request and returns them in [-1, 1], in order; `on_step` sees every step of every chunk
/// (first picture of the chunk, the step).
pub fn draw(
    model: &Model,
    request: &Request,
    threads: usize,
    on_step: impl Fn(usize, &Step) + Sync,
) -> Result<Vec<Vec<f32>>> {
    let codec = model.base().codec();
    let expected = request.labels.len() * codec.len();
    if let Some(latents) = request.latents.as_ref().filter(|latents| latents.len() != expected) {
        return Err(Error::Setting {
            reason: format!(
                "the latents have {} values, {} pictures need {expected}",
                latents.len(),
                request.labels.len()
            ),
        });
    }
    let jobs: Vec<(usize, Request)> = (0..request.labels.len())
        .step_by(CHUNK)
        .map(|from| {
            let to = (from + CHUNK).min(request.labels.len());
            let part = Request {
                labels: request.labels[from..to].to_vec(),
                seeds: request.seeds[from..to].to_vec(),
                latents: request.latents.as_ref().map(|all| all[from * codec.len()..to * codec.len()].to_vec()),
                ..request.clone()
            };
            (from, part)
        })
        .collect();
    let chunks = parallel::map(jobs, threads, |(from, part)| -> Result<Vec<Vec<f32>>> {
        let run = model.generate(part)?;
        let mut images = Vec::new();
        for step in run {
            let step = step?;
            on_step(from, &step);
            if step.step == step.total {
                images = step.sample.chunks_exact(codec.len()).map(|latents| codec.decode(latents)).collect();
            }
        }
        Ok(images)
    });
    Ok(chunks.into_iter().collect::<Result<Vec<_>>>()?.concat())
}
