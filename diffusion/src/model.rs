//! A loaded base with its adapters: what a front end holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[cfg(feature = "burn")]
use burn::tensor::Device;

use crate::codec::PatchCodec;
use crate::config::{ModelInfo, UNetConfig};
use crate::cpu::CpuUNet;
use crate::error::{Error, RequestError, Result};
use crate::generate::{Generation, Request};
use crate::lora::{Adapter, LoraFactors, compose};
use crate::network::{Network, NetworkRun, Place};
use crate::peft::read_adapter;
use crate::schedule::{NoiseSchedule, ScheduleConfig};
use crate::state::{HostTensor, StateDict};
use crate::tensors::{must_be_numbers, read_tensors};
#[cfg(feature = "burn")]
use crate::{state::load_state, unet::UNet};

/// The files of a base folder, read by whoever can read files.
#[derive(Debug, Clone, Copy)]
pub struct BaseFiles<'a> {
    /// `digit_diffusion.json`.
    pub info: &'a str,
    /// `unet/config.json`.
    pub unet_config: &'a str,
    /// `scheduler/scheduler_config.json`.
    pub scheduler_config: &'a str,
    /// `unet/diffusion_pytorch_model.safetensors`.
    pub weights: &'a [u8],
}

/// A base folder in memory: the pristine weights, never written after loading.
#[derive(Debug, Clone)]
pub struct Base {
    /// Classes and picture.
    pub info: ModelInfo,
    /// Network.
    pub unet: UNetConfig,
    /// Noise schedule.
    pub schedule: ScheduleConfig,
    /// Weights by name, f32.
    pub state: StateDict,
}

impl Base {
    /// Reads the files, and checks that they belong together.
    pub fn read(files: &BaseFiles<'_>) -> Result<Self> {
        let info = ModelInfo::from_json(files.info)?;
        let unet = UNetConfig::from_json(files.unet_config)?;
        info.check(&unet)?;
        let schedule = ScheduleConfig::from_json(files.scheduler_config)?;
        let (state, _) = read_tensors(files.weights)?;
        must_be_numbers(&state)?;
        Ok(Self { info, unet, schedule, state })
    }

    /// How pictures become latents.
    pub fn codec(&self) -> PatchCodec {
        PatchCodec { image_size: self.info.image_size, patch_size: self.info.patch_size }
    }

    /// The network with these weights, on a device of burn's. Refuses missing, unexpected and wrongly shaped tensors by name.
    #[cfg(feature = "burn")]
    pub fn build(&self, device: &Device) -> Result<UNet> {
        load_state(UNet::new(&self.unet, device), &self.unet, &self.state, device)
    }
}

/// What an adapter does to one module.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Path of the module.
    pub path: String,
    /// Rank of the factors.
    pub rank: usize,
    /// Frobenius norm of the update at strength 1.
    pub norm: f32,
    /// That over the norm of the base's weight.
    pub relative_norm: f32,
}

/// The base in some place, with any number of adapters, some of them switched on.
#[derive(Debug)]
pub struct Model {
    base: Arc<Base>,
    schedule: NoiseSchedule,
    network: Network,
    adapters: BTreeMap<String, Adapter>,
    scales: BTreeMap<String, f32>,
    /// Modules whose working copy differs from the base.
    changed: BTreeSet<String>,
}

impl Model {
    /// Puts the base where it shall compute, see [`Place`].
    pub fn new(base: impl Into<Arc<Base>>, place: impl Into<Place>) -> Result<Self> {
        let base = base.into();
        let network = Network::new(&base, place.into())?;
        Ok(Self {
            schedule: NoiseSchedule::new(base.schedule.clone()),
            network,
            base,
            adapters: BTreeMap::new(),
            scales: BTreeMap::new(),
            changed: BTreeSet::new(),
        })
    }

    /// The pristine base.
    pub fn base(&self) -> &Arc<Base> {
        &self.base
    }

    /// Moves the model, with its adapters as they are set. Runs under way stay where they are.
    pub fn set_place(&mut self, place: impl Into<Place>) -> Result<()> {
        let mut network = Network::new(&self.base, place.into())?;
        if !self.changed.is_empty() {
            network.set_weights(&self.base, &self.composed())?;
        }
        self.network = network;
        Ok(())
    }

    /// The weights that differ from the base's.
    fn composed(&self) -> StateDict {
        let on = self.scales.iter().filter_map(|(name, scale)| Some((self.adapters.get(name)?, *scale)));
        compose(&self.base.state, on, [])
    }

    /// The noise schedule.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The network on the CPU with the weights as they stand, wherever the model itself computes.
    pub(crate) fn on_cpu(&self) -> Result<Arc<CpuUNet>> {
        match &self.network {
            Network::Cpu(unet) => Ok(Arc::clone(unet)),
            #[cfg(any(feature = "burn", feature = "wgpu"))]
            _ => Ok(Arc::new(CpuUNet::new(&self.base.unet, &self.base.state, &self.composed())?)),
        }
    }

    /// The network's prediction as it stands, adapters composed in: for noisy latents `[b, c, h, w]` of b pictures at their
    /// timesteps, with their classes. Height and width may be others than those of the base's pictures.
    pub fn predict(&self, sample: &HostTensor, timesteps: &[f32], labels: &[usize]) -> Result<Vec<f32>> {
        let (mut run, shape) = self.prediction(sample, timesteps, labels)?;
        run.predict(sample.values.clone(), shape, timesteps)
    }

    /// [`predict`](Self::predict) without blocking: for the browser.
    pub async fn predict_async(&self, sample: &HostTensor, timesteps: &[f32], labels: &[usize]) -> Result<Vec<f32>> {
        let (mut run, shape) = self.prediction(sample, timesteps, labels)?;
        run.predict_async(sample.values.clone(), shape, timesteps).await
    }

    fn prediction(&self, sample: &HostTensor, timesteps: &[f32], labels: &[usize]) -> Result<(NetworkRun, [usize; 4])> {
        let unet = &self.base.unet;
        let side = 1 << (unet.block_out_channels.len() - 1);
        match sample.shape[..] {
            [b, c, h, w]
                if b > 0
                    && b == labels.len()
                    && b == timesteps.len()
                    && c == unet.in_channels
                    && h.is_multiple_of(side)
                    && w.is_multiple_of(side)
                    && sample.values.len() == b * c * h * w =>
            {
                Ok((self.network.start(labels, &self.base.info)?, [b, c, h, w]))
            }
            _ => Err(RequestError::Prediction {
                labels: labels.len(),
                timesteps: timesteps.len(),
                channels: unet.in_channels,
                side,
                found: sample.shape.clone(),
            }
            .into()),
        }
    }

    /// Reads an adapter file (see [`read_adapter`]) and keeps it under a name, switched off.
    pub fn add_adapter(&mut self, name: &str, bytes: &[u8], config: Option<&str>) -> Result<&Adapter> {
        let adapter = read_adapter(bytes, config, &self.base.state)?;
        if self.scales.contains_key(name) {
            self.remove_adapter(name)?;
        }
        Ok(self.adapters.entry(name.to_owned()).insert_entry(adapter).into_mut())
    }

    /// Switches an adapter off and forgets it.
    pub fn remove_adapter(&mut self, name: &str) -> Result<()> {
        self.known(name)?;
        let mut scales = self.scales.clone();
        if scales.remove(name).is_some() {
            self.set_adapters(scales)?;
        }
        self.adapters.remove(name);
        Ok(())
    }

    /// The adapters by name.
    pub fn adapters(&self) -> &BTreeMap<String, Adapter> {
        &self.adapters
    }

    /// What an adapter changes, in the order of the modules' paths.
    pub fn updates(&self, name: &str) -> Result<Vec<Update>> {
        self.known(name)?;
        let modules = self.adapters.get(name).into_iter().flat_map(|adapter| &adapter.modules);
        let update = |(path, factors): (&String, &LoraFactors)| {
            let weight = self.base.state.get(&format!("{path}.weight"));
            let squares: f64 =
                weight.into_iter().flat_map(|weight| &weight.values).map(|v| f64::from(*v) * f64::from(*v)).sum();
            let norm = factors.update_norm();
            let relative_norm = if squares > 0.0 { norm / squares.sqrt() as f32 } else { 0.0 };
            Update { path: path.clone(), rank: factors.rank(), norm, relative_norm }
        };
        Ok(modules.map(update).collect())
    }

    /// Which adapters are on, and how strongly.
    pub fn scales(&self) -> &BTreeMap<String, f32> {
        &self.scales
    }

    /// Switches on exactly these adapters, each at its strength (1 as trained, 0 off, negative reverses);
    /// an empty map gives the base back bit for bit. The weights are composed here, once, from the pristine
    /// base: sampling costs the same with and without adapters.
    pub fn set_adapters(&mut self, scales: BTreeMap<String, f32>) -> Result<()> {
        for (name, scale) in &scales {
            self.known(name)?;
            if !scale.is_finite() {
                return Err(RequestError::Strength { name: name.clone(), found: *scale }.into());
            }
        }
        let on: Vec<(&Adapter, f32)> = scales
            .iter()
            .filter(|(_, scale)| **scale != 0.0)
            .filter_map(|(name, scale)| Some((self.adapters.get(name)?, *scale)))
            .collect();
        let weights = compose(&self.base.state, on.iter().copied(), &self.changed);
        let changed = on.iter().flat_map(|(adapter, _)| adapter.modules.keys().cloned()).collect();
        self.network.set_weights(&self.base, &weights)?;
        self.changed = changed;
        self.scales = scales;
        Ok(())
    }

    /// Starts a run; it keeps the weights of this moment.
    pub fn generate(&self, request: Request) -> Result<Generation> {
        Generation::new(self, request)
    }

    fn known(&self, name: &str) -> Result<()> {
        if self.adapters.contains_key(name) {
            return Ok(());
        }
        Err(Error::UnknownAdapter { name: name.to_owned(), loaded: self.adapters.keys().cloned().collect() })
    }
}
