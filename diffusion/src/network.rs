//! The network in the place where it computes, and a run's share of it.

use std::sync::Arc;

use crate::config::ModelInfo;
use crate::cpu::{Classes, CpuUNet, Scratch};
use crate::error::Result;
use crate::model::Base;
use crate::state::StateDict;

#[cfg(feature = "wgpu")]
use crate::gpu::{Gpu, GpuRun, GpuUNet};
#[cfg(feature = "burn")]
use crate::{
    error::DeviceError,
    ops::Ops,
    unet::{UNet, class_rows},
};
#[cfg(feature = "burn")]
use burn::tensor::{Device, Tensor, TensorData};

/// Where a model computes: a value, never a type.
#[derive(Debug, Clone, Default)]
pub enum Place {
    /// The CPU, by this crate's own [`CpuUNet`]: for sampling only, and the fastest there.
    #[default]
    Cpu,
    /// A graphics processor, by this crate's own [`GpuUNet`]: for sampling only.
    #[cfg(feature = "wgpu")]
    Gpu(Gpu),
    /// A device of burn's.
    #[cfg(feature = "burn")]
    Burn(Device),
}

#[cfg(feature = "wgpu")]
impl From<Gpu> for Place {
    fn from(gpu: Gpu) -> Self {
        Self::Gpu(gpu)
    }
}

#[cfg(feature = "burn")]
impl From<Device> for Place {
    fn from(device: Device) -> Self {
        Self::Burn(device)
    }
}

/// The network with its working weights.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Cpu(Arc<CpuUNet>),
    #[cfg(feature = "wgpu")]
    Gpu {
        unet: Arc<GpuUNet>,
        gpu: Gpu,
    },
    #[cfg(feature = "burn")]
    Burn {
        unet: Box<UNet>,
        device: Device,
    },
}

impl Network {
    pub(crate) fn new(base: &Base, place: Place) -> Result<Self> {
        Ok(match place {
            Place::Cpu => Self::Cpu(Arc::new(CpuUNet::new(&base.unet, &base.state, &StateDict::new())?)),
            #[cfg(feature = "wgpu")]
            Place::Gpu(gpu) => {
                Self::Gpu { unet: Arc::new(GpuUNet::new(&gpu, &base.unet, &base.state, &StateDict::new())?), gpu }
            }
            #[cfg(feature = "burn")]
            Place::Burn(device) => Self::Burn { unet: Box::new(base.build(&device)?), device },
        })
    }

    /// Other weights: `changed` differs from the base; or did before and is the base's again.
    pub(crate) fn set_weights(&mut self, base: &Base, changed: &StateDict) -> Result<()> {
        match self {
            Self::Cpu(unet) => *unet = Arc::new(CpuUNet::new(&base.unet, &base.state, changed)?),
            #[cfg(feature = "wgpu")]
            Self::Gpu { unet, gpu } => *unet = Arc::new(GpuUNet::new(gpu, &base.unet, &base.state, changed)?),
            #[cfg(feature = "burn")]
            Self::Burn { unet, device } => **unet = crate::state::write_state((**unet).clone(), changed, device),
        }
        Ok(())
    }

    /// Prepares a run; it keeps the weights of this moment. What does not depend on x is computed here, once.
    pub(crate) fn start(&self, labels: &[usize], info: &ModelInfo) -> Result<NetworkRun> {
        Ok(match self {
            Self::Cpu(unet) => NetworkRun::Cpu {
                unet: Arc::clone(unet),
                classes: unet.classes(labels, info)?,
                scratch: Scratch::default(),
            },
            #[cfg(feature = "wgpu")]
            Self::Gpu { unet, .. } => NetworkRun::Gpu(Box::new(GpuRun::new(Arc::clone(unet), labels, info)?)),
            #[cfg(feature = "burn")]
            Self::Burn { unet, device } => NetworkRun::Burn(Box::new(BurnRun {
                context: unet.context(class_rows(labels, info, device)?),
                unet: (**unet).clone(),
                device: device.clone(),
            })),
        })
    }
}

/// The network for one run, on pictures of certain classes.
#[derive(Debug)]
pub(crate) enum NetworkRun {
    Cpu {
        unet: Arc<CpuUNet>,
        classes: Classes,
        scratch: Scratch,
    },
    #[cfg(feature = "wgpu")]
    Gpu(Box<GpuRun>),
    #[cfg(feature = "burn")]
    Burn(Box<BurnRun>),
}

#[cfg(feature = "burn")]
#[derive(Debug)]
pub(crate) struct BurnRun {
    unet: UNet,
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

impl NetworkRun {
    /// The prediction for latents `[b, c, h, w]` at `timesteps` (b of them), blocking: for native programs, and for the CPU.
    pub(crate) fn predict(&mut self, sample: Vec<f32>, shape: [usize; 4], timesteps: &[f32]) -> Result<Vec<f32>> {
        match self {
            Self::Cpu { unet, classes, scratch } => {
                unet.forward(&sample, [shape[2], shape[3]], timesteps, classes, scratch)
            }
            #[cfg(feature = "wgpu")]
            Self::Gpu(run) => run.predict(&sample, shape, timesteps),
            #[cfg(feature = "burn")]
            Self::Burn(run) => values(run.predict(sample, shape, timesteps).into_data()),
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
            Self::Gpu(run) => run.predict_async(&sample, shape, timesteps).await,
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
