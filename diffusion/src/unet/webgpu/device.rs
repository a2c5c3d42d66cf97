//! The GPU, and the pipelines that have been made for it.

use std::sync::{Arc, Mutex};

/// Rows of the result that one invocation of `implicit_gemm.wgsl` computes.
pub const ROWS: u32 = 4;
/// Sides of a workgroup of `implicit_gemm.wgsl`, as in its text.
pub const TILE: u32 = 8;
/// Invocations of a workgroup of the other shaders, as in their texts.
pub const LANES: u32 = 64;

/// The shaders (`shaders/` says what they compute), with the constants that a pipeline is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    ImplicitGemm { layer_norm: bool, geglu: bool },
    GroupNorm,
    ClassAttention { tokens: u32 },
    SelfAttention { channels: u32 },
}

impl Kernel {
    fn source(self) -> String {
        match self {
            Self::ImplicitGemm { .. } => {
                format!("const ROWS = {ROWS}u;\n{}", include_str!("shaders/implicit_gemm.wgsl"))
            }
            Self::GroupNorm => include_str!("shaders/group_norm.wgsl").into(),
            Self::ClassAttention { tokens } => {
                format!("const TOKENS = {tokens}u;\n{}", include_str!("shaders/class_attention.wgsl"))
            }
            Self::SelfAttention { channels } => {
                format!("const CHANNELS = {channels}u;\n{}", include_str!("shaders/self_attention.wgsl"))
            }
        }
    }

    fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::ImplicitGemm { layer_norm, geglu } => {
                vec![("LAYER_NORM", f64::from(u8::from(layer_norm))), ("GEGLU", f64::from(u8::from(geglu)))]
            }
            _ => Vec::new(),
        }
    }
}

/// A device that models can be put on; a copy is the same device.
#[derive(Debug, Clone)]
pub struct WebGpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pipelines: Arc<Mutex<Vec<(Kernel, wgpu::ComputePipeline)>>>,
}

impl WebGpu {
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
                    // Each shader writes what it reads.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        };
        if let Some((_, pipeline)) = pipelines.iter().find(|(known, _)| *known == kernel) {
            return pipeline.clone();
        }
        let pipeline = make();
        pipelines.push((kernel, pipeline.clone()));
        pipeline
    }

    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size: bytes.max(16), usage, mapped_at_creation: false };
        self.device.create_buffer(&descriptor)
    }

    /// A buffer with this content.
    pub(crate) fn upload<T: bytemuck::NoUninit>(
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
