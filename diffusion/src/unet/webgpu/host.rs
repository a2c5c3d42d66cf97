//! What is computed on the host, since it does not depend on the picture: a step's time projections, a run's classes.

use crate::config::{ModelInfo, UNetConfig};
use crate::error::Result;
use crate::unet::conditioning::{class_rows, sinusoids};
use crate::unet::precompute::CrossAttentionWeights;
use crate::unet::weights::Weights;

/// A Linear of the file, `[out, in]`.
#[derive(Debug)]
pub struct Projection {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Projection {
    pub fn new(at: &Weights<'_>) -> Self {
        Self { weight: at.get("weight").0.to_vec(), bias: at.get("bias").0.to_vec() }
    }

    fn apply(&self, x: &[f32]) -> impl Iterator<Item = f32> {
        let dot = move |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
        self.weight.chunks_exact(x.len()).zip(&self.bias).map(move |(row, bias)| dot(row) + bias)
    }
}

/// A cross-attention with the LayerNorm before it.
#[derive(Debug)]
struct CrossAttention {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    weights: CrossAttentionWeights,
    /// Keys and values, `[2 · dim, width]`.
    kv: Projection,
}

#[derive(Debug)]
pub struct HostWeights {
    time_embedding: [Projection; 2],
    time_channels: usize,
    /// `time_emb_proj` of each ResNet block.
    time_projections: Vec<Projection>,
    encoder_hid_proj: Projection,
    attentions: Vec<CrossAttention>,
}

/// What the cross-attentions of a run read.
#[derive(Debug)]
pub struct ClassContext {
    /// Class after class, attention after attention.
    pub values: Vec<f32>,
    /// Offset of each cross-attention's part in a class, in vec4s.
    pub starts: Vec<u32>,
    /// Stride from class to class, in vec4s.
    pub stride: u32,
    /// The class of each picture.
    pub of: Vec<u32>,
}

impl HostWeights {
    pub fn new(config: &UNetConfig, weights: &Weights<'_>) -> Self {
        let embedding = weights.at("time_embedding");
        Self {
            time_embedding: ["linear_1", "linear_2"].map(|name| Projection::new(&embedding.at(name))),
            time_channels: config.block_out_channels[0],
            time_projections: Vec::new(),
            encoder_hid_proj: Projection::new(&weights.at("encoder_hid_proj")),
            attentions: Vec::new(),
        }
    }

    /// Adds a ResNet block's projection. Returns its offset in a picture's [`times`](Self::times), in vec4s.
    pub fn add_time_projection(&mut self, projection: Projection) -> u32 {
        let start = self.time_columns() / 4;
        self.time_projections.push(projection);
        start as u32
    }

    /// Adds a cross-attention. Returns its index.
    pub fn add_cross_attention(&mut self, at: &Weights<'_>, norm: &Weights<'_>, heads: usize) -> usize {
        let [to_q, to_k, to_v, to_out] =
            ["to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight"].map(|name| at.get(name).0);
        let (gamma, beta) = (norm.get("weight").0.to_vec(), norm.get("bias").0.to_vec());
        let kv = Projection { weight: [to_k, to_v].concat(), bias: vec![0.0; 2 * gamma.len()] };
        self.attentions.push(CrossAttention {
            gamma,
            beta,
            weights: CrossAttentionWeights::new(to_q, to_out, heads),
            kv,
        });
        self.attentions.len() - 1
    }

    /// Number of values of one picture in [`times`](Self::times).
    pub fn time_columns(&self) -> usize {
        self.time_projections.iter().map(|projection| projection.bias.len()).sum()
    }

    /// The time projections of all ResNet blocks side by side, `[b, time_columns]`: each adds its own to every pixel.
    pub fn times(&self, timesteps: &[f32]) -> Vec<f32> {
        let silu = |x: f32| x / (1.0 + (-x).exp());
        let row = |t: f32| -> Vec<f32> {
            let mut time = sinusoids(&[t], self.time_channels);
            for layer in &self.time_embedding {
                time = layer.apply(&time).map(silu).collect();
            }
            self.time_projections.iter().flat_map(|projection| projection.apply(&time)).collect()
        };
        // One timestep for all, the usual case, is projected once.
        match timesteps.iter().all(|t| *t == timesteps[0]) {
            true => row(timesteps[0]).repeat(timesteps.len()),
            false => timesteps.iter().flat_map(|&t| row(t)).collect(),
        }
    }

    /// Precomputes the cross-attentions of these classes, in the layout of `shaders/class_attention.wgsl`.
    pub fn classes(&self, labels: &[usize], info: &ModelInfo) -> Result<ClassContext> {
        let mut slots = Vec::new();
        let (mut values, mut starts, mut stride) = (Vec::new(), Vec::new(), 0);
        for &label in labels {
            if slots.contains(&label) {
                continue;
            }
            let rows = class_rows(&[label], info)?;
            let rows = rows.chunks_exact(info.encoder_hid_dim());
            let context: Vec<f32> = rows.flat_map(|row| self.encoder_hid_proj.apply(row)).collect();
            let (width, begin) = (self.encoder_hid_proj.bias.len(), values.len());
            slots.push(label);
            starts.clear();
            for CrossAttention { gamma, beta, weights, kv } in &self.attentions {
                starts.push(((values.len() - begin) / 4) as u32);
                let kv: Vec<f32> = context.chunks_exact(width).flat_map(|token| kv.apply(token)).collect();
                let tokens = info.tokens_per_class;
                let matrices = weights.for_class(&kv, |head, token| head * tokens + token);
                // The LayerNorm's weights are folded in, as in `Packer::normed`.
                let columns = || matrices.scores.chunks_exact(gamma.len());
                values
                    .extend(columns().flat_map(|column| column.iter().zip(gamma).map(|(score, gamma)| score * gamma)));
                values.extend(&matrices.gather);
                values.extend(columns().map(|c| c.iter().zip(beta).map(|(score, beta)| score * beta).sum::<f32>()));
                values.resize(values.len().next_multiple_of(4), 0.0);
            }
            stride = ((values.len() - begin) / 4) as u32;
        }
        let of = labels
            .iter()
            .filter_map(|label| slots.iter().position(|slot| slot == label))
            .map(|slot| slot as u32)
            .collect();
        Ok(ClassContext { values, starts, stride, of })
    }
}
