//! What a run trains, as one vector: a network's own parameters, or those of an adapter. Tests: in
//! `network_parameters.rs`, `tests/it/training.rs`.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use diffusion::state::StateDict;
use diffusion::training::{Dropout, Layout};
use diffusion::unet::burn::BurnUNet;

use crate::error::Result;

/// What is trained.
pub(super) trait Trained: Send + Sync {
    /// Where its parameters lie in the vector.
    fn layout(&self) -> &Layout;

    /// The parameters that training begins with, `[len]`.
    fn initial(&self, unet: &BurnUNet, device: &Device) -> Result<Tensor<1>>;

    /// The network with these parameters `[len]`. On a device with autodiff, gradients come to what they decide.
    fn network(&self, unet: BurnUNet, parameters: &Tensor<1>) -> Result<BurnUNet>;

    /// The network as a job sees it in training, with inputs of an adapter dropped.
    fn for_job(&self, unet: &BurnUNet, dropout: Option<Dropout>) -> BurnUNet;

    /// The gradients of these parameters `[len]`, from those of the network that was made with them, `[len]`. What the loss
    /// does not depend on has gradient zero.
    fn gradients(
        &self,
        unet: &BurnUNet,
        gradients: GradientsParams,
        parameters: &Tensor<1>,
        device: &Device,
    ) -> Result<Tensor<1>>;

    /// A checkpoint's parameters by the names that they have today.
    fn renamed(&self, state: StateDict) -> StateDict {
        state
    }
}
