//! The tape: operations in the order in which they were computed, with what their gradients will read.
//!
//! Tests: `tests/it/gradients.rs`.

use std::rc::Rc;

use cpu_kernels::buffers::Buffers;
use cpu_kernels::vectors::add_scaled;

use crate::ops::cpu::SliceOperation;

/// A value on its way through the network. An operation takes it; a clone shares its memory.
#[derive(Clone)]
pub struct Value<'a> {
    data: Data<'a>,
    /// Where its gradient is summed. None: nothing before it is wanted.
    slot: Option<usize>,
}

#[derive(Clone)]
enum Data<'a> {
    /// A parameter, or nothing.
    Lent(&'a [f32]),
    /// What an operation computed.
    Shared(Rc<Vec<f32>>),
}

impl<'a> Value<'a> {
    /// A constant or a parameter without a gradient.
    pub fn lent(values: &'a [f32]) -> Self {
        Self { data: Data::Lent(values), slot: None }
    }

    /// A constant that is computed for this pass, in memory of the tape's buffers.
    pub fn owned(values: Vec<f32>) -> Self {
        Self { data: Data::Shared(Rc::new(values)), slot: None }
    }

    /// Its values.
    pub fn values(&self) -> &[f32] {
        self.data.values()
    }
}

impl Data<'_> {
    fn values(&self) -> &[f32] {
        match self {
            Self::Lent(values) => values,
            Self::Shared(values) => values,
        }
    }

    /// The memory goes back to where it came from, unless it is still needed elsewhere.
    fn give(self, buffers: &mut Buffers) {
        if let Self::Shared(values) = self
            && let Ok(values) = Rc::try_unwrap(values)
        {
            buffers.give(values);
        }
    }
}

/// What an operation's gradient needs of an input.
struct Input<'a> {
    /// Empty if it is not read.
    data: Data<'a>,
    len: usize,
    slot: Option<usize>,
}

struct Step<'a> {
    operation: Box<dyn SliceOperation>,
    inputs: Vec<Input<'a>>,
    /// The slot of its result.
    result: usize,
}

/// The recorded operations of one forward pass.
pub struct Tape<'a, 'b> {
    steps: Vec<Step<'a>>,
    /// For each slot, the parameter whose gradient is summed there; None: of a result.
    slots: Vec<Option<String>>,
    buffers: &'b mut Buffers,
}

impl<'a, 'b> Tape<'a, 'b> {
    /// An empty tape that computes with this memory.
    pub fn new(buffers: &'b mut Buffers) -> Self {
        Self { steps: Vec::new(), slots: Vec::new(), buffers }
    }

    /// Memory for a value, with anything in it.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        self.buffers.take(len)
    }

    /// A value that is done with.
    pub fn give(&mut self, value: Value<'a>) {
        value.data.give(self.buffers);
    }

    /// A parameter whose gradient is wanted.
    pub fn parameter(&mut self, name: String, values: &'a [f32]) -> Value<'a> {
        self.slots.push(Some(name));
        Value { data: Data::Lent(values), slot: Some(self.slots.len() - 1) }
    }

    /// The operation's result, which is recorded if a gradient of its inputs is wanted.
    pub fn call(&mut self, operation: impl SliceOperation + 'static, inputs: Vec<Value<'a>>) -> Value<'a> {
        self.record(Box::new(operation), inputs)
    }

    fn record(&mut self, operation: Box<dyn SliceOperation>, inputs: Vec<Value<'a>>) -> Value<'a> {
        let values: Vec<&[f32]> = inputs.iter().map(Value::values).collect();
        let mut out = self.buffers.take(operation.result_len(&values));
        operation.forward(&values, &mut out, self.buffers);
        let data = Data::Shared(Rc::new(out));
        let wanted: Vec<bool> = inputs.iter().map(|input| input.slot.is_some()).collect();
        if !wanted.contains(&true) {
            inputs.into_iter().for_each(|input| self.give(input));
            return Value { data, slot: None };
        }
        let keep = |(i, Value { data, slot }): (usize, Value<'a>)| {
            let len = data.values().len();
            let data = if operation.reads(i, &wanted) {
                data
            } else {
                data.give(self.buffers);
                Data::Lent(&[])
            };
            Input { data, len, slot }
        };
        let inputs = inputs.into_iter().enumerate().map(keep).collect();
        let result = self.slots.len();
        self.slots.push(None);
        self.steps.push(Step { operation, inputs, result });
        Value { data, slot: Some(result) }
    }

    /// From `gradient`, that of a loss at `output`, the gradients of the parameters on the tape.
    pub fn backward(mut self, output: Value<'a>, gradient: Vec<f32>) -> Vec<(String, Vec<f32>)> {
        let mut sums: Vec<Option<Vec<f32>>> = self.slots.iter().map(|_| None).collect();
        match output.slot {
            Some(slot) => sums[slot] = Some(gradient),
            None => self.buffers.give(gradient),
        }
        self.give(output);
        while let Some(Step { operation, inputs, result }) = self.steps.pop() {
            // Nothing of the output depends on a result without a gradient.
            if let Some(gradient) = sums[result].take() {
                self.step_back(operation.as_ref(), &inputs, gradient, &mut sums);
            }
            inputs.into_iter().for_each(|input| input.data.give(self.buffers));
        }
        let named = self.slots.into_iter().zip(sums);
        named.filter_map(|(name, sum)| Some((name?, sum?))).collect()
    }

    /// Adds the gradients of an operation's inputs to their sums.
    fn step_back(
        &mut self,
        operation: &dyn SliceOperation,
        inputs: &[Input<'a>],
        gradient: Vec<f32>,
        sums: &mut [Option<Vec<f32>>],
    ) {
        let memory = |(i, input): (usize, &Input<'a>)| {
            let slot = input.slot.filter(|_| !operation.adds(i))?;
            // A parameter's gradient leaves the pass, and takes no memory of it along.
            Some(if self.slots[slot].is_some() { vec![0.0; input.len] } else { self.buffers.take(input.len) })
        };
        let mut found: Vec<Option<Vec<f32>>> = inputs.iter().enumerate().map(memory).collect();
        if found.iter().any(Option::is_some) {
            let values: Vec<&[f32]> = inputs.iter().map(|input| input.data.values()).collect();
            let mut targets: Vec<Option<&mut [f32]>> = found.iter_mut().map(Option::as_deref_mut).collect();
            operation.backward(&values, &gradient, &mut targets, self.buffers);
        }
        let mut own = Some(gradient);
        for (input, found) in inputs.iter().zip(found) {
            // What was added as it is has the result's own gradient.
            let (Some(slot), Some(gradient)) = (input.slot, found.or_else(|| input.slot.and_then(|_| own.take())))
            else {
                continue;
            };
            match &mut sums[slot] {
                Some(sum) => {
                    add_scaled(sum, 1.0, &gradient);
                    self.buffers.give(gradient);
                }
                empty => *empty = Some(gradient),
            }
        }
        if let Some(gradient) = own {
            self.buffers.give(gradient);
        }
    }
}
