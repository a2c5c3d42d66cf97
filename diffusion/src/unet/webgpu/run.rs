//! The network for one run: buffers, bindings, forwards.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot;
use wgpu::BufferUsages;

use crate::config::ModelInfo;
use crate::error::{DeviceError, Error, Result, WebGpuLimit};

use super::dispatch::{Bound, ClassOffsets, Dispatch};
use super::forward::{Plan, Planner};
use super::host::ClassContext;
use super::unet::WebGpuUNet;

/// Bytes from one dispatch's `Shape` to the next: the alignment that WebGPU asks for.
const SHAPE_STRIDE: usize = 256;

/// Scores of this many tokens for [`LANES`](super::device::LANES) heads fit into the memory that WebGPU gives every workgroup.
const MOST_TOKENS: usize = 64;

/// The network for one run, on pictures of certain classes.
#[derive(Debug)]
pub struct WebGpuRun {
    unet: Arc<WebGpuUNet>,
    tokens: u32,
    classes: ClassContext,
    class_values: wgpu::Buffer,
    class_of: wgpu::Buffer,
    /// For the size of the last prediction.
    forward: Option<Forward>,
}

/// All that a forward on pictures of one size needs.
#[derive(Debug)]
struct Forward {
    size: [usize; 2],
    step: wgpu::Buffer,
    maps: Vec<wgpu::Buffer>,
    result: usize,
    /// Copy of the result that the host can map.
    read: wgpu::Buffer,
    shapes: wgpu::Buffer,
    dispatches: Vec<(wgpu::ComputePipeline, wgpu::BindGroup, [u32; 3])>,
}

impl WebGpuRun {
    pub(crate) fn new(unet: Arc<WebGpuUNet>, labels: &[usize], info: &ModelInfo) -> Result<Self> {
        if info.tokens_per_class > MOST_TOKENS {
            return Err(WebGpuLimit::Tokens { found: info.tokens_per_class, most: MOST_TOKENS }.into());
        }
        let classes = unet.host.classes(labels, info)?;
        let class_values = unet.gpu.upload("classes", &classes.values, BufferUsages::STORAGE);
        let class_of = unet.gpu.upload("class of each picture", &classes.of, BufferUsages::STORAGE);
        Ok(Self { unet, tokens: info.tokens_per_class as u32, classes, class_values, class_of, forward: None })
    }

    /// The network's prediction for latents `[b, c, h, w]` at b timesteps, waiting without blocking.
    pub(crate) async fn predict_async(
        &mut self,
        sample: &[f32],
        shape: [usize; 4],
        timesteps: &[f32],
    ) -> Result<Vec<f32>> {
        let channels = self.unet.channels[1];
        if let Some(scopes) = self.submit(sample, shape, timesteps)? {
            let [memory, rules] = scopes.ended();
            let error = memory.await.or(rules.await);
            self.check_gpu_error(error, shape)?;
        }
        let Some(forward) = &self.forward else { return Err(lost()) };
        let mapped = forward.map();
        mapped.await.map_err(|_| lost())?.map_err(DeviceError::refused)?;
        forward.values(shape, channels)
    }

    /// The same, blocking; native programs only.
    pub(crate) fn predict(&mut self, sample: &[f32], shape: [usize; 4], timesteps: &[f32]) -> Result<Vec<f32>> {
        let device = self.unet.gpu.device.clone();
        let channels = self.unet.channels[1];
        if let Some(scopes) = self.submit(sample, shape, timesteps)? {
            let error = scopes.ended().into_iter().find_map(poll_once);
            self.check_gpu_error(error, shape)?;
        }
        let Some(forward) = &self.forward else { return Err(lost()) };
        let mut mapped = forward.map();
        device.poll(wgpu::PollType::wait_indefinitely()).map_err(DeviceError::refused)?;
        match mapped.try_recv() {
            Ok(Some(mapped)) => mapped.map_err(DeviceError::refused)?,
            _ => return Err(lost()),
        }
        forward.values(shape, channels)
    }

    /// One upload, all dispatches, one copy for the host. The first one of a size is watched.
    fn submit(&mut self, sample: &[f32], shape: [usize; 4], timesteps: &[f32]) -> Result<Option<ErrorScopes>> {
        let [batch, channels, height, width] = shape;
        let size = [height, width];
        let mut scopes = None;
        if self.forward.as_ref().is_none_or(|forward| forward.size != size) {
            scopes = Some(ErrorScopes::new(&self.unet.gpu.device));
            self.forward = Some(self.prepare(batch, size)?);
        }
        let Some(forward) = &self.forward else { return Err(lost()) };
        let padded = channels.next_multiple_of(4);
        let mut values = vec![0f32; batch * height * width * padded];
        for (picture, out) in
            sample.chunks_exact(channels * height * width).zip(values.chunks_exact_mut(height * width * padded))
        {
            for (c, plane) in picture.chunks_exact(height * width).enumerate() {
                plane.iter().zip(out.chunks_exact_mut(padded)).for_each(|(x, pixel)| pixel[c] = *x);
            }
        }
        values.extend(self.unet.host.times(timesteps));
        let gpu = &self.unet.gpu;
        gpu.queue.write_buffer(&forward.step, 0, bytemuck::cast_slice(&values));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (pipeline, bindings, [x, y, z]) in &forward.dispatches {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bindings, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        encoder.copy_buffer_to_buffer(&forward.maps[forward.result], 0, &forward.read, 0, forward.read.size());
        gpu.queue.submit([encoder.finish()]);
        Ok(scopes)
    }

    /// An error of the GPU as ours; the next forward makes its buffers anew.
    fn check_gpu_error(&mut self, error: Option<wgpu::Error>, [batch, _, height, width]: [usize; 4]) -> Result<()> {
        let error = match error {
            None => return Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => DeviceError::OutOfMemory { pictures: batch, height, width },
            // The lines after the first name the call of WebGPU.
            Some(error) => DeviceError::refused(error.to_string().lines().next().unwrap_or_default()),
        };
        self.forward = None;
        Err(error.into())
    }

    fn prepare(&self, batch: usize, size: [usize; 2]) -> Result<Forward> {
        let (unet, gpu) = (&self.unet, &self.unet.gpu);
        let padded = unet.channels.map(|channels| channels.next_multiple_of(4));
        let pixels = batch * size[0] * size[1];
        let (latents, times) = (pixels * padded[0], unet.host.time_columns());
        let planner = Planner::new(
            batch as u32,
            size.map(|side| side as u32),
            ((latents / 4) as u32, (times / 4) as u32),
            ClassOffsets { tokens: self.tokens, starts: &self.classes.starts, stride: self.classes.stride },
        );
        let Plan { dispatches, maps, result } = planner.plan(&unet.layers);
        let limits = gpu.device.limits();
        let most = dispatches.iter().flat_map(|dispatch| dispatch.workgroups).max().unwrap_or(0);
        let largest = 4 * maps.iter().max().copied().unwrap_or(0) as u64;
        if most > limits.max_compute_workgroups_per_dimension || largest > limits.max_storage_buffer_binding_size {
            return Err(DeviceError::TooLarge { pictures: batch, height: size[0], width: size[1] }.into());
        }
        let storage = BufferUsages::STORAGE;
        let step = gpu.buffer("step", 4 * (latents + batch * times) as u64, storage | BufferUsages::COPY_DST);
        let bytes = 4 * (pixels * padded[1]) as u64;
        let read = gpu.buffer("prediction", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let map = |floats: &usize| gpu.buffer("map", 4 * *floats as u64, storage | BufferUsages::COPY_SRC);
        let maps: Vec<_> = maps.iter().map(map).collect();
        let mut shapes = vec![0u32; dispatches.len() * SHAPE_STRIDE / 4];
        for (slot, dispatch) in shapes.chunks_exact_mut(SHAPE_STRIDE / 4).zip(&dispatches) {
            slot[..dispatch.shape.len()].copy_from_slice(&dispatch.shape);
        }
        let shapes = gpu.upload("shapes", &shapes, BufferUsages::UNIFORM);
        let bind = |(i, Dispatch { kernel, shape, bindings, workgroups }): (usize, &Dispatch)| {
            let pipeline = gpu.pipeline(*kernel);
            let shape = wgpu::BufferBinding {
                buffer: &shapes,
                offset: (i * SHAPE_STRIDE) as u64,
                size: wgpu::BufferSize::new(shape.len().next_multiple_of(4) as u64 * 4),
            };
            let buffer = |bound: &Bound| match bound {
                Bound::Weights => &unet.weights,
                Bound::Classes => &self.class_values,
                Bound::ClassOf => &self.class_of,
                Bound::Step => &step,
                Bound::Map(index) => &maps[*index],
            };
            let resources = std::iter::once(wgpu::BindingResource::Buffer(shape))
                .chain(bindings.iter().map(|bound| buffer(bound).as_entire_binding()));
            let entries: Vec<_> =
                (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            (pipeline, group, *workgroups)
        };
        let dispatches = dispatches.iter().enumerate().map(bind).collect();
        Ok(Forward { size, step, maps, result, read, shapes, dispatches })
    }
}

/// WebGPU reports an error only to an open error scope. Without one, a call that it refuses leaves zeros or old data as the
/// result.
struct ErrorScopes {
    memory: wgpu::ErrorScopeGuard,
    rules: wgpu::ErrorScopeGuard,
}

impl ErrorScopes {
    fn new(device: &wgpu::Device) -> Self {
        let rules = device.push_error_scope(wgpu::ErrorFilter::Validation);
        Self { memory: device.push_error_scope(wgpu::ErrorFilter::OutOfMemory), rules }
    }

    /// Closes the scopes: the first error in each.
    fn ended(self) -> [impl Future<Output = Option<wgpu::Error>>; 2] {
        let end = wgpu::ErrorScopeGuard::pop;
        [end(self.memory), end(self.rules)]
    }
}

/// Polls once. Natively the answer is there at the first poll.
fn poll_once<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => None,
    }
}

impl Forward {
    /// Asks for the result; the answer says that it can be read.
    fn map(&self) -> oneshot::Receiver<std::result::Result<(), wgpu::BufferAsyncError>> {
        let (tell, told) = oneshot::channel();
        // Nobody may be waiting any more.
        self.read.map_async(wgpu::MapMode::Read, .., |result| drop(tell.send(result)));
        told
    }

    /// The result that has been mapped, as `[b, channels, h, w]`.
    fn values(&self, [batch, _, height, width]: [usize; 4], channels: usize) -> Result<Vec<f32>> {
        let pixels = height * width;
        let padded = channels.next_multiple_of(4);
        let mut values = Vec::with_capacity(batch * channels * pixels);
        {
            let view = self.read.get_mapped_range(..).map_err(DeviceError::refused)?;
            let floats: &[f32] = bytemuck::cast_slice(&view);
            for picture in floats.chunks_exact(pixels * padded) {
                values.extend((0..channels).flat_map(|c| picture.chunks_exact(padded).map(move |pixel| pixel[c])));
            }
        }
        self.read.unmap();
        Ok(values)
    }
}

fn lost() -> Error {
    DeviceError::Lost.into()
}

impl Drop for Forward {
    /// In a browser, memory would else wait for the garbage collector.
    fn drop(&mut self) {
        let own = [&self.step, &self.read, &self.shapes];
        own.into_iter().chain(&self.maps).for_each(wgpu::Buffer::destroy);
    }
}

impl Drop for WebGpuRun {
    fn drop(&mut self) {
        [&self.class_values, &self.class_of].into_iter().for_each(wgpu::Buffer::destroy);
    }
}
