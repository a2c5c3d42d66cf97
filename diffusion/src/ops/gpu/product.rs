//! Linears and convolutions.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;

use super::Items::{Floats, Fours};
use super::{Launch, Shaded, Text, count, empty};
use crate::ops::MapShape;

/// Columns of a workgroup's tile, and its invocations.
fn tile(n: usize) -> (usize, usize) {
    let columns = if n > 32 { 64 } else { 32 };
    (columns, 64 * columns / 16)
}

/// A product's left side and its weights, as the shader finds them.
struct Sides {
    left: Text,
    weights: Text,
    constants: Vec<(&'static str, usize)>,
}

/// A product to be computed.
struct Product<'a> {
    sides: Sides,
    left: &'a CubeTensor,
    weights: &'a CubeTensor,
    m: usize,
    k: usize,
    n: usize,
    /// One for all rows, or one for each picture.
    bias: Option<&'a CubeTensor>,
    residual: Option<&'a CubeTensor>,
    /// Rows of a picture.
    pixels: usize,
}

impl Product<'_> {
    fn run(self, shape: Shape) -> CubeTensor {
        let Self { sides, left, weights, m, k, n, bias, residual, pixels } = self;
        let result = empty(left, shape);
        let (columns, lanes) = tile(n);
        let kind = match bias {
            None => 0,
            Some(bias) if count(bias) == n => 1,
            Some(_) => 2,
        };
        let mut launch = Launch::new([Text::Product, sides.left, sides.weights])
            .with([
                ("M", m),
                ("K", k),
                ("N", n),
                ("COLUMNS", columns),
                ("LANES", lanes),
                ("BIAS", kind),
                ("PIXELS", pixels),
            ])
            .with_flag("RESIDUAL", residual.is_some());
        launch.shader.constants.extend(sides.constants.into_iter().map(|(name, value)| (name, value.into())));
        // What is missing is bound to what is there, and not read.
        launch
            .bind("left", Fours, left)
            .bind("weights", Floats, weights)
            .bind("bias", Fours, bias.unwrap_or(left))
            .bind("residual", Fours, residual.unwrap_or(left))
            .bind("result", Fours, &result)
            .run([m.div_ceil(64), n.div_ceil(columns), 1]);
        result
    }
}

/// The gradients of weights and bias of a product.
struct Weights<'a> {
    sides: Sides,
    place: Text,
    left: &'a CubeTensor,
    grad: &'a CubeTensor,
    m: usize,
    k: usize,
    n: usize,
}

impl Weights<'_> {
    fn run(self, weight: Shape) -> [CubeTensor; 2] {
        let Self { sides, place, left, grad, m, k, n } = self;
        let (columns, lanes) = tile(n);
        let tiles = k.div_ceil(64) * n.div_ceil(columns);
        // Enough workgroups for a large device, and not so many that their sums are most of the work.
        let segment = m.div_ceil((512 / tiles).clamp(1, 128)).max(128);
        let segments = m.div_ceil(segment);
        let parts = empty(left, [segments, k + 1, n]);
        let constants = || sides.constants.iter().map(|&(name, value)| (name, value.into()));
        let mut launch = Launch::new([Text::Outer, sides.left]).with([
            ("M", m),
            ("K", k),
            ("N", n),
            ("COLUMNS", columns),
            ("LANES", lanes),
            ("SEGMENT", segment),
        ]);
        launch.shader.constants.extend(constants());
        launch.bind("left", Fours, left).bind("right", Fours, grad).bind("parts", Fours, &parts).run([
            k.div_ceil(64),
            n.div_ceil(columns),
            segments,
        ]);
        sums(&parts, place, constants().collect(), weight, [n].into())
    }
}

/// `parts [segments, k + 1, n]` summed: the first k rows in their `place`, the last.
pub(super) fn sums(
    parts: &CubeTensor,
    place: Text,
    constants: Vec<(&'static str, super::Value)>,
    weight: Shape,
    bias: Shape,
) -> [CubeTensor; 2] {
    let shape = parts.shape();
    let [segments, rows, n] = [shape[0], shape[1], shape[2]];
    let [weight, bias] = [weight, bias].map(|shape| empty(parts, shape));
    let mut launch = Launch::new([Text::Sums, place]).with([("K", rows - 1), ("N", n), ("SEGMENTS", segments)]);
    launch.shader.constants.extend(constants);
    launch.bind("parts", Floats, parts).bind("weight", Floats, &weight).bind("bias", Floats, &bias).run([
        (rows * n).div_ceil(16),
        1,
        1,
    ]);
    [weight, bias]
}

/// A Linear. Inputs: rows, weights, perhaps a bias, perhaps a residual.
#[derive(Debug, Clone)]
pub struct Matrix {
    pub k: usize,
    pub n: usize,
    /// Weights `[n, k]`, not `[k, n]`.
    pub transposed: bool,
}

impl<const N: usize> Shaded<N> for Matrix {
    const KEPT: [bool; N] = first_two();

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let Self { k, n, transposed } = *self;
        let weights = if transposed { Text::WeightsByColumn } else { Text::WeightsByRow };
        Product {
            sides: Sides { left: Text::PlainRows, weights, constants: Vec::new() },
            left: inputs[0],
            weights: inputs[1],
            m: count(inputs[0]) / k,
            k,
            n,
            bias: inputs.get(2).copied(),
            residual: inputs.get(3).copied(),
            pixels: 1,
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
        let Self { k, n, transposed } = *self;
        let m = count(&grad) / n;
        let mut gradients = [const { None }; N];
        let (Some(Some(left)), Some(Some(weights))) = (inputs.first(), inputs.get(1)) else { return gradients };
        if wanted[0] {
            let by = if transposed { Text::WeightsByRow } else { Text::WeightsByColumn };
            let sides = Sides { left: Text::PlainRows, weights: by, constants: Vec::new() };
            let product = Product { sides, left: &grad, weights, m, k: n, n: k, bias: None, residual: None, pixels: 1 };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        if wanted[1] || wanted.get(2) == Some(&true) {
            let place = if transposed { Text::PlaceByColumn } else { Text::PlaceByRow };
            let sides = Sides { left: Text::PlainRows, weights: place, constants: Vec::new() };
            let [weight, bias] = Weights { sides, place, left, grad: &grad, m, k, n }.run(shapes[1].clone());
            gradients[1] = Some(weight);
            if let Some(place) = gradients.get_mut(2) {
                *place = Some(bias);
            }
        }
        if let Some(place) = gradients.get_mut(3) {
            *place = Some(grad);
        }
        gradients
    }
}

/// All but the first two inputs are not looked at on the way back.
const fn first_two<const N: usize>() -> [bool; N] {
    let mut kept = [true; N];
    let mut i = 2;
    while i < N {
        kept[i] = false;
        i += 1;
    }
    kept
}

/// A 3 x 3 convolution. Inputs: map, `[out, in, 3, 3]`, bias (for all pictures or for each), perhaps a residual.
#[derive(Debug, Clone)]
pub struct Convolution {
    pub map: MapShape,
    pub result: MapShape,
    pub stride: usize,
}

impl Convolution {
    fn constants(&self) -> Vec<(&'static str, usize)> {
        let ([_, map_height, map_width, depth], [_, height, width, channels]) = (self.map, self.result);
        // The result of a convolution with stride 1 is larger than the map where that is doubled first.
        let size = if self.stride == 1 { height / map_height } else { 1 };
        vec![
            ("MAP_HEIGHT", map_height),
            ("MAP_WIDTH", map_width),
            ("D", depth),
            ("HEIGHT", height),
            ("WIDTH", width),
            ("C", channels),
            ("STRIDE", self.stride),
            ("SIZE", size),
        ]
    }
}

impl<const N: usize> Shaded<N> for Convolution {
    const KEPT: [bool; N] = first_two();

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let [b, height, width, n] = self.result;
        Product {
            sides: Sides { left: Text::Windows, weights: Text::Kernels, constants: self.constants() },
            left: inputs[0],
            weights: inputs[1],
            m: b * height * width,
            k: 9 * self.map[3],
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
        let constants = self.constants();
        let copies = constants.last().map_or(1, |(_, size)| size * size);
        let mut gradients = [const { None }; N];
        let (Some(Some(left)), Some(Some(weights))) = (inputs.first(), inputs.get(1)) else { return gradients };
        if wanted[0] {
            let product = Product {
                sides: Sides { left: Text::WindowsBack, weights: Text::KernelsBack, constants: constants.clone() },
                left: &grad,
                weights,
                m: b * map_height * map_width,
                k: copies * 9 * channels,
                n: depth,
                bias: None,
                residual: None,
                pixels: 1,
            };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        let each = wanted[2] && shapes[2].num_elements() > channels;
        if wanted[1] || (wanted[2] && !each) {
            let sides = Sides { left: Text::Windows, weights: Text::Kernels, constants };
            let (m, k, n) = (b * height * width, 9 * depth, channels);
            let weights = Weights { sides, place: Text::PlaceInKernels, left, grad: &grad, m, k, n };
            let [weight, bias] = weights.run(shapes[1].clone());
            gradients[1] = Some(weight);
            gradients[2] = Some(bias);
        }
        if each {
            let sums = empty(&grad, shapes[2].clone());
            Launch::new([Text::Pixels])
                .with([("PICTURES", b), ("PIXELS", height * width), ("N", channels)])
                .bind("map", Fours, &grad)
                .bind("result", Fours, &sums)
                .for_each(b * channels / 4);
            gradients[2] = Some(sums);
        }
        if let Some(place) = gradients.get_mut(3) {
            *place = Some(grad);
        }
        gradients
    }
}
