//! Operations on feature maps `[batch, height, width, channels]`: burn's own, on any device; or this project's, which burn takes like
//! operations of its own, with their gradients: on its CPU device those of the crate `cpu-kernels`, on graphics processors shaders.

mod attention;
mod composed;
mod convolution;
#[cfg(feature = "burn-wgpu")]
mod gpu;
mod linear;
mod norm;
mod vectors;

use std::cell::RefCell;
use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops as BackwardOps, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{
    Autodiff, Backend, BackendTensor, BackendTypes, DispatchDevice, DispatchKindConversion, DispatchTensor, Flex,
    TensorMetadata,
};
use burn::tensor::{Device, GradientCheckpointingStrategy, Shape, Tensor, TensorData};
use cpu_kernels::buffers::Buffers;

pub use attention::{attention, geglu};
pub use convolution::{Resize, conv3x3};
pub use linear::{conv1x1, linear};
pub use norm::{GroupNormSettings, group_norm, layer_norm};
pub use vectors::{join, part};

/// Whose operations a network is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ops {
    /// burn's, on any of its devices.
    Burn,
    /// This project's, several times as fast: on burn's CPU device flex those of the crate `cpu-kernels`, on its device wgpu shaders. On
    /// other devices, and where gradients are checkpointed, burn's.
    Custom,
}

/// Which implementation computes an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Implementation {
    Burn,
    Cpu,
    #[cfg(feature = "burn-wgpu")]
    WebGpu,
}

impl Ops {
    /// The implementation for this device.
    fn implementation(self, device: &Device) -> Implementation {
        let traced = device.is_autodiff();
        let all_kept = device.gradient_checkpointing_strategy() == Some(GradientCheckpointingStrategy::Disabled);
        if self == Self::Burn || (traced && !all_kept) {
            return Implementation::Burn;
        }
        match device.clone().without_autodiff().as_dispatch() {
            DispatchDevice::Flex(_) => Implementation::Cpu,
            #[cfg(feature = "burn-wgpu")]
            DispatchDevice::Cube(burn_cubecl::CubeDevice::Wgpu(_)) => Implementation::WebGpu,
            #[allow(unreachable_patterns)]
            _ => Implementation::Burn,
        }
    }

    /// Whether the crate `cpu-kernels` computes them on this device.
    fn on_cpu(self, device: &Device) -> bool {
        self.implementation(device) == Implementation::Cpu
    }
}

/// Whether a device, with autodiff or without, is burn's CPU device flex.
fn on_flex(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(_) => on_flex(&device.clone().without_autodiff()),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// A feature map's shape: pictures, height, width, channels.
type MapShape = [usize; 4];

type FlexTensor = Primitive<Flex>;
type Primitive<B> = <B as BackendTypes>::FloatTensorPrimitive;
type Traced<B> = Primitive<Autodiff<B>>;

/// A backend with operations of this project's.
trait Contiguous: Backend {
    /// The tensor with its values one behind the other.
    fn contiguous(tensor: Primitive<Self>) -> Primitive<Self>;
}

impl Contiguous for Flex {
    fn contiguous(tensor: FlexTensor) -> FlexTensor {
        // A view of a longer tensor is contiguous where it lies; burn would copy it.
        if tensor.layout().is_contiguous() { tensor } else { tensor.to_contiguous() }
    }
}

/// An operation on a backend's tensors, with its gradient. All tensors are contiguous.
trait Operation<B: Contiguous, const N: usize>: Clone + Debug + Send + 'static {
    /// Which of the inputs [`backward`](Self::backward) looks at; the others are not there.
    const KEPT: [bool; N] = [true; N];

    fn forward(&self, inputs: [&Primitive<B>; N], shape: Shape) -> Primitive<B>;

    /// The gradients of those inputs that are `wanted`, with these shapes.
    fn backward(
        &self,
        inputs: [Option<&Primitive<B>>; N],
        shapes: [Shape; N],
        grad: Primitive<B>,
        wanted: [bool; N],
    ) -> [Option<Primitive<B>>; N];
}

/// An operation on slices, with its gradient.
trait OnSlices<const N: usize>: Clone + Debug + Send + 'static {
    /// Which of the inputs [`backward`](Self::backward) looks at; the others are empty there.
    const KEPT: [bool; N] = [true; N];

    fn forward(&self, inputs: [&[f32]; N], buffers: &mut Buffers) -> Vec<f32>;

    /// The gradients of those inputs that are `wanted`.
    fn backward(&self, inputs: [&[f32]; N], grad: &[f32], wanted: [bool; N], buffers: &mut Buffers) -> [Gradient; N];
}

/// What an input gets.
enum Gradient {
    /// Nothing: it was not wanted.
    None,
    /// What came: the input was added as it was.
    Same,
    Values(Vec<f32>),
}

impl Gradient {
    /// Computed if it is wanted.
    fn when(wanted: bool, values: impl FnOnce() -> Vec<f32>) -> Self {
        if wanted { Self::Values(values()) } else { Self::None }
    }

    /// What came, instead of values.
    fn or_same(self, same: bool) -> Self {
        match self {
            Self::Values(_) if same => Self::Same,
            other => other,
        }
    }
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

fn with_buffers<T>(f: impl FnOnce(&mut Buffers) -> T) -> T {
    BUFFERS.with_borrow_mut(f)
}

/// A tensor on the way into an operation.
struct Input {
    tensor: DispatchTensor,
    traced: bool,
}

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(tensor: Tensor<D>) -> Self {
        Self { traced: tensor.device().is_autodiff(), tensor: tensor.into_dispatch() }
    }
}

/// The operation on tensors of the device flex. Beside tensors with autodiff those without are constants.
fn call<const N: usize, const D: usize, O: OnSlices<N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D> {
    call_on::<Flex, N, D, _>(Slices(operation), inputs, shape)
}

/// The same on tensors of any backend.
fn call_on<B: Contiguous, const N: usize, const D: usize, O: Operation<B, N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    if !inputs.iter().any(|input| input.traced) {
        let inputs = inputs.map(|input| B::contiguous(float::<B>(input.tensor)));
        return Tensor::from_primitive::<B>(operation.forward(inputs.each_ref(), shape.into()));
    }
    let inputs = inputs.map(|input| match input.traced {
        true => float::<Autodiff<B>>(input.tensor),
        false => Traced::<B>::new(float::<B>(input.tensor)),
    });
    let guards = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| B::contiguous(input.into_primitive()));
    let output = operation.forward(inputs.each_ref(), shape.into());
    let output = match Step(operation).prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let shapes = inputs.each_ref().map(|input| input.shape());
            let mut kept = O::KEPT.into_iter();
            let inputs = inputs.map(|input| kept.next().unwrap_or(true).then_some(input));
            prep.finish(Saved::<B, N> { inputs, shapes }, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<B>>(output)
}

/// Of the one device that a network's tensors lie on.
fn float<B: Backend>(tensor: DispatchTensor) -> Primitive<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    match <DispatchTensor as DispatchKindConversion<B>>::try_into_backend(tensor) {
        Ok(BackendTensor::Float(tensor)) => tensor,
        Ok(_) => panic!("an operation's input does not hold floats"),
        Err(reason) => panic!("an operation's inputs lie on several devices: {reason}"),
    }
}

fn values(tensor: &FlexTensor) -> &[f32] {
    let (start, end) = tensor.layout().contiguous_offsets().unwrap_or_default();
    &tensor.storage::<f32>()[start..end]
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

/// An operation on slices as one on tensors.
#[derive(Debug, Clone)]
struct Slices<O>(O);

impl<const N: usize, O: OnSlices<N>> Operation<Flex, N> for Slices<O> {
    const KEPT: [bool; N] = O::KEPT;

    fn forward(&self, inputs: [&FlexTensor; N], shape: Shape) -> FlexTensor {
        tensor(with_buffers(|buffers| self.0.forward(inputs.map(values), buffers)), shape)
    }

    fn backward(
        &self,
        inputs: [Option<&FlexTensor>; N],
        shapes: [Shape; N],
        grad: FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N] {
        let inputs = inputs.map(|input| input.map_or(&[][..], values));
        let gradients = with_buffers(|buffers| self.0.backward(inputs, values(&grad), wanted, buffers));
        let mut shapes = shapes.into_iter();
        gradients.map(|gradient| match (gradient, shapes.next()) {
            (Gradient::Values(values), Some(shape)) => Some(tensor(values, shape)),
            (Gradient::Same, _) => Some(grad.clone()),
            _ => None,
        })
    }
}

/// An operation's place in the graph.
#[derive(Debug)]
struct Step<O>(O);

/// What the way back needs.
#[derive(Debug, Clone)]
struct Saved<B: Backend, const N: usize> {
    inputs: [Option<Primitive<B>>; N],
    shapes: [Shape; N],
}

impl<B: Contiguous, const N: usize, O: Operation<B, N>> Backward<B, N> for Step<O> {
    type State = Saved<B, N>;

    fn backward(self, ops: BackwardOps<Saved<B, N>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = B::contiguous(grads.consume::<B>(&ops.node));
        let Saved { inputs, shapes } = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = self.0.backward(inputs.each_ref().map(Option::as_ref), shapes, grad, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}
