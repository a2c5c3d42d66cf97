//! A job: a part of a batch, as plain numbers that can be sent to another thread or worker; and what comes back.
//!
//! Tests: here.

use crate::error::{Result, TrainingError};

use super::bits;
use super::input_dropout::Dropout;
use super::loss::LossKind;

/// `b` pictures to compute loss and gradients of.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Noisy latents, `[b, c, h, w]`.
    pub noisy: Vec<f32>,
    /// What the network should predict, `[b, c, h, w]`.
    pub target: Vec<f32>,
    /// Timestep of each, in `0..T`, `[b]`.
    pub timesteps: Vec<f32>,
    /// Class of each, or the null class, `[b]`.
    pub labels: Vec<usize>,
    /// Weight of each picture's loss, `[b]`: with its share of the whole step's mean.
    pub weights: Vec<f32>,
    /// The loss.
    pub loss: LossKind,
    /// Which inputs of the adapted modules are dropped.
    pub dropout: Option<Dropout>,
}

/// What a job comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct JobResult {
    /// Its loss, the weighted sum over its pictures.
    pub loss: f32,
    /// The loss's gradients at the parameters, `[len]` in the order of the vector.
    pub gradients: Vec<f32>,
}

/// Numbers before those of the pictures: pictures, loss, dropout, and seed and stream in four parts each.
const HEAD: usize = 11;

impl Job {
    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// As one vector, which [`from_values`](Self::from_values) reads: every number is one that f32 has exactly.
    pub fn to_values(&self) -> Vec<f32> {
        let dropout = self.dropout.unwrap_or(Dropout { probability: 0.0, seed: 0, stream: 0 });
        let mut values = vec![self.len() as f32, f32::from(self.loss as u8), dropout.probability];
        for number in [dropout.seed, dropout.stream] {
            values.extend(bits::split(number));
        }
        values.extend_from_slice(&self.timesteps);
        values.extend(self.labels.iter().map(|label| *label as f32));
        for part in [&self.weights, &self.noisy, &self.target] {
            values.extend_from_slice(part);
        }
        values
    }

    /// The job of [`to_values`](Self::to_values).
    ///
    /// # Errors
    /// [`TrainingError::Job`] for numbers that are none.
    pub fn from_values(values: &[f32]) -> Result<Self> {
        let refuse = || TrainingError::Job { found: values.len() };
        let (head, rest) = values.split_first_chunk::<HEAD>().ok_or_else(refuse)?;
        let count = head[0] as usize;
        // Three numbers of each picture, and as many noisy values as wanted ones.
        let latents = rest.len().checked_sub(count.saturating_mul(3)).ok_or_else(refuse)? / 2;
        if rest.len() != 3 * count + 2 * latents || (count == 0 && latents > 0) {
            return Err(refuse().into());
        }
        let mut rest = rest;
        let mut part = |len: usize| {
            let (own, others) = rest.split_at(len);
            rest = others;
            own
        };
        let kinds = [LossKind::L1, LossKind::L2, LossKind::Huber];
        let loss = kinds.into_iter().find(|kind| f32::from(*kind as u8) == head[1]).ok_or_else(refuse)?;
        let dropout = (head[2] > 0.0).then(|| Dropout {
            probability: head[2],
            seed: bits::join(&head[3..7]),
            stream: bits::join(&head[7..]),
        });
        Ok(Self {
            timesteps: part(count).to_vec(),
            labels: part(count).iter().map(|label| *label as usize).collect(),
            weights: part(count).to_vec(),
            noisy: part(latents).to_vec(),
            target: part(latents).to_vec(),
            loss,
            dropout,
        })
    }
}

impl JobResult {
    /// As one vector: the loss, then the gradients.
    pub fn into_values(mut self) -> Vec<f32> {
        self.gradients.insert(0, self.loss);
        self.gradients
    }

    /// The result of [`into_values`](Self::into_values).
    ///
    /// # Errors
    /// [`TrainingError::Job`] where there is no number.
    pub fn from_values(values: &[f32]) -> Result<Self> {
        match values {
            [loss, gradients @ ..] => Ok(Self { loss: *loss, gradients: gradients.to_vec() }),
            [] => Err(TrainingError::Job { found: 0 }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_results_go_through_numbers_unchanged() {
        let dropout = Dropout { probability: 0.1, seed: u64::MAX - 12345, stream: (1 << 48) + 77 };
        let job = Job {
            noisy: vec![0.1; 8],
            target: vec![-0.7; 8],
            timesteps: vec![3.0, 999.0],
            labels: vec![0, 10],
            weights: vec![0.3, 0.25],
            loss: LossKind::Huber,
            dropout: Some(dropout),
        };
        assert_eq!(Job::from_values(&job.to_values()).unwrap(), job);
        let plain = Job { dropout: None, loss: LossKind::L1, ..job };
        let values = plain.to_values();
        assert_eq!(Job::from_values(&values).unwrap(), plain);
        for broken in [&values[..5], &values[..HEAD + 1], &values[..values.len() - 1], &[f32::MAX; 40]] {
            assert_eq!(Job::from_values(broken).unwrap_err().kind(), "training-job");
        }
        let result = JobResult { loss: 0.5, gradients: vec![1.0, 2.0] };
        assert_eq!(JobResult::from_values(&result.clone().into_values()).unwrap(), result);
        assert!(JobResult::from_values(&[]).is_err());
    }
}
