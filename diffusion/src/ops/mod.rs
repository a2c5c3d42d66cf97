//! Operations on feature maps `[batch, height, width, channels]`: burn's own, on any device; or those of the crate `kernels`, which burn's
//! CPU device takes like operations of its own, with their gradients.

mod attention;
mod composed;
mod convolution;
mod linear;
mod norm;

use std::cell::RefCell;
use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{
    Autodiff, Backend, BackendTensor, BackendTypes, DispatchDevice, DispatchKindConversion, DispatchTensor, Flex,
    TensorMetadata,
};
use burn::tensor::{Device, GradientCheckpointingStrategy, Shape, Tensor, TensorData};
use kernels::buffers::Buffers;

pub use attention::{attention, geglu};
pub use convolution::{Resize, conv3x3};
pub use linear::{conv1x1, linear};
pub use norm::{GroupNormSettings, group_norm, layer_norm};

/// Whose operations a network is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    /// burn's, on any of its devices.
    Burn,
    /// The crate `kernels`', several times as fast: on burn's CPU device flex. On other devices, and where gradients are checkpointed,
    /// burn's.
    Kernels,
}

impl Operations {
    /// Whether they are the kernels', on this device.
    fn kernels(self, device: &Device) -> bool {
        let traced = device.is_autodiff();
        let all_kept = device.gradient_checkpointing_strategy() == Some(GradientCheckpointingStrategy::Disabled);
        self == Self::Kernels && on_flex(device) && (all_kept || !traced)
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

type FlexTensor = <Flex as BackendTypes>::FloatTensorPrimitive;
type TracedTensor = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

/// An operation on slices, with its gradient.
trait Operation<const N: usize>: Clone + Debug + Send + 'static {
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
fn call<const N: usize, const D: usize, O: Operation<N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D> {
    if !inputs.iter().any(|input| input.traced) {
        let inputs = inputs.map(|input| float::<Flex>(input.tensor).to_contiguous());
        let output = with_buffers(|buffers| operation.forward(inputs.each_ref().map(values), buffers));
        return Tensor::from_primitive::<Flex>(tensor(output, shape.into()));
    }
    let inputs = inputs.map(|input| match input.traced {
        true => float::<Autodiff<Flex>>(input.tensor),
        false => TracedTensor::new(float::<Flex>(input.tensor)),
    });
    let guards = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| input.into_primitive().to_contiguous());
    let output = with_buffers(|buffers| operation.forward(inputs.each_ref().map(values), buffers));
    let output = tensor(output, shape.into());
    let output = match Step(operation).prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let shapes = inputs.each_ref().map(|input| input.shape());
            let mut kept = O::KEPT.into_iter();
            let inputs = inputs.map(|input| kept.next().unwrap_or(true).then_some(input));
            prep.finish(Saved { inputs, shapes }, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// Of the one device that a network's tensors lie on.
fn float<B: Backend>(tensor: DispatchTensor) -> B::FloatTensorPrimitive
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

/// An operation's place in the graph.
#[derive(Debug)]
struct Step<O>(O);

/// What the way back needs.
#[derive(Debug, Clone)]
struct Saved<const N: usize> {
    inputs: [Option<FlexTensor>; N],
    shapes: [Shape; N],
}

impl<const N: usize, O: Operation<N>> Backward<Flex, N> for Step<O> {
    type State = Saved<N>;

    fn backward(self, ops: Ops<Saved<N>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let Saved { inputs, shapes } = ops.state;
        let inputs = inputs.each_ref().map(|input| input.as_ref().map_or(&[][..], values));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = with_buffers(|buffers| self.0.backward(inputs, values(&grad), wanted, buffers));
        for ((parent, gradient), shape) in ops.parents.into_iter().zip(gradients).zip(shapes) {
            let Some(parent) = parent else { continue };
            match gradient {
                Gradient::None => {}
                Gradient::Same => grads.register::<Flex>(parent.id, grad.clone()),
                Gradient::Values(values) => grads.register::<Flex>(parent.id, tensor(values, shape)),
            }
        }
    }
}
