//! The operations as WGSL shaders, which burn's device wgpu launches between its own.

mod attention;
mod norm;
mod product;
#[cfg(test)]
mod tests;
mod vectors;

use burn::backend::{DType, TensorMetadata};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::Cube;
use burn_cubecl::cubecl::ir::metadata::Info;
use burn_cubecl::cubecl::ir::{ElemType, UIntKind};
use burn_cubecl::cubecl::prelude::{
    AddressType, CubeCount, CubeDim, CubeKernel, ExecutionMode, KernelDefinition, KernelId, KernelMetadata,
    KernelSettings, PrecompiledSource, Scope,
};
use burn_cubecl::cubecl::server::KernelArguments;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::{Contiguous, Input, Operation, call_on};

pub use attention::{Geglu, Heads};
pub use norm::{MOST_CHANNELS, OverGroups, OverRows};
pub use product::{Convolution, Matrix};
pub use vectors::{join, part};

/// Workgroups in one direction, at most.
const MOST: usize = 65535;

impl Contiguous for Cube {
    fn contiguous(tensor: CubeTensor) -> CubeTensor {
        into_contiguous(tensor)
    }
}

/// The operation on tensors of a graphics processor.
pub(super) fn call<const N: usize, const D: usize, O: Operation<Cube, N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D> {
    call_on::<Cube, N, D, _>(operation, inputs, shape)
}

/// A file with a shader's entry point, or a part that another file calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Text {
    Attention,
    Geglu,
    GroupNorm,
    Join,
    LayerNorm,
    Outer,
    Pack,
    Pixels,
    Product,
    Sums,
    /// Rows of the left matrix as they are.
    PlainRows,
    /// The windows of a map.
    Windows,
    /// What each pixel of a map has given to the result, from the result's gradient.
    WindowsBack,
    /// Weights `[K, N]`.
    RightsByRow,
    /// Weights `[N, K]`.
    RightsByColumn,
    /// Weights `[N, D, 3, 3]` of a convolution.
    Kernels,
    /// The same on the way back, `[C, N, 3, 3]`.
    KernelsBack,
    /// Where a gradient belongs in weights `[K, N]`.
    PlaceByRow,
    /// Where in weights `[N, K]`.
    PlaceByColumn,
    /// Where in `[N, D, 3, 3]`.
    PlaceInKernels,
}

impl Text {
    fn wgsl(self) -> &'static str {
        match self {
            Self::Attention => include_str!("attention.wgsl"),
            Self::Geglu => include_str!("geglu.wgsl"),
            Self::GroupNorm => include_str!("group_norm.wgsl"),
            Self::Join => include_str!("join.wgsl"),
            Self::LayerNorm => include_str!("layer_norm.wgsl"),
            Self::Outer => include_str!("outer.wgsl"),
            Self::Pack => include_str!("pack.wgsl"),
            Self::Pixels => include_str!("pixels.wgsl"),
            Self::Product => include_str!("product.wgsl"),
            Self::Sums => include_str!("sums.wgsl"),
            Self::PlainRows => "fn left_at(row: u32, k: u32) -> vec4f { return left[(row * K + k) / 4u]; }",
            Self::Windows => include_str!("windows.wgsl"),
            Self::WindowsBack => include_str!("windows_back.wgsl"),
            Self::RightsByRow => include_str!("rights_by_row.wgsl"),
            Self::RightsByColumn => include_str!("rights_by_column.wgsl"),
            Self::Kernels => "fn weight_at(k: u32, n: u32) -> f32 { return weights[(n * D + k % D) * 9u + k / D]; }",
            Self::KernelsBack => {
                "fn weight_at(k: u32, n: u32) -> f32 { return weights[(k % C * N + n) * 9u + k / C % 9u]; }"
            }
            Self::PlaceByRow => "fn place(k: u32, n: u32) -> u32 { return k * N + n; }",
            Self::PlaceByColumn => "fn place(k: u32, n: u32) -> u32 { return n * K + k; }",
            Self::PlaceInKernels => "fn place(k: u32, n: u32) -> u32 { return (n * D + k % D) * 9u + k / D; }",
        }
    }
}

/// A constant's value, a float by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Value {
    Whole(usize),
    Float(u32),
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Float(value.to_bits())
    }
}

/// What a binding is an array of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Items {
    Floats,
    Pairs,
    Fours,
}

/// A shader for some sizes, which are constants in it: it is compiled for each, once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shader {
    texts: Vec<Text>,
    constants: Vec<(&'static str, Value)>,
    bindings: Vec<(&'static str, Items)>,
}

/// A shader that is about to be launched.
struct Launch<'a> {
    shader: Shader,
    tensors: Vec<&'a CubeTensor>,
}

impl<'a> Launch<'a> {
    fn new<const N: usize>(texts: [Text; N]) -> Self {
        let shader = Shader { texts: texts.into(), constants: Vec::new(), bindings: Vec::new() };
        Self { shader, tensors: Vec::new() }
    }

    fn with<const N: usize>(mut self, constants: [(&'static str, usize); N]) -> Self {
        self.shader.constants.extend(constants.map(|(name, value)| (name, value.into())));
        self
    }

    fn with_all(mut self, constants: &[(&'static str, usize)]) -> Self {
        self.shader.constants.extend(constants.iter().map(|&(name, value)| (name, value.into())));
        self
    }

    fn with_float(mut self, name: &'static str, value: f32) -> Self {
        self.shader.constants.push((name, value.into()));
        self
    }

    fn with_flag(mut self, name: &'static str, value: bool) -> Self {
        self.shader.constants.push((name, value.into()));
        self
    }

    fn bind(mut self, name: &'static str, items: Items, tensor: &'a CubeTensor) -> Self {
        self.shader.bindings.push((name, items));
        self.tensors.push(tensor);
        self
    }

    /// One invocation for each of so many things, 64 together; the shader finds its own by `index`.
    fn for_each(self, count: usize) {
        let groups = count.div_ceil(64);
        self.run([groups.min(MOST), groups.div_ceil(MOST), 1]);
    }

    fn run(self, groups: [usize; 3]) {
        let [x, y, z] = groups.map(|count| count as u32);
        let Some(first) = self.tensors.first() else { return };
        let buffers = self.tensors.iter().map(|tensor| tensor.handle.clone().binding()).collect();
        let arguments = KernelArguments::new().with_buffers(buffers);
        first.client.launch(Box::new(self.shader), CubeCount::Static(x, y, z), arguments);
    }
}

impl KernelMetadata for Shader {
    fn id(&self) -> KernelId {
        // Every loop ends by itself; where that is not trusted, each turn counts, and none is unrolled.
        KernelId::new::<Self>().info(self.clone()).mode(ExecutionMode::Unchecked)
    }

    fn address_type(&self) -> ElemType {
        UIntKind::U32.into()
    }
}

impl CubeKernel for Shader {
    fn define(&self) -> KernelDefinition {
        let settings = KernelSettings::new(CubeDim::new_single().0, ExecutionMode::Unchecked, AddressType::U32);
        KernelDefinition { body: Scope::root(settings.clone()), settings, info: Info::default() }
    }

    fn source(&self) -> Option<PrecompiledSource> {
        let mut source = String::new();
        for (name, value) in &self.constants {
            source += &match value {
                Value::Whole(value) => format!("const {name} = {value}u;\n"),
                Value::Float(bits) => format!("const {name}: f32 = {:e};\n", f32::from_bits(*bits)),
            };
        }
        for (i, (name, items)) in self.bindings.iter().enumerate() {
            let item = match items {
                Items::Floats => "f32",
                Items::Pairs => "vec2f",
                Items::Fours => "vec4f",
            };
            // Never read-only: tensors share buffers, and one must not be bound in two ways.
            source += &format!("@group(0) @binding({i}) var<storage, read_write> {name}: array<{item}>;\n");
        }
        // What does not fit in one direction goes on in another.
        source += &format!("fn index(id: vec3u) -> u32 {{ return id.y * {}u + id.x; }}\n", MOST * 64);
        source += &format!("fn group_index(group: vec2u) -> u32 {{ return group.y * {MOST}u + group.x; }}\n");
        for text in &self.texts {
            source += text.wgsl();
            source.push('\n');
        }
        Some(PrecompiledSource { source, entrypoint_name: "main".into(), lang: "wgsl" })
    }
}

/// Memory for a result beside `like`, with anything in it.
fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = like.client.empty(shape.num_elements() * size_of::<f32>());
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, handle, DType::F32)
}

/// Whether shaders can take this many channels at once.
pub fn in_fours(channels: &[usize]) -> bool {
    channels.iter().all(|count| count.is_multiple_of(4))
}

/// How many values a tensor has.
fn count(tensor: &CubeTensor) -> usize {
    tensor.shape().num_elements()
}
