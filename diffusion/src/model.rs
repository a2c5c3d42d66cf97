//! A loaded base with its adapters on a backend: what a front end holds.
//!
//! Tests: `tests/it/lora.rs`, `tests/it/unet.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::adapter::{Adapter, Update, compose, measured, update_norm};
use crate::base::Base;
use crate::decoder::Decoder;
use crate::error::{Error, RequestError, Result};
use crate::peft::{read_adapter, read_adapter_partially};
use crate::request::Request;
use crate::schedule::NoiseSchedule;
use crate::state::{HostTensor, StateDict};
use crate::unet::backend::{Backend, ConditionedUNet, LoadedUNet};
use crate::unet::cpu::CpuUNet;

/// What an adapter changes in one module.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterModule {
    /// Path of the module.
    pub path: String,
    /// The kind, by the name that people know.
    pub kind: &'static str,
    /// Rank of the factors; 0 where there is none.
    pub rank: usize,
    /// Frobenius norm of the update at strength 1: of the weight, or of the bias where that alone is changed.
    pub norm: f32,
    /// `norm` over the norm of the base's weight, or bias.
    pub relative_norm: f32,
}

/// A base on a backend, with any number of adapters, some of them switched on.
#[derive(Debug)]
pub struct Model {
    base: Arc<Base>,
    schedule: NoiseSchedule,
    unet: LoadedUNet,
    decoder: Decoder,
    adapters: BTreeMap<String, Adapter>,
    scales: BTreeMap<String, f32>,
    /// Modules whose working copy differs from the base.
    changed: Vec<String>,
    /// The network before this one.
    before: Option<Composed>,
}

/// A network with adapters composed in. Kept for whoever draws by turns, with a style and without: each is composed once.
#[derive(Debug)]
struct Composed {
    unet: LoadedUNet,
    scales: BTreeMap<String, f32>,
    changed: Vec<String>,
}

impl Model {
    /// Loads the base on a backend.
    ///
    /// # Errors
    /// [`Error::Weights`] where the weights do not fit the configuration, [`Error::Device`] where the backend cannot
    /// compute this network.
    pub fn new(base: impl Into<Arc<Base>>, backend: impl Into<Backend>) -> Result<Self> {
        let base = base.into();
        let unet = LoadedUNet::new(&base, backend.into())?;
        Ok(Self {
            decoder: unet.decoder(&base)?,
            schedule: NoiseSchedule::new(base.schedule.clone()),
            unet,
            base,
            adapters: BTreeMap::new(),
            scales: BTreeMap::new(),
            changed: Vec::new(),
            before: None,
        })
    }

    /// The pristine base.
    pub fn base(&self) -> &Arc<Base> {
        &self.base
    }

    /// A request with what the base and the adapters that are on say of their guidance.
    pub fn usual_request(&self, label: usize, seed: u64) -> Request {
        let usual = Request::new(label, seed).for_base(&self.base.info);
        let on = self.scales.iter().filter_map(|(name, scale)| Some((self.adapters.get(name)?, *scale)));
        Request { guidance_scale: Adapter::guidance_of(on).map_or(usual.guidance_scale, |scale| scale as f32), ..usual }
    }

    /// What makes pictures of latents where the model computes.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Moves the model to another backend, with its adapters as they are set. Runs under way stay where they are.
    ///
    /// # Errors
    /// As [`new`](Self::new); the model stays where it was.
    pub fn set_backend(&mut self, backend: impl Into<Backend>) -> Result<()> {
        let unet = LoadedUNet::new(&self.base, backend.into())?;
        let decoder = unet.decoder(&self.base)?;
        self.unet = if self.changed.is_empty() { unet } else { unet.with_weights(&self.base, &self.composed())? };
        self.decoder = decoder;
        self.before = None;
        Ok(())
    }

    /// The weights that differ from the base's.
    fn composed(&self) -> StateDict {
        let on = self.scales.iter().filter_map(|(name, scale)| Some((self.adapters.get(name)?, *scale)));
        compose(&self.base.state, on, [])
    }

    /// All parameters with the adapters composed in, one after the other in the order of their names: what
    /// [`CpuUNet::from_values`] makes the same network of, in another thread or process.
    pub fn weights(&self) -> Vec<f32> {
        let composed = self.composed();
        let tensors = self.base.state.iter().map(|(name, tensor)| composed.get(name).unwrap_or(tensor));
        tensors.flat_map(|tensor| &tensor.values).copied().collect()
    }

    /// The noise schedule.
    pub fn schedule(&self) -> &NoiseSchedule {
        &self.schedule
    }

    /// The network for a run on pictures of these classes.
    pub(crate) fn condition(&self, labels: &[usize]) -> Result<ConditionedUNet> {
        self.unet.condition(labels, &self.base.info)
    }

    /// The network on the CPU with the weights as they stand, wherever the model itself computes.
    pub(crate) fn on_cpu(&self) -> Result<Arc<CpuUNet>> {
        match &self.unet {
            LoadedUNet::Cpu(unet) => Ok(Arc::clone(unet)),
            #[cfg(any(feature = "burn", feature = "wgpu"))]
            _ => Ok(Arc::new(CpuUNet::new(&self.base.unet, &self.base.state, &self.composed())?)),
        }
    }

    /// The network's prediction, adapters composed in, for noisy latents of b pictures at their timesteps, with their
    /// classes.
    ///
    /// # Shapes
    /// `sample [b, c, h, w]`, b `timesteps` in `0..T`, b `labels` -> `[b, c, h, w]`. Height and width may be others than
    /// those of the base's pictures.
    ///
    /// # Errors
    /// [`Error::Request`] where the numbers do not go together, [`Error::Device`] where the backend fails.
    pub fn predict(&self, sample: &HostTensor, timesteps: &[f32], labels: &[usize]) -> Result<Vec<f32>> {
        let (mut run, shape) = self.prediction(sample, timesteps, labels)?;
        run.predict(sample.values.clone(), shape, timesteps)
    }

    /// [`predict`](Self::predict) without blocking: for the browser.
    pub async fn predict_async(&self, sample: &HostTensor, timesteps: &[f32], labels: &[usize]) -> Result<Vec<f32>> {
        let (mut run, shape) = self.prediction(sample, timesteps, labels)?;
        run.predict_async(sample.values.clone(), shape, timesteps).await
    }

    fn prediction(
        &self,
        sample: &HostTensor,
        timesteps: &[f32],
        labels: &[usize],
    ) -> Result<(ConditionedUNet, [usize; 4])> {
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
                Ok((self.condition(labels)?, [b, c, h, w]))
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
        self.insert_adapter(name, read_adapter(bytes, config, &self.base.state)?)
    }

    /// The same with what of the file fits this base, see [`read_adapter_partially`]; the rest is in [`Adapter::unused`].
    pub fn add_adapter_partially(&mut self, name: &str, bytes: &[u8], config: Option<&str>) -> Result<&Adapter> {
        self.insert_adapter(name, read_adapter_partially(bytes, config, &self.base.state)?)
    }

    /// Keeps an adapter that was read for this base under a name, switched off.
    pub fn insert_adapter(&mut self, name: &str, adapter: Adapter) -> Result<&Adapter> {
        if self.scales.contains_key(name) {
            self.remove_adapter(name)?;
        }
        self.before = None;
        self.adapters.insert(name.to_owned(), adapter);
        self.adapters.get(name).ok_or_else(|| self.unknown(name))
    }

    /// Switches an adapter off and forgets it.
    pub fn remove_adapter(&mut self, name: &str) -> Result<()> {
        self.known(name)?;
        // Each map is made anew: taking an entry out is half of the code of a map, which a browser would load.
        if self.scales.contains_key(name) {
            let mut scales = BTreeMap::new();
            for (other, scale) in self.scales.iter().filter(|(other, _)| *other != name) {
                scales.insert(other.clone(), *scale);
            }
            self.set_adapters(scales)?;
        }
        self.before = None;
        for (other, adapter) in std::mem::take(&mut self.adapters) {
            if other != name {
                self.adapters.insert(other, adapter);
            }
        }
        Ok(())
    }

    /// The adapters by name.
    pub fn adapters(&self) -> &BTreeMap<String, Adapter> {
        &self.adapters
    }

    /// What an adapter changes, in the order of the modules' paths.
    ///
    /// # Errors
    /// [`Error::UnknownAdapter`].
    pub fn adapter_modules(&self, name: &str) -> Result<Vec<AdapterModule>> {
        self.known(name)?;
        let modules = self.adapters.get(name).into_iter().flat_map(|adapter| &adapter.modules);
        let describe = |(path, update): (&String, &Update)| {
            let weight = self.base.state.get(&measured(path, update));
            let squares: f64 =
                weight.into_iter().flat_map(|weight| &weight.values).map(|v| f64::from(*v) * f64::from(*v)).sum();
            let norm = update_norm(&self.base.state, path, update).unwrap_or(0.0);
            let relative_norm = if squares > 0.0 { norm / squares.sqrt() as f32 } else { 0.0 };
            let (kind, rank) = (update.kind(), update.rank().unwrap_or(0));
            AdapterModule { path: path.clone(), kind, rank, norm, relative_norm }
        };
        Ok(modules.map(describe).collect())
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
        if scales == self.scales {
            return Ok(());
        }
        if let Some(Composed { unet, changed, .. }) = self.before.take_if(|before| before.scales == scales) {
            self.put(Composed { unet, scales, changed });
            return Ok(());
        }
        let on: Vec<(&Adapter, f32)> = scales
            .iter()
            .filter(|(_, scale)| **scale != 0.0)
            .filter_map(|(name, scale)| Some((self.adapters.get(name)?, *scale)))
            .collect();
        let weights = compose(&self.base.state, on.iter().copied(), &self.changed);
        let changed = on.iter().flat_map(|(adapter, _)| adapter.modules.keys().cloned()).collect();
        let unet = self.unet.with_weights(&self.base, &weights)?;
        self.put(Composed { unet, scales, changed });
        Ok(())
    }

    /// Draws with this network from now on, and keeps the one of until now.
    fn put(&mut self, Composed { unet, scales, changed }: Composed) {
        self.before = Some(Composed {
            unet: std::mem::replace(&mut self.unet, unet),
            scales: std::mem::replace(&mut self.scales, scales),
            changed: std::mem::replace(&mut self.changed, changed),
        });
    }

    fn known(&self, name: &str) -> Result<()> {
        if self.adapters.contains_key(name) {
            return Ok(());
        }
        Err(self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        Error::UnknownAdapter { name: name.to_owned(), loaded: self.adapters.keys().cloned().collect() }
    }
}
