//! A plan on the GPU: its buffers and bindings, one upload and one read-back for each time that it is run.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot;
use wgpu::BufferUsages;

use crate::error::{DeviceError, Error, Result};

use super::device::WebGpu;
use super::dispatch::{Bound, Dispatch};
use super::forward::Plan;

/// Bytes from one dispatch's `Shape` to the next: the alignment that WebGPU asks for.
const SHAPE_STRIDE: usize = 256;

/// Number, height and width of the pictures, as errors tell of them.
pub type Pictures = [usize; 3];

/// The buffers that dispatches read besides those of the plan itself.
pub struct Shared<'a> {
    pub weights: &'a wgpu::Buffer,
    /// Of a network that has classes: their values, and the class of each picture.
    pub classes: Option<[&'a wgpu::Buffer; 2]>,
}

/// What a plan takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub pictures: Pictures,
    /// Floats that are uploaded.
    pub input: usize,
    /// Pixels of the result, of all pictures.
    pub pixels: usize,
    /// Channels of the result.
    pub channels: usize,
}

/// All that a plan needs, for pictures of one size.
#[derive(Debug)]
pub struct Pass {
    gpu: WebGpu,
    sizes: Sizes,
    step: wgpu::Buffer,
    maps: Vec<wgpu::Buffer>,
    result: usize,
    /// Copy of the result that the host can map.
    read: wgpu::Buffer,
    shapes: wgpu::Buffer,
    dispatches: Vec<(wgpu::ComputePipeline, wgpu::BindGroup, [u32; 3])>,
}

impl Pass {
    /// Makes buffers and bindings. The error scopes are for the first run, which is watched.
    ///
    /// # Errors
    /// [`DeviceError::TooLarge`] for more than the device's limits.
    pub fn new(gpu: &WebGpu, plan: Plan, shared: &Shared<'_>, sizes: Sizes) -> Result<(Self, ErrorScopes)> {
        let Plan { dispatches, maps, result } = plan;
        let limits = gpu.device.limits();
        let most = dispatches.iter().flat_map(|dispatch| dispatch.workgroups).max().unwrap_or(0);
        let largest = 4 * maps.iter().max().copied().unwrap_or(0) as u64;
        if most > limits.max_compute_workgroups_per_dimension || largest > limits.max_storage_buffer_binding_size {
            let [pictures, height, width] = sizes.pictures;
            return Err(DeviceError::TooLarge { pictures, height, width }.into());
        }
        let scopes = ErrorScopes::new(&gpu.device);
        let storage = BufferUsages::STORAGE;
        let step = gpu.buffer("step", 4 * sizes.input as u64, storage | BufferUsages::COPY_DST);
        let bytes = 4 * (sizes.pixels * sizes.channels.next_multiple_of(4)) as u64;
        let read = gpu.buffer("result", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let map = |floats: &usize| gpu.buffer("map", 4 * *floats as u64, storage | BufferUsages::COPY_SRC);
        let maps: Vec<_> = maps.iter().map(map).collect();
        let mut shapes = vec![0u32; dispatches.len() * SHAPE_STRIDE / 4];
        for (slot, dispatch) in shapes.chunks_exact_mut(SHAPE_STRIDE / 4).zip(&dispatches) {
            slot[..dispatch.shape.len()].copy_from_slice(&dispatch.shape);
        }
        let shapes = gpu.upload("shapes", &shapes, BufferUsages::UNIFORM);
        let [classes, class_of] = shared.classes.unwrap_or([shared.weights; 2]);
        let bind = |(i, Dispatch { kernel, shape, bindings, workgroups }): (usize, &Dispatch)| {
            let pipeline = gpu.pipeline(*kernel);
            let shape = wgpu::BufferBinding {
                buffer: &shapes,
                offset: (i * SHAPE_STRIDE) as u64,
                size: wgpu::BufferSize::new(shape.len().next_multiple_of(4) as u64 * 4),
            };
            let buffer = |bound: &Bound| match bound {
                Bound::Weights => shared.weights,
                Bound::Classes => classes,
                Bound::ClassOf => class_of,
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
        Ok((Self { gpu: gpu.clone(), sizes, step, maps, result, read, shapes, dispatches }, scopes))
    }

    /// Whether it is for pictures of this size.
    pub fn fits(&self, pictures: Pictures) -> bool {
        self.sizes.pictures == pictures
    }

    /// Runs it on this input, waiting without blocking: the result `[b, channels, height, width]`. After an error it is no longer of
    /// use.
    ///
    /// # Errors
    /// [`DeviceError`]: what the GPU refuses, or that it is lost.
    pub async fn run_async(&self, input: &[f32], scopes: Option<ErrorScopes>) -> Result<Vec<f32>> {
        self.submit(input);
        if let Some(scopes) = scopes {
            let [memory, rules] = scopes.ended();
            let error = memory.await.or(rules.await);
            self.check(error)?;
        }
        self.map().await.map_err(|_| lost())?.map_err(DeviceError::refused)?;
        self.values()
    }

    /// The same, blocking; native programs only.
    ///
    /// # Errors
    /// As [`run_async`](Self::run_async).
    pub fn run(&self, input: &[f32], scopes: Option<ErrorScopes>) -> Result<Vec<f32>> {
        self.submit(input);
        if let Some(scopes) = scopes {
            self.check(scopes.ended().into_iter().find_map(poll_once))?;
        }
        let mut mapped = self.map();
        self.gpu.device.poll(wgpu::PollType::wait_indefinitely()).map_err(DeviceError::refused)?;
        match mapped.try_recv() {
            Ok(Some(mapped)) => mapped.map_err(DeviceError::refused)?,
            _ => return Err(lost()),
        }
        self.values()
    }

    /// One upload, all dispatches, one copy for the host.
    fn submit(&self, input: &[f32]) {
        let gpu = &self.gpu;
        gpu.queue.write_buffer(&self.step, 0, bytemuck::cast_slice(input));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (pipeline, bindings, [x, y, z]) in &self.dispatches {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bindings, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        encoder.copy_buffer_to_buffer(&self.maps[self.result], 0, &self.read, 0, self.read.size());
        gpu.queue.submit([encoder.finish()]);
    }

    /// An error of the GPU as ours.
    fn check(&self, error: Option<wgpu::Error>) -> Result<()> {
        let [pictures, height, width] = self.sizes.pictures;
        Err(match error {
            None => return Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => DeviceError::OutOfMemory { pictures, height, width },
            // The lines after the first name the call of WebGPU.
            Some(error) => DeviceError::refused(error.to_string().lines().next().unwrap_or_default()),
        }
        .into())
    }

    /// Asks for the result; the answer says that it can be read.
    fn map(&self) -> oneshot::Receiver<std::result::Result<(), wgpu::BufferAsyncError>> {
        let (tell, told) = oneshot::channel();
        // Nobody may be waiting any more.
        self.read.map_async(wgpu::MapMode::Read, .., |result| drop(tell.send(result)));
        told
    }

    /// The result that has been mapped.
    fn values(&self) -> Result<Vec<f32>> {
        let Sizes { pictures: [pictures, ..], pixels, channels, .. } = self.sizes;
        let (each, padded) = (pixels / pictures.max(1), channels.next_multiple_of(4));
        let mut values = Vec::with_capacity(channels * pixels);
        {
            let view = self.read.get_mapped_range(..).map_err(DeviceError::refused)?;
            let floats: &[f32] = bytemuck::cast_slice(&view);
            for picture in floats.chunks_exact(each * padded) {
                values.extend((0..channels).flat_map(|c| picture.chunks_exact(padded).map(move |pixel| pixel[c])));
            }
        }
        self.read.unmap();
        Ok(values)
    }
}

/// Maps `[b, channels, pixels]` as shaders read them: pixel by pixel, channels padded to whole vec4s.
pub fn pixels_first(maps: &[f32], channels: usize, pixels: usize) -> Vec<f32> {
    let padded = channels.next_multiple_of(4);
    let mut values = vec![0f32; maps.len() / channels * padded];
    for (map, out) in maps.chunks_exact(channels * pixels).zip(values.chunks_exact_mut(pixels * padded)) {
        for (c, plane) in map.chunks_exact(pixels).enumerate() {
            plane.iter().zip(out.chunks_exact_mut(padded)).for_each(|(x, pixel)| pixel[c] = *x);
        }
    }
    values
}

/// WebGPU reports an error only to an open error scope. Without one, a call that it refuses leaves zeros or old data as the
/// result.
#[derive(Debug)]
pub struct ErrorScopes {
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

fn lost() -> Error {
    DeviceError::Lost.into()
}

impl Drop for Pass {
    /// In a browser, memory would else wait for the garbage collector.
    fn drop(&mut self) {
        let own = [&self.step, &self.read, &self.shapes];
        own.into_iter().chain(&self.maps).for_each(wgpu::Buffer::destroy);
    }
}
