//! The classifier's network: squares of 2x2 pixels become channels, then convolutions at two sizes and two Linears. Tests: in
//! `classifier/tests.rs`.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use diffusion::ops::{Ops, Resize, conv3x3};

use super::design::Design;

/// Width of the last hidden layer.
pub const FEATURES: usize = 128;

const STEM: usize = 32;
const BODY: usize = 64;

/// The layers.
#[derive(Module, Debug)]
pub struct Net {
    stem: Conv2d,
    fine: Vec<Conv2d>,
    down: Conv2d,
    body: Vec<Conv2d>,
    hidden: Linear,
    output: Linear,
    #[module(skip)]
    design: Design,
}

impl Net {
    /// A network with random weights for pictures of `[channels, image_size]`; their side must be a multiple of 4.
    pub fn new(design: Design, [channels, image_size]: [usize; 2], classes: usize, device: &Device) -> Self {
        let conv = |widths, stride| {
            Conv2dConfig::new(widths, [3, 3])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device)
        };
        let side = image_size / 4;
        let [fine, body] = design.depth();
        Self {
            stem: conv([4 * channels, STEM], 1),
            fine: (0..fine).map(|_| conv([STEM, STEM], 1)).collect(),
            down: conv([STEM, BODY], 2),
            body: (0..body).map(|_| conv([BODY, BODY], 1)).collect(),
            hidden: LinearConfig::new(side * side * BODY, FEATURES).init(device),
            design,
            output: LinearConfig::new(FEATURES, classes).init(device),
        }
    }

    /// Logits of the classes.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, side, side]` in [-1, 1]
    /// - result: `[batch, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.output.forward(self.features(images))
    }

    /// The last hidden layer.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, side, side]` in [-1, 1]
    /// - result: `[batch, FEATURES]`
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(convolve(&self.stem, space_to_depth(images), Resize::Same)); // [B, S/2, S/2, 32]
        let x = relu(convolve(&self.down, self.through(&self.fine, x), Resize::Half)); // [B, S/4, S/4, 64]
        let x = self.through(&self.body, x);
        // Channels first, as the weights of `hidden` have them.
        relu(self.hidden.forward(x.permute([0, 3, 1, 2]).flatten::<2>(1, 3)))
    }

    /// Convolutions at one size, wired as the design has them.
    fn through(&self, layers: &[Conv2d], x: Tensor<4>) -> Tensor<4> {
        let next = |layer: &Conv2d, x: Tensor<4>| relu(convolve(layer, x, Resize::Same));
        match self.design {
            Design::Plain => layers.iter().fold(x, |x, layer| next(layer, x)),
            Design::Residual => layers
                .chunks_exact(2)
                .fold(x, |x, pair| relu(convolve(&pair[1], next(&pair[0], x.clone()), Resize::Same) + x)),
            Design::Distorted => layers.iter().fold(x, |x, layer| next(layer, x.clone()) + x),
        }
    }
}

fn convolve(layer: &Conv2d, x: Tensor<4>, resize: Resize) -> Tensor<4> {
    conv3x3(layer, x, resize, None, None, Ops::Custom)
}

/// Squares of 2x2 pixels become 4 channels each: `[b, c, h, w]` -> `[b, h / 2, w / 2, 4 c]`.
fn space_to_depth(images: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = images.dims();
    let squares = images.reshape([batch, channels, height / 2, 2, width / 2, 2]).permute([0, 2, 4, 1, 3, 5]);
    squares.reshape([batch, height / 2, width / 2, 4 * channels])
}
