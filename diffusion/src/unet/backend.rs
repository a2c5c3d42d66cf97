//! Where a model computes: the choice among the three networks, and a run's share of the chosen one.
//!
//! Tests: `tests/it/unet.rs`, `tests/it/samplers.rs` run on every backend.

use std::ops::Range;
use std::sync::Arc;

use crate::base::Base;
use crate::config::ModelInfo;
use crate::decoder::Decoder;
use crate::error::Result;
use crate::state::StateDict;

use super::cpu::{ClassContext, CpuUNet, Scratch};

#[cfg(feature = "burn")]
use super::burn::{BurnUNet, class_rows, with_parameters};
#[cfg(feature = "wgpu")]
use super::webgpu::{WebGpu, WebGpuRun, WebGpuUNet};
#[cfg(feature = "burn")]
use crate::{error::DeviceError, ops::Ops};
#[cfg(feature = "burn")]
use burn::tensor::{Device, Tensor, TensorData};

/// Where a model computes: a value, never a type.
#[derive(Debug, Clone, Default)]
pub enum Backend {
    /// The CPU, by [`CpuUNet`]: for sampling only, and the fastest there.
    #[default]
    Cpu,
    /// A GPU through WebGPU, by [`WebGpuUNet`]: for sampling only.
    #[cfg(feature = "wgpu")]
    WebGpu(WebGpu),
    /// A device of burn's, by [`BurnUNet`]: with gradients.
    #[cfg(feature = "burn")]
    Burn(Device),
}

#[cfg(feature = "wgpu")]
impl From<WebGpu> for Backend {
    fn from(gpu: WebGpu) -> Self {
        Self::WebGpu(gpu)
    }
}

#[cfg(feature = "burn")]
impl From<Device> for Backend {
    fn from(device: Device) -> Self {
        Self::Burn(device)
    }
}

/// The network with its working weights.
#[derive(Debug, Clone)]
pub(crate) enum LoadedUNet {
    Cpu(Arc<CpuUNet>),
    #[cfg(feature = "wgpu")]
    WebGpu {
        unet: Arc<WebGpuUNet>,
        gpu: WebGpu,
    },
    #[cfg(feature = "burn")]
    Burn {
        unet: Box<BurnUNet>,
        device: Device,
    },
}

#[allow(
    clippy::arc_with_non_send_sync,
    reason = "in a browser wgpu's types stay on one thread, and the model with them"
)]
impl LoadedUNet {
    pub(crate) fn new(base: &Base, backend: Backend) -> Result<Self> {
        Ok(match backend {
            Backend::Cpu => Self::Cpu(Arc::new(CpuUNet::new(&base.unet, &base.state, &StateDict::new())?)),
            #[cfg(feature = "wgpu")]
            Backend::WebGpu(gpu) => {
                Self::WebGpu { unet: Arc::new(WebGpuUNet::new(&gpu, &base.unet, &base.state, &StateDict::new())?), gpu }
            }
            #[cfg(feature = "burn")]
            Backend::Burn(device) => Self::Burn { unet: Box::new(BurnUNet::from_base(base, &device)?), device },
        })
    }

    /// The same network with other weights. `changed`: those that differ from the base's, and those that do in this one.
    pub(crate) fn with_weights(&self, base: &Base, changed: &StateDict) -> Result<Self> {
        Ok(match self {
            Self::Cpu(_) => Self::Cpu(Arc::new(CpuUNet::new(&base.unet, &base.state, changed)?)),
            #[cfg(feature = "wgpu")]
            Self::WebGpu { gpu, .. } => Self::WebGpu {
                unet: Arc::new(WebGpuUNet::new(gpu, &base.unet, &base.state, changed)?),
                gpu: gpu.clone(),
            },
            #[cfg(feature = "burn")]
            Self::Burn { unet, device } => {
                Self::Burn { unet: Box::new(with_parameters((**unet).clone(), changed)), device: device.clone() }
            }
        })
    }

    /// What decodes there.
    pub(crate) fn decoder(&self, base: &Base) -> Result<Decoder> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::WebGpu { gpu, .. } => Decoder::on_gpu(base, gpu),
            _ => Ok(Decoder::new(base)),
        }
    }

    /// Prepares a run on pictures of these classes; it keeps the weights as they are now. What does not depend on the
    /// latents is computed here, once.
    pub(crate) fn condition(&self, labels: &[usize], info: &ModelInfo) -> Result<ConditionedUNet> {
        Ok(match self {
            Self::Cpu(unet) => ConditionedUNet::Cpu {
                unet: Arc::clone(unet),
                classes: unet.classes(labels, info)?,
                scratch: Scratch::default(),
            },
            #[cfg(feature = "wgpu")]
            Self::WebGpu { unet, .. } => {
                ConditionedUNet::WebGpu(Box::new(WebGpuRun::new(Arc::clone(unet), labels, info)?))
            }
            #[cfg(feature = "burn")]
            Self::Burn { unet, device } => ConditionedUNet::Burn(Box::new(BurnRun {
                context: unet.context(class_rows(labels, info, device)?),
                unet: (**unet).clone(),
                device: device.clone(),
            })),
        })
    }
}

/// The network for one run, on pictures of certain classes.
#[derive(Debug)]
pub(crate) enum ConditionedUNet {
    Cpu {
        unet: Arc<CpuUNet>,
        classes: ClassContext,
        scratch: Scratch,
    },
    #[cfg(feature = "wgpu")]
    WebGpu(Box<WebGpuRun>),
    #[cfg(feature = "burn")]
    Burn(Box<BurnRun>),
}

#[cfg(feature = "burn")]
#[derive(Debug)]
pub(crate) struct BurnRun {
    unet: BurnUNet,
    device: Device,
    context: Tensor<3>,
}

#[cfg(feature = "burn")]
impl BurnRun {
    /// One upload, one forward, nothing read back yet.
    fn predict(&self, sample: Vec<f32>, shape: [usize; 4], timesteps: &[f32]) -> Tensor<4> {
        let input = Tensor::from_data(TensorData::new(sample, shape), &self.device);
        self.unet.forward(input, timesteps, self.context.clone(), Ops::Burn)
    }
}

impl ConditionedUNet {
    /// The prediction for latents `[b, c, h, w]` at `timesteps` (b of them), blocking: for native programs, and for the CPU.
    pub(crate) fn predict(&mut self, sample: Vec<f32>, shape: [usize; 4], timesteps: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Cpu { unet, classes, scratch } => {
                unet.forward(&sample, [shape[2], shape[3]], timesteps, classes, 0..shape[0], scratch)
            }
            #[cfg(feature = "wgpu")]
            Self::WebGpu(run) => run.predict(&sample, shape, timesteps),
            #[cfg(feature = "burn")]
            Self::Burn(run) => values(run.predict(sample, shape, timesteps).into_data()),
        }
    }

    /// The same network again, to predict rows beside this one; the CPU's alone, see [`predict_rows`](Self::predict_rows).
    pub(crate) fn beside(&self) -> Option<Self> {
        match self {
            Self::Cpu { unet, classes, .. } => {
                Some(Self::Cpu { unet: Arc::clone(unet), classes: classes.clone(), scratch: Scratch::default() })
            }
            #[cfg(any(feature = "burn", feature = "wgpu"))]
            _ => None,
        }
    }

    /// The prediction for `rows` of the latents `[b, c, h, w]`, on the CPU alone: elsewhere a batch is computed as a whole.
    pub(crate) fn predict_rows(
        &mut self,
        sample: &[f32],
        shape: [usize; 4],
        timesteps: &[f32],
        rows: Range<usize>,
    ) -> Option<Result<Vec<f32>>> {
        match self {
            Self::Cpu { unet, classes, scratch } => {
                let len = shape[1] * shape[2] * shape[3];
                let sample = sample.get(rows.start * len..rows.end * len).unwrap_or_default();
                let timesteps = timesteps.get(rows.clone()).unwrap_or_default();
                Some(unet.forward(sample, [shape[2], shape[3]], timesteps, classes, rows, scratch))
            }
            #[cfg(any(feature = "burn", feature = "wgpu"))]
            _ => None,
        }
    }

    /// The same without blocking: for the browser.
    pub(crate) async fn predict_async(
        &mut self,
        sample: Vec<f32>,
        shape: [usize; 4],
        timesteps: &[f32],
    ) -> Result<Vec<f32>> {
        match self {
            Self::Cpu { .. } => self.predict(sample, shape, timesteps),
            #[cfg(feature = "wgpu")]
            Self::WebGpu(run) => run.predict_async(&sample, shape, timesteps).await,
            #[cfg(feature = "burn")]
            Self::Burn(run) => {
                let output = run.predict(sample, shape, timesteps);
                values(output.into_data_async().await.map_err(|error| DeviceError::refused(format!("{error:?}")))?)
            }
        }
    }
}

#[cfg(feature = "burn")]
fn values(data: TensorData) -> Result<Vec<f32>> {
    Ok(data.try_into_vec_as::<f32>().map_err(|error| DeviceError::refused(format!("{error:?}")))?)
}
