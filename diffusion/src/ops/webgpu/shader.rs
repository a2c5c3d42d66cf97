//! A shader's text, put together from constants, bindings and WGSL files, as a kernel of burn's.
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn_cubecl::cubecl::ir::metadata::Info;
use burn_cubecl::cubecl::ir::{ElemType, UIntKind};
use burn_cubecl::cubecl::prelude::{
    AddressType, CubeDim, CubeKernel, ExecutionMode, KernelDefinition, KernelId, KernelMetadata, KernelSettings,
    PrecompiledSource, Scope,
};

/// The most workgroups in one dimension of a dispatch.
pub const MAX_WORKGROUPS: usize = 65535;

/// A WGSL text: a shader's entry point, or a function that one calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShaderPart {
    Attention,
    Geglu,
    GroupNorm,
    Join,
    LayerNorm,
    MatMul,
    OuterProduct,
    PackWeights,
    SumPixels,
    SumSegments,
    /// `left_at`: rows of the left matrix as they are.
    PlainRows,
    /// `left_at`: the 3 x 3 windows of a map.
    ConvWindows,
    /// `left_at`: for each pixel of a map, the gradients of the results that read it.
    ConvWindowsTransposed,
    /// `load_weights`: from `[K, N]`.
    WeightsKn,
    /// `load_weights`: from `[N, K]`.
    WeightsNk,
    /// `weight_at`: from a convolution's `[N, D, 3, 3]`.
    ConvWeights,
    /// `weight_at`: from a convolution's `[C, N, 3, 3]`, for the gradient of its map.
    ConvWeightsTransposed,
    /// `weight_index`: in `[K, N]`.
    IndexKn,
    /// `weight_index`: in `[N, K]`.
    IndexNk,
    /// `weight_index`: in a convolution's `[N, D, 3, 3]`.
    IndexConv,
}

impl ShaderPart {
    fn wgsl(self) -> &'static str {
        match self {
            Self::Attention => include_str!("shaders/attention.wgsl"),
            Self::Geglu => include_str!("shaders/geglu.wgsl"),
            Self::GroupNorm => include_str!("shaders/group_norm.wgsl"),
            Self::Join => include_str!("shaders/join.wgsl"),
            Self::LayerNorm => include_str!("shaders/layer_norm.wgsl"),
            Self::MatMul => include_str!("shaders/matmul.wgsl"),
            Self::OuterProduct => include_str!("shaders/outer_product.wgsl"),
            Self::PackWeights => include_str!("shaders/pack_weights.wgsl"),
            Self::SumPixels => include_str!("shaders/sum_pixels.wgsl"),
            Self::SumSegments => include_str!("shaders/sum_segments.wgsl"),
            Self::PlainRows => "fn left_at(row: u32, k: u32) -> vec4f { return left[(row * K + k) / 4u]; }",
            Self::ConvWindows => include_str!("shaders/conv_windows.wgsl"),
            Self::ConvWindowsTransposed => include_str!("shaders/conv_windows_transposed.wgsl"),
            Self::WeightsKn => include_str!("shaders/load_weights_kn.wgsl"),
            Self::WeightsNk => include_str!("shaders/load_weights_nk.wgsl"),
            Self::ConvWeights => {
                "fn weight_at(k: u32, n: u32) -> f32 { return weights[(n * D + k % D) * 9u + k / D]; }"
            }
            Self::ConvWeightsTransposed => {
                "fn weight_at(k: u32, n: u32) -> f32 { return weights[(k % C * N + n) * 9u + k / C % 9u]; }"
            }
            Self::IndexKn => "fn weight_index(k: u32, n: u32) -> u32 { return k * N + n; }",
            Self::IndexNk => "fn weight_index(k: u32, n: u32) -> u32 { return n * K + k; }",
            Self::IndexConv => "fn weight_index(k: u32, n: u32) -> u32 { return (n * D + k % D) * 9u + k / D; }",
        }
    }
}

/// The value of a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// A `u32`.
    Whole(usize),
    /// The bits of an `f32`.
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
pub enum Element {
    F32,
    Vec2,
    Vec4,
}

/// A shader for certain sizes, which are constants in its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shader {
    pub parts: Vec<ShaderPart>,
    pub constants: Vec<(&'static str, Value)>,
    pub bindings: Vec<(&'static str, Element)>,
}

impl KernelMetadata for Shader {
    fn id(&self) -> KernelId {
        // All loops here end. In the checked mode each iteration is counted and none is unrolled.
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
        for (i, (name, element)) in self.bindings.iter().enumerate() {
            let array_of = match element {
                Element::F32 => "f32",
                Element::Vec2 => "vec2f",
                Element::Vec4 => "vec4f",
            };
            // Never read-only: tensors can share a buffer, which must not be bound in two access modes.
            source += &format!("@group(0) @binding({i}) var<storage, read_write> {name}: array<{array_of}>;\n");
        }
        // Where the invocations or workgroups exceed one dimension, they go on in a second one.
        source += &format!("fn index(id: vec3u) -> u32 {{ return id.y * {}u + id.x; }}\n", MAX_WORKGROUPS * 64);
        source += &format!("fn group_index(group: vec2u) -> u32 {{ return group.y * {MAX_WORKGROUPS}u + group.x; }}\n");
        for part in &self.parts {
            source += part.wgsl();
            source.push('\n');
        }
        Some(PrecompiledSource { source, entrypoint_name: "main".into(), lang: "wgsl" })
    }
}
