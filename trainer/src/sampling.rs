//! Drawing many pictures on all cores. Tests: here for what is refused; what is drawn, in `trainer/tests/runs/files.rs` and the
//! tests of the pipeline in `tests/it`.

use diffusion::{Generation, Model, Request, RowPredictor, Step};

use crate::error::{Error, Result};
use crate::parallel;
use crate::ranks::{Ranks, bytes, floats};

/// Pictures per forward pass: few enough that the network's activations stay in the cache.
const CHUNK: usize = 10;

/// Draws every picture of the request and returns them in order, each `[channels, image_size, image_size]` in [-1, 1]. `on_step`
/// gets every step of every chunk: the index of the chunk's first picture, and the step.
///
/// # Errors
/// A request that does not hold together, or that the model refuses.
pub fn draw(
    model: &Model,
    request: &Request,
    threads: usize,
    on_step: impl Fn(usize, &Step) + Send + Sync,
) -> Result<Vec<Vec<f32>>> {
    draw_chunks(model, chunks(model, request)?, threads, on_step)
}

/// The same by several ranks, which all call this. The first one gets all pictures, bit for bit those that it would draw
/// alone; the others get none.
///
/// # Errors
/// As [`draw`], of this rank; at the first one, of any.
pub fn draw_together(ranks: &Ranks, model: &Model, request: &Request, threads: usize) -> Result<Vec<Vec<f32>>> {
    let all = chunks(model, request)?;
    if ranks.size() == 1 {
        return draw_chunks(model, all, threads, |_, _| {});
    }
    let block = ranks.block(all.len());
    let mine = all.into_iter().skip(block.start).take(block.len()).collect();
    let drawn = draw_chunks(model, mine, threads, |_, _| {}).map(|images| bytes(&images.concat()));
    let values = model.base().info.picture_len();
    let all: Vec<f32> = ranks.gather(drawn)?.iter().flat_map(|part| floats(part)).collect();
    Ok(all.chunks_exact(values).map(<[f32]>::to_vec).collect())
}

/// The request cut into parts, each with the index of its first picture.
fn chunks(model: &Model, request: &Request) -> Result<Vec<(usize, Request)>> {
    let len: usize = model.base().info.latent_shape().iter().product();
    let pictures = request.labels.len();
    let refuse = |reason: String| Err(Error::Setting { reason });
    if request.seeds.len() != pictures {
        return refuse(format!("{} seeds for {pictures} pictures", request.seeds.len()));
    }
    let expected = pictures * len;
    if let Some(latents) = request.latents.as_ref().filter(|latents| latents.len() != expected) {
        return refuse(format!("the latents have {} values, {pictures} pictures need {expected}", latents.len()));
    }
    let chunks = (0..pictures)
        .step_by(CHUNK)
        .map(|from| {
            let to = (from + CHUNK).min(pictures);
            let part = Request {
                labels: request.labels[from..to].to_vec(),
                seeds: request.seeds[from..to].to_vec(),
                latents: request.latents.as_ref().map(|all| all[from * len..to * len].to_vec()),
                ..request.clone()
            };
            (from, part)
        })
        .collect();
    Ok(chunks)
}

fn draw_chunks(
    model: &Model,
    chunks: Vec<(usize, Request)>,
    threads: usize,
    on_step: impl Fn(usize, &Step) + Send + Sync,
) -> Result<Vec<Vec<f32>>> {
    let codec = model.base().codec();
    let share = threads / chunks.len().max(1);
    let images = parallel::map(chunks, threads, |(from, part)| {
        let mut run = model.generate(part)?;
        // Threads that have no chunk of their own compute rows of another's.
        let mut helpers: Vec<RowPredictor> = match share {
            0 | 1 => Vec::new(),
            _ => (0..share).map_while(|_| run.row_predictor()).collect(),
        };
        let mut last = None;
        while let Some(step) = next(&mut run, &mut helpers, threads)? {
            on_step(from, &step);
            last = Some(step.sample);
        }
        let Some(sample) = last else { return Err(Error::Setting { reason: "the run has no step".into() }) };
        let images = sample.chunks_exact(codec.latent_len()).map(|latents| codec.decode(latents));
        Ok(images.collect::<diffusion::Result<Vec<_>>>()?)
    })?;
    Ok(images.concat())
}

/// The run's next step, its rows divided among the helpers, if there are any: the same bits.
fn next(run: &mut Generation, helpers: &mut [RowPredictor], threads: usize) -> Result<Option<Step>> {
    let Some(input) = run.model_input().filter(|_| !helpers.is_empty()) else { return Ok(run.next().transpose()?) };
    let (rows, each) = (input.shape[0], input.shape[0].div_ceil(helpers.len()));
    let jobs = helpers.iter_mut().zip((0..rows).step_by(each)).collect();
    let outputs = parallel::map(jobs, threads, |(helper, first): (&mut RowPredictor, usize)| {
        match helper.predict(&input, first..rows.min(first + each)) {
            Some(output) => Ok(output?),
            None => Err(Error::Setting { reason: "a helper does not know the run's input".into() }),
        }
    })?;
    Ok(Some(run.step(outputs.concat())?))
}

#[cfg(test)]
mod tests {
    use diffusion::Backend;
    use diffusion::Base;
    use diffusion::unet::init::initial_state;

    use super::*;
    use crate::config::ModelConfig;
    use crate::data::Dataset;
    use crate::ranks::run;

    #[test]
    fn ranks_draw_the_same_and_requests_that_do_not_hold_together_are_refused() {
        let data = Dataset::new("t", vec![0; 2 * 64], vec![0, 1], 8, vec!["0".into(), "1".into()]).unwrap();
        let config = ModelConfig { channels: vec![8, 8], cross_attention_dim: 8, ..ModelConfig::default() };
        let (info, unet, schedule) = config.describe(&data, None).unwrap();
        let state = initial_state(&unet, 0);
        let model = Model::new(Base { info, unet, schedule, state, autoencoder: None }, Backend::Cpu).unwrap();
        let request = Request { labels: vec![0; 12], seeds: (0..12).collect(), ..Request::new(0, 0) };
        let drawn = draw(&model, &request, 2, |_, _| {}).unwrap();
        assert_eq!((drawn.len(), drawn[11].len()), (12, 64));
        for threads in [1, 3, 8, 64] {
            assert_eq!(draw(&model, &request, threads, |_, _| {}).unwrap(), drawn, "{threads} threads");
        }
        for (rank, others) in run(3, |ranks| draw_together(&ranks, &model, &request, 1).unwrap()).iter().enumerate() {
            assert_eq!(others, if rank == 0 { &drawn[..] } else { &[] }, "rank {rank}");
        }
        let refused = |request: &Request| draw(&model, request, 2, |_, _| {}).unwrap_err().to_string();
        assert!(refused(&Request { seeds: vec![1], ..request.clone() }).contains("1 seeds for 12 pictures"));
        assert!(refused(&Request { latents: Some(vec![0.0; 64]), ..request }).contains("12 pictures need 768"));
    }
}
