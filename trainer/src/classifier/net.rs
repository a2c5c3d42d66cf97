//! The network: two pixels by two become channels, then four convolutions and two Linears.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Width of the last hidden layer.
pub const FEATURES: usize = 128;

const STEM: usize = 32;
const BODY: usize = 64;

#[derive(Module, Debug)]
pub struct Net {
    stem: Conv2d,
    down: Conv2d,
    body: Conv2d,
    hidden: Linear,
    output: Linear,
}

impl Net {
    /// Sides of the pictures must be multiples of 4.
    pub fn new(image_size: usize, classes: usize, device: &Device) -> Self {
        let conv = |channels, stride| {
            Conv2dConfig::new(channels, [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let side = image_size / 4;
        Self {
            stem: conv([4, STEM], 1),
            down: conv([STEM, BODY], 2),
            body: conv([BODY, BODY], 1),
            hidden: LinearConfig::new(side * side * BODY, FEATURES).init(device),
            output: LinearConfig::new(FEATURES, classes).init(device),
        }
    }

    /// # Shapes
    /// - `images`: [batch, 1, side, side] in [-1, 1]
    /// - result: [batch, classes]
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.output.forward(self.features(images))
    }

    /// # Shapes
    /// - result: [batch, FEATURES]
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.stem.forward(fold(images))); // [B, 32, S/2, S/2]
        let x = relu(self.down.forward(x)); // [B, 64, S/4, S/4]
        let x = relu(self.body.forward(x.clone())) + x;
        relu(self.hidden.forward(x.flatten::<2>(1, 3)))
    }
}

/// Squares of 2x2 pixels become 4 channels: a quarter of the places, nothing lost.
fn fold(images: Tensor<4>) -> Tensor<4> {
    let [batch, _, height, width] = images.dims();
    images.reshape([batch, height / 2, 2, width / 2, 2]).permute([0, 2, 4, 1, 3]).reshape([
        batch,
        4,
        height / 2,
        width / 2,
    ])
}
