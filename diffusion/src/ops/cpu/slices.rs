//! Operations on slices of host memory, as [`Operation`]s on burn's device flex.
//!
//! Tests: `tests/it/operations.rs`.

use std::cell::RefCell;
use std::fmt::Debug;

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Shape, Tensor, TensorData};
use cpu_kernels::buffers::Buffers;

use crate::ops::operation::{self, Contiguous, Input, Operation, Primitive};

type FlexTensor = Primitive<Flex>;

impl Contiguous for Flex {
    fn contiguous(tensor: FlexTensor) -> FlexTensor {
        // A view of a longer tensor can be contiguous where it lies; burn would copy it.
        if tensor.layout().is_contiguous() { tensor } else { tensor.to_contiguous() }
    }
}

/// An operation on slices, with its gradient.
pub trait SliceOperation<const N: usize>: Clone + Debug + Send + 'static {
    /// The inputs that [`backward`](Self::backward) reads. The others are empty there.
    const KEPT: [bool; N] = [true; N];

    /// The result.
    fn forward(&self, inputs: [&[f32]; N], buffers: &mut Buffers) -> Vec<f32>;

    /// From `grad`, the gradient of the result, the gradients of the inputs that are `wanted`.
    fn backward(&self, inputs: [&[f32]; N], grad: &[f32], wanted: [bool; N], buffers: &mut Buffers) -> [Gradient; N];
}

/// The gradient of an input.
pub enum Gradient {
    /// Not wanted.
    None,
    /// The gradient of the result itself: the input was added as it is.
    Same,
    /// Computed.
    Values(Vec<f32>),
}

impl Gradient {
    /// `values`, computed if wanted.
    pub fn when(wanted: bool, values: impl FnOnce() -> Vec<f32>) -> Self {
        if wanted { Self::Values(values()) } else { Self::None }
    }

    /// [`Same`](Self::Same) in place of values, if `same`.
    pub fn or_same(self, same: bool) -> Self {
        match self {
            Self::Values(_) if same => Self::Same,
            other => other,
        }
    }
}

thread_local! {
    /// Buffers that operations of this thread reuse.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

fn with_buffers<T>(f: impl FnOnce(&mut Buffers) -> T) -> T {
    BUFFERS.with_borrow_mut(f)
}

/// The operation's result on tensors of device flex.
pub fn call<const N: usize, const D: usize, O: SliceOperation<N>>(
    operation: O,
    inputs: [Input; N],
    shape: [usize; D],
) -> Tensor<D> {
    operation::call::<Flex, N, D, _>(OnFlex(operation), inputs, shape)
}

fn values(tensor: &FlexTensor) -> &[f32] {
    let Some((start, end)) = tensor.layout().contiguous_offsets() else {
        unreachable!("inputs and gradients were made contiguous");
    };
    &tensor.storage::<f32>()[start..end]
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

/// A [`SliceOperation`] as an [`Operation`].
#[derive(Debug, Clone)]
struct OnFlex<O>(O);

impl<const N: usize, O: SliceOperation<N>> Operation<Flex, N> for OnFlex<O> {
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
