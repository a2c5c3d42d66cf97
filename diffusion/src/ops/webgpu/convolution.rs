//! 3 x 3 convolutions with their gradients, as products whose left rows are windows of the map (implicit GEMM).
//!
//! Tests: `diffusion/src/ops/webgpu/tests.rs`.

use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, empty};
use super::matmul::{LeftRows, MatMul, WeightGradient};
use super::shader::Element::{F32, Vec4};
use super::shader::ShaderPart;
use crate::ops::operation::Operation;
use crate::ops::settings::MapShape;

/// A 3 x 3 convolution of a map, or of the map upsampled to double size (nearest neighbour) where `result` is larger than `map`.
/// Inputs: map, weight `[out, in, 3, 3]`, bias `[out]` or `[pictures, out]`, perhaps a residual like the result.
#[derive(Debug, Clone)]
pub struct Conv3x3Op {
    pub map: MapShape,
    pub result: MapShape,
    pub stride: usize,
}

impl Conv3x3Op {
    /// The factor of the upsampling: 1 or 2.
    fn upsampling(&self) -> usize {
        if self.stride == 1 { self.result[1] / self.map[1] } else { 1 }
    }

    fn constants(&self) -> Vec<(&'static str, usize)> {
        let ([_, map_height, map_width, depth], [_, height, width, channels]) = (self.map, self.result);
        let (stride, upsampling) = (self.stride, self.upsampling());
        vec![
            ("MAP_HEIGHT", map_height),
            ("MAP_WIDTH", map_width),
            ("D", depth),
            ("HEIGHT", height),
            ("WIDTH", width),
            ("C", channels),
            ("STRIDE", stride),
            ("UPSAMPLING", upsampling),
        ]
    }

    /// The weights as the right matrix of a product, `[k, n]`.
    fn packed(&self, layout: ShaderPart, weights: &CubeTensor, k: usize, n: usize) -> CubeTensor {
        let packed = empty(weights, [k, n]);
        Launch::new([ShaderPart::PackWeights, layout])
            .with([("K", k), ("N", n)])
            .with_all(&self.constants())
            .bind("weights", F32, weights)
            .bind("result", F32, &packed)
            .for_each(k * n);
        packed
    }
}

impl<const N: usize> Operation<Cube, N> for Conv3x3Op {
    /// Map and weight: neither bias nor residual.
    fn kept(&self, _: [bool; N]) -> [bool; N] {
        std::array::from_fn(|input| input < 2)
    }

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let ([b, height, width, n], k) = (self.result, 9 * self.map[3]);
        MatMul {
            rows: LeftRows { part: ShaderPart::ConvWindows, constants: self.constants() },
            left: inputs[0],
            layout: ShaderPart::WeightsKn,
            weights: &self.packed(ShaderPart::ConvWeights, inputs[1], k, n),
            m: b * height * width,
            k,
            n,
            bias: inputs.get(2).copied(),
            residual: inputs.get(3).copied(),
            pixels: height * width,
        }
        .run(shape)
    }

    fn backward(
        &self,
        inputs: [Option<&CubeTensor>; N],
        shapes: [Shape; N],
        grad: CubeTensor,
        wanted: [bool; N],
    ) -> [Option<CubeTensor>; N] {
        let ([b, map_height, map_width, depth], [_, height, width, channels]) = (self.map, self.result);
        let mut gradients = [const { None }; N];
        let (Some(Some(left)), Some(Some(weights))) = (inputs.first(), inputs.get(1)) else { return gradients };
        if wanted[0] {
            let k = self.upsampling() * self.upsampling() * 9 * channels;
            let product = MatMul {
                rows: LeftRows { part: ShaderPart::ConvWindowsTransposed, constants: self.constants() },
                left: &grad,
                layout: ShaderPart::WeightsKn,
                weights: &self.packed(ShaderPart::ConvWeightsTransposed, weights, k, depth),
                m: b * map_height * map_width,
                k,
                n: depth,
                bias: None,
                residual: None,
                pixels: 1,
            };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        let bias_per_picture = wanted[2] && shapes[2].num_elements() > channels;
        if wanted[1] || (wanted[2] && !bias_per_picture) {
            let rows = LeftRows { part: ShaderPart::ConvWindows, constants: self.constants() };
            let (m, k, n) = (b * height * width, 9 * depth, channels);
            let weights = WeightGradient { rows, left, grad: &grad, layout: ShaderPart::IndexConv, m, k, n };
            let [weight, bias] = weights.run(shapes[1].clone(), shapes[2].clone());
            gradients[1] = Some(weight);
            gradients[2] = Some(bias);
        }
        if bias_per_picture {
            let sums = empty(&grad, shapes[2].clone());
            let vec4s = (channels / 4).min(16);
            Launch::new([ShaderPart::SumPixels])
                .with([("PIXELS", height * width), ("N", channels), ("VEC4S", vec4s)])
                .bind("map", Vec4, &grad)
                .bind("result", Vec4, &sums)
                .run([b, (channels / 4).div_ceil(vec4s), 1]);
            gradients[2] = Some(sums);
        }
        if let Some(slot) = gradients.get_mut(3) {
            *slot = Some(grad);
        }
        gradients
    }
}
