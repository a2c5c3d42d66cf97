//! Launching shaders on burn's tensors.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::backend::{DType, TensorMetadata};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::cubecl::prelude::CubeCount;
use burn_cubecl::cubecl::server::KernelArguments;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::shader::{Element, MAX_WORKGROUPS, Shader, ShaderPart};
use crate::ops::operation::{self, Contiguous, Input, Operation};

impl Contiguous for Cube {
    fn contiguous(tensor: CubeTensor) -> CubeTensor {
        into_contiguous(tensor)
    }
}

/// The operation's result on tensors of device wgpu.
pub fn call<const N: usize, const D: usize, O: Operation<Cube, N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D> {
    operation::call::<Cube, N, D, _>(operation, inputs, shape)
}

/// A shader, with the tensors that it is launched on.
pub struct Launch<'a> {
    shader: Shader,
    tensors: Vec<&'a CubeTensor>,
}

impl<'a> Launch<'a> {
    /// A shader of these parts, without constants and bindings yet.
    pub fn new<const N: usize>(parts: [ShaderPart; N]) -> Self {
        let shader = Shader { parts: parts.into(), constants: Vec::new(), bindings: Vec::new() };
        Self { shader, tensors: Vec::new() }
    }

    /// Adds constants, whole numbers.
    pub fn with<const N: usize>(mut self, constants: [(&'static str, usize); N]) -> Self {
        self.shader.constants.extend(constants.map(|(name, value)| (name, value.into())));
        self
    }

    /// Adds constants, whole numbers.
    pub fn with_all(mut self, constants: &[(&'static str, usize)]) -> Self {
        self.shader.constants.extend(constants.iter().map(|&(name, value)| (name, value.into())));
        self
    }

    /// Adds a constant, a float.
    pub fn with_float(mut self, name: &'static str, value: f32) -> Self {
        self.shader.constants.push((name, value.into()));
        self
    }

    /// Adds a constant, 0 or 1.
    pub fn with_flag(mut self, name: &'static str, value: bool) -> Self {
        self.shader.constants.push((name, value.into()));
        self
    }

    /// Adds the next binding.
    pub fn bind(mut self, name: &'static str, element: Element, tensor: &'a CubeTensor) -> Self {
        self.shader.bindings.push((name, element));
        self.tensors.push(tensor);
        self
    }

    /// Launches one invocation for each of `count` items, 64 in a workgroup. The shader's `index` says which item is its own.
    pub fn for_each(self, count: usize) {
        let groups = count.div_ceil(64);
        self.run([groups.min(MAX_WORKGROUPS), groups.div_ceil(MAX_WORKGROUPS), 1]);
    }

    /// Launches so many workgroups.
    pub fn run(self, groups: [usize; 3]) {
        let [x, y, z] = groups.map(|count| count as u32);
        let Some(first) = self.tensors.first() else { return };
        let buffers = self.tensors.iter().map(|tensor| tensor.handle.clone().binding()).collect();
        let arguments = KernelArguments::new().with_buffers(buffers);
        first.client.launch(Box::new(self.shader), CubeCount::Static(x, y, z), arguments);
    }
}

/// An uninitialised tensor on the device of `like`.
pub fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = like.client.empty(shape.num_elements() * size_of::<f32>());
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, handle, DType::F32)
}

/// Whether rows of so many channels are whole `vec4`s, as most shaders read them.
pub fn vec4s_fit(channels: &[usize]) -> bool {
    channels.iter().all(|count| count.is_multiple_of(4))
}

/// Number of values of a tensor.
pub fn count(tensor: &CubeTensor) -> usize {
    tensor.shape().num_elements()
}
