//! Operations on slices of host memory ([`SliceOperation`]), as [`Operation`]s on burn's device flex.
//!
//! Tests: `tests/it/operations.rs`.

use std::cell::RefCell;
use std::fmt::Debug;

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Shape, Tensor, TensorData};
use cpu_kernels::buffers::Buffers;

use super::cpu::SliceOperation;
use super::operation::{self, Contiguous, Input, Operation, Primitive};

type FlexTensor = Primitive<Flex>;

impl Contiguous for Flex {
    fn contiguous(tensor: FlexTensor) -> FlexTensor {
        // A view of a longer tensor can be contiguous where it lies; burn would copy it.
        if tensor.layout().is_contiguous() { tensor } else { tensor.to_contiguous() }
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
pub fn call<const N: usize, const D: usize, O: SliceOperation + Clone + Debug + Send + 'static>(
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

impl<const N: usize, O: SliceOperation + Clone + Debug + Send + 'static> Operation<Flex, N> for OnFlex<O> {
    fn kept(&self, wanted: [bool; N]) -> [bool; N] {
        std::array::from_fn(|input| self.0.reads(input, &wanted))
    }

    fn forward(&self, inputs: [&FlexTensor; N], shape: Shape) -> FlexTensor {
        let inputs = inputs.map(values);
        let mut out = vec![0f32; self.0.result_len(&inputs)];
        with_buffers(|buffers| self.0.forward(&inputs, &mut out, buffers));
        tensor(out, shape)
    }

    fn backward(
        &self,
        inputs: [Option<&FlexTensor>; N],
        shapes: [Shape; N],
        grad: FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N] {
        let inputs = inputs.map(|input| input.map_or(&[][..], values));
        let mut gradients: [Option<Vec<f32>>; N] = std::array::from_fn(|input| {
            (wanted[input] && !self.0.adds(input)).then(|| vec![0f32; shapes[input].num_elements()])
        });
        let mut targets = gradients.each_mut().map(Option::as_deref_mut);
        with_buffers(|buffers| self.0.backward(&inputs, values(&grad), &mut targets, buffers));
        let mut shapes = shapes.into_iter().enumerate();
        gradients.map(|gradient| match (gradient, shapes.next()) {
            (Some(values), Some((_, shape))) => Some(tensor(values, shape)),
            (None, Some((input, _))) if wanted[input] => Some(grad.clone()),
            _ => None,
        })
    }
}
