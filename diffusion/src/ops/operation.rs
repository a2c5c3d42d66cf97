//! An operation with a gradient of its own in burn's autodiff graph, on any backend.
//!
//! Tests: `tests/it/operations.rs`, with autodiff, without, and with constants among the inputs.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{
    Autodiff, Backend, BackendTensor, BackendTypes, DispatchKindConversion, DispatchTensor, TensorMetadata,
};
use burn::tensor::{Shape, Tensor};

/// A backend's tensor of floats.
pub type Primitive<B> = <B as BackendTypes>::FloatTensorPrimitive;

/// A backend that can lay a tensor out contiguously.
pub trait Contiguous: Backend {
    /// The tensor with its values in row-major order, without gaps.
    fn contiguous(tensor: Primitive<Self>) -> Primitive<Self>;
}

/// An operation on `N` tensors of a backend, with its gradient. All tensors are contiguous.
pub trait Operation<B: Contiguous, const N: usize>: Clone + Debug + Send + 'static {
    /// The inputs that [`backward`](Self::backward) reads, if it wants at most the gradients of those that are `wanted`. The others are not
    /// kept for it.
    fn kept(&self, _wanted: [bool; N]) -> [bool; N] {
        [true; N]
    }

    /// The result, of this shape.
    fn forward(&self, inputs: [&Primitive<B>; N], shape: Shape) -> Primitive<B>;

    /// From `grad`, the gradient of the result, the gradients of the inputs that are `wanted`. `shapes`: those of the inputs.
    fn backward(
        &self,
        inputs: [Option<&Primitive<B>>; N],
        shapes: [Shape; N],
        grad: Primitive<B>,
        wanted: [bool; N],
    ) -> [Option<Primitive<B>>; N];
}

/// A tensor of any rank, on its way into [`call`].
pub struct Input {
    tensor: DispatchTensor,
    traced: bool,
}

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(tensor: Tensor<D>) -> Self {
        Self { traced: tensor.device().is_autodiff(), tensor: tensor.into_dispatch() }
    }
}

/// The operation's result. If any input is traced by autodiff, so is the result; the untraced inputs are constants then.
pub fn call<B: Contiguous, const N: usize, const D: usize, O: Operation<B, N>>(
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
    let kept = operation.kept(inputs.each_ref().map(|input| input.traced));
    let inputs = inputs.map(|input| match input.traced {
        true => float::<Autodiff<B>>(input.tensor),
        false => Primitive::<Autodiff<B>>::new(float::<B>(input.tensor)),
    });
    let nodes = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| B::contiguous(input.into_primitive()));
    let output = operation.forward(inputs.each_ref(), shape.into());
    let output = match GraphStep(operation).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let shapes = inputs.each_ref().map(|input| input.shape());
            let mut kept = kept.into_iter();
            let inputs = inputs.map(|input| kept.next().unwrap_or(true).then_some(input));
            prep.finish(Saved::<B, N> { inputs, shapes }, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<B>>(output)
}

/// A tensor as one of backend `B`, on which all tensors of a network lie.
pub fn float<B: Backend>(tensor: DispatchTensor) -> Primitive<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    match <DispatchTensor as DispatchKindConversion<B>>::try_into_backend(tensor) {
        Ok(BackendTensor::Float(tensor)) => tensor,
        Ok(_) => panic!("an operation's input does not hold floats"),
        Err(reason) => panic!("an operation's inputs lie on several devices: {reason}"),
    }
}

/// An operation as a node of burn's graph.
#[derive(Debug)]
struct GraphStep<O>(O);

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
struct Saved<B: Backend, const N: usize> {
    inputs: [Option<Primitive<B>>; N],
    shapes: [Shape; N],
}

impl<B: Contiguous, const N: usize, O: Operation<B, N>> Backward<B, N> for GraphStep<O> {
    type State = Saved<B, N>;

    fn backward(self, ops: Ops<Saved<B, N>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
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
