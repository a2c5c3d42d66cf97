//! What training needs of every kind: its tensors as parameters, and their gradients from that of the weight.
//!
//! Tests: `tests/it/adapter_gradients.rs`, against finite differences of what is composed.

use crate::state::HostTensor;

use super::change::{Change, Parameters, Update, difference};

impl Update {
    /// What is stored, by names that are each once in a module.
    pub fn tensors(&self) -> Vec<(&'static str, &HostTensor)> {
        let of_weight = match &self.weight {
            None => vec![],
            Some(Change::Lora(lora)) => vec![&lora.a, &lora.b],
            Some(Change::Loha(loha)) => loha.a.iter().chain(&loha.b).collect(),
            Some(Change::Lokr(lokr)) => [lokr.first.tensors(), lokr.second.tensors()].concat(),
            Some(Change::Glora(glora)) => glora.tensors(),
            Some(Change::Hira(hira)) => vec![&hira.a, &hira.b],
            Some(Change::Miss(miss)) => vec![miss.tensor()],
            Some(Change::Oft(oft)) => [&oft.raw].into_iter().chain(&oft.rescale).collect(),
            Some(Change::Boft(boft)) => [&boft.raw].into_iter().chain(&boft.scale).collect(),
            Some(Change::Hra(hra)) => vec![&hra.u],
            Some(Change::Ia3(ia3)) => vec![&ia3.factors],
            Some(Change::Full(full)) => vec![full.tensor()],
        };
        let mut tensors: Vec<_> = self.names().iter().copied().zip(of_weight).collect();
        tensors.extend(self.dora.iter().map(|dora| ("magnitude", &dora.magnitude)));
        tensors.extend(self.bias.iter().map(|bias| ("bias", bias.tensor())));
        tensors
    }

    /// Names of the weight's tensors, in their order.
    fn names(&self) -> &'static [&'static str] {
        match &self.weight {
            Some(Change::Lora(_)) => &["lora.a", "lora.b"],
            Some(Change::Loha(_)) => &["loha.a1", "loha.a2", "loha.b1", "loha.b2"],
            Some(Change::Lokr(_)) => &["lokr.0", "lokr.1", "lokr.2", "lokr.3"],
            Some(Change::Glora(_)) => &[
                "glora.0", "glora.1", "glora.2", "glora.3", "glora.4", "glora.5", "glora.6", "glora.7", "glora.8",
                "glora.9",
            ],
            Some(Change::Hira(_)) => &["hira.a", "hira.b"],
            Some(Change::Miss(_)) => &["miss"],
            Some(Change::Oft(_)) => &["oft", "rescale"],
            Some(Change::Boft(_)) => &["boft", "rescale"],
            Some(Change::Hra(_)) => &["hra"],
            Some(Change::Ia3(_)) => &["ia3"],
            Some(Change::Full(_)) => &["full"],
            None => &[],
        }
    }

    /// The same adapter's module with other values, in the order of [`tensors`](Self::tensors).
    pub fn set_values<'a>(&mut self, values: impl IntoIterator<Item = &'a [f32]>) {
        let mut tensors = match &mut self.weight {
            None => vec![],
            Some(Change::Lora(lora)) => vec![&mut lora.a, &mut lora.b],
            Some(Change::Loha(loha)) => loha.a.iter_mut().chain(&mut loha.b).collect(),
            Some(Change::Lokr(lokr)) => lokr.first.tensors_mut().into_iter().chain(lokr.second.tensors_mut()).collect(),
            Some(Change::Glora(glora)) => glora.tensors_mut(),
            Some(Change::Hira(hira)) => vec![&mut hira.a, &mut hira.b],
            Some(Change::Miss(miss)) => vec![miss.tensor_mut()],
            Some(Change::Oft(oft)) => [&mut oft.raw].into_iter().chain(&mut oft.rescale).collect(),
            Some(Change::Boft(boft)) => [&mut boft.raw].into_iter().chain(&mut boft.scale).collect(),
            Some(Change::Hra(hra)) => vec![&mut hra.u],
            Some(Change::Ia3(ia3)) => vec![&mut ia3.factors],
            Some(Change::Full(full)) => vec![full.tensor_mut()],
        };
        tensors.extend(self.dora.iter_mut().map(|dora| &mut dora.magnitude));
        tensors.extend(self.bias.iter_mut().map(|bias| bias.tensor_mut()));
        for (tensor, values) in tensors.into_iter().zip(values) {
            tensor.values.copy_from_slice(values);
        }
        match &mut self.weight {
            Some(Change::Oft(oft)) => oft.refresh(),
            Some(Change::Boft(boft)) => boft.refresh(),
            _ => {}
        }
    }

    /// Whether it changes weight and bias of its module, which then need gradients.
    pub fn touches(&self) -> [bool; 2] {
        let with_bias = match &self.weight {
            Some(Change::Ia3(ia3)) => ia3.with_bias && !ia3.on_inputs,
            Some(Change::Glora(glora)) => glora.changes_bias(),
            _ => false,
        };
        [self.weight.is_some(), with_bias || self.bias.is_some()]
    }

    /// Gradients of the [`tensors`](Self::tensors), in their order, from those of the module's weight and bias (none where
    /// there is none), with this adapter alone at strength 1 and nothing [taken](Self::taken) out of the base.
    pub fn gradients(&self, pristine: &Parameters, [weight, bias]: [&[f32]; 2]) -> Vec<Vec<f32>> {
        let mut gradients = Vec::new();
        let (mut of_weight, mut of_dora) = (weight.to_vec(), None);
        if let (Some(dora), Some(change)) = (&self.dora, &self.weight) {
            let (added, _) = difference(change, pristine);
            let [of_difference, of_magnitude] = dora.gradients(&pristine.weight, &added, weight);
            (of_weight, of_dora) = (of_difference, Some(of_magnitude));
        }
        if let Some(change) = &self.weight {
            gradients.extend(of_change(change, pristine, [&of_weight, bias]));
        }
        gradients.extend(of_dora);
        gradients.extend(self.bias.is_some().then(|| bias.to_vec()));
        gradients
    }
}

fn of_change(change: &Change, pristine: &Parameters, [weight, bias]: [&[f32]; 2]) -> Vec<Vec<f32>> {
    let (before, columns) = (&pristine.weight, pristine.weight.shape.iter().skip(1).product::<usize>().max(1));
    match change {
        Change::Lora(lora) => lora.gradients(weight),
        Change::Loha(loha) => loha.gradients(weight),
        Change::Lokr(lokr) => lokr.gradients(before.shape.get(2..).unwrap_or_default().iter().product(), weight),
        Change::Glora(glora) => glora.gradients(before, pristine.bias.as_ref(), [weight, bias]),
        Change::Hira(hira) => hira.gradients(before, weight),
        Change::Miss(miss) => vec![miss.gradient(before, weight)],
        Change::Oft(oft) => oft.gradients(before, weight),
        Change::Boft(boft) => boft.gradients(before, weight),
        Change::Hra(hra) => vec![hra.gradient(&before.values, columns, weight)],
        Change::Ia3(ia3) => vec![ia3.gradient(before, pristine.bias.as_ref(), [weight, bias])],
        Change::Full(_) => vec![weight.to_vec()],
    }
}
