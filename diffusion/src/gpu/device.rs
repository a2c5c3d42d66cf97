//! The graphics processor, and the programs that have been made for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Rows of a product that one invocation computes.
pub const ROWS: u32 = 4;
/// Sides of a product's workgroup, as in its text.
pub const TILE: u32 = 8;
/// Invocations of the other kernels' workgroups, as in their texts.
pub const LANES: u32 = 64;

/// The programs, with what is fixed when one is made. `kernels/` has their text, and says what they compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    Product { layer_norm: bool, geglu: bool },
    GroupNorm,
    ClassAttention { tokens: u32 },
    SelfAttention { channels: u32 },
}

impl Kernel {
    fn source(self) -> String {
        match self {
            Self::Product { .. } => format!("const ROWS = {ROWS}u;\n{}", include_str!("kernels/product.wgsl")),
            Self::GroupNorm => include_str!("kernels/group_norm.wgsl").into(),
            Self::ClassAttention { tokens } => {
                format!("const TOKENS = {tokens}u;\n{}", include_str!("kernels/class_attention.wgsl"))
            }
            Self::SelfAttention { channels } => {
                format!("const CHANNELS = {channels}u;\n{}", include_str!("kernels/self_attention.wgsl"))
            }
        }
    }

    fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Product { layer_norm, geglu } => {
                vec![("LAYER_NORM", f64::from(u8::from(layer_norm))), ("GEGLU", f64::from(u8::from(geglu)))]
            }
            _ => Vec::new(),
        }
    }
}

/// A device that models can be put on; a copy is the same device.
#[derive(Debug, Clone)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pipelines: Arc<Mutex<BTreeMap<Kernel, wgpu::ComputePipeline>>>,
}

impl Gpu {
    /// A device that was opened elsewhere, with the default limits of WebGPU at least.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self { device, queue, pipelines: Arc::default() }
    }

    /// Gives the device back; models on it are lost.
    pub fn close(&self) {
        self.device.destroy();
    }

    /// Made at the first call for each kernel.
    pub(super) fn pipeline(&self, kernel: Kernel) -> wgpu::ComputePipeline {
        // A poisoned lock guards only a cache, whose entries are whole.
        let mut pipelines = self.pipelines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let make = || {
            let label = format!("{kernel:?}");
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(&label),
                source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &kernel.constants(),
                    // Each kernel writes what it reads.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        };
        pipelines.entry(kernel).or_insert_with(make).clone()
    }

    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size: bytes.max(16), usage, mapped_at_creation: false };
        self.device.create_buffer(&descriptor)
    }

    /// A buffer with this content.
    pub(super) fn upload<T: bytemuck::NoUninit>(
        &self,
        label: &str,
        values: &[T],
        usage: wgpu::BufferUsages,
    ) -> wgpu::Buffer {
        let bytes = bytemuck::cast_slice(values);
        let buffer = self.buffer(label, bytes.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }
}
