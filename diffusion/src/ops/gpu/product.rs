//! Linears and convolutions.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::Cube;
use burn_cubecl::tensor::CubeTensor;

use super::Items::{Floats, Fours};
use super::{Launch, MOST, Text, count, empty};
use crate::ops::{MapShape, Operation};

/// Columns of a workgroup's tile, and its invocations.
fn tile(n: usize) -> (usize, usize) {
    let columns = if n > 32 { 64 } else { 32 };
    (columns, 64 * columns / 16)
}

/// The left rows of a product, as the shader finds them.
#[derive(Debug, Clone)]
struct Left {
    text: Text,
    constants: Vec<(&'static str, usize)>,
}

impl Left {
    fn plain() -> Self {
        Self { text: Text::PlainRows, constants: Vec::new() }
    }
}

/// A product to be computed.
struct Product<'a> {
    rows: Left,
    left: &'a CubeTensor,
    /// How the weights lie.
    rights: Text,
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
        let Self { rows, left, rights, weights, m, k, n, bias, residual, pixels } = self;
        let result = empty(left, shape);
        let (columns, lanes) = tile(n);
        // Rows of an invocation: the more the better, as long as there are workgroups for all of a large device.
        let high = if m > 50_000 { 8 } else { 4 };
        let tall = 16 * high;
        let tiles = m.div_ceil(tall);
        let kind = match bias {
            None => 0,
            Some(bias) if count(bias) == n => 1,
            Some(_) => 2,
        };
        Launch::new([Text::Product, rows.text, rights])
            .with([("M", m), ("K", k), ("N", n), ("ROWS", tall), ("COLUMNS", columns), ("LANES", lanes)])
            .with([("HIGH", high), ("BIAS", kind), ("PIXELS", pixels)])
            .with_flag("RESIDUAL", residual.is_some())
            .with_all(&rows.constants)
            // What is missing is bound to what is there, and not read.
            .bind("left", Fours, left)
            .bind("weights", Fours, weights)
            .bind("bias", Fours, bias.unwrap_or(left))
            .bind("residual", Fours, residual.unwrap_or(left))
            .bind("result", Fours, &result)
            .run([tiles.min(MOST), n.div_ceil(columns), tiles.div_ceil(MOST)]);
        result
    }
}

/// The gradients of weights and bias of a product.
struct Weights<'a> {
    rows: Left,
    left: &'a CubeTensor,
    grad: &'a CubeTensor,
    place: Text,
    m: usize,
    k: usize,
    n: usize,
}

impl Weights<'_> {
    /// In these shapes.
    fn run(self, weight: Shape, bias: Shape) -> [CubeTensor; 2] {
        let Self { rows, left, grad, place, m, k, n } = self;
        let (columns, lanes) = tile(n);
        let tiles = k.div_ceil(64) * n.div_ceil(columns);
        // Enough workgroups for a large device, and not so many that their sums are most of the work.
        let segment = m.div_ceil((512 / tiles).clamp(1, 128)).max(128);
        let segments = m.div_ceil(segment);
        let parts = empty(left, [segments, k + 1, n]);
        Launch::new([Text::Outer, rows.text])
            .with([("M", m), ("K", k), ("N", n), ("COLUMNS", columns), ("LANES", lanes), ("SEGMENT", segment)])
            .with_all(&rows.constants)
            .bind("left", Fours, left)
            .bind("right", Fours, grad)
            .bind("parts", Fours, &parts)
            .run([k.div_ceil(64), n.div_ceil(columns), segments]);
        sums(&parts, place, &rows.constants, weight, bias)
    }
}

/// `parts [segments, k + 1, n]` summed: the first k rows in their `place`, the last.
pub(super) fn sums(
    parts: &CubeTensor,
    place: Text,
    constants: &[(&'static str, usize)],
    weight: Shape,
    bias: Shape,
) -> [CubeTensor; 2] {
    let shape = parts.shape();
    let [segments, rows, n] = [shape[0], shape[1], shape[2]];
    let groups = (rows * n).div_ceil(16);
    let [weight, bias] = [weight, bias].map(|shape| empty(parts, shape));
    Launch::new([Text::Sums, place])
        .with([("K", rows - 1), ("N", n), ("SEGMENTS", segments)])
        .with_all(constants)
        .bind("parts", Floats, parts)
        .bind("weight", Floats, &weight)
        .bind("bias", Floats, &bias)
        .run([groups.min(MOST), groups.div_ceil(MOST), 1]);
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

impl<const N: usize> Operation<Cube, N> for Matrix {
    const KEPT: [bool; N] = first_two();

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let Self { k, n, transposed } = *self;
        Product {
            rows: Left::plain(),
            left: inputs[0],
            rights: if transposed { Text::RightsByColumn } else { Text::RightsByRow },
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
            let rights = if transposed { Text::RightsByRow } else { Text::RightsByColumn };
            let rows = Left::plain();
            let (bias, residual) = (None, None);
            let product = Product { rows, left: &grad, rights, weights, m, k: n, n: k, bias, residual, pixels: 1 };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        if wanted[1] || wanted.get(2) == Some(&true) {
            let place = if transposed { Text::PlaceByColumn } else { Text::PlaceByRow };
            let weights = Weights { rows: Left::plain(), left, grad: &grad, place, m, k, n };
            let bias = shapes.get(2).cloned().unwrap_or([n].into());
            let [weight, bias] = weights.run(shapes[1].clone(), bias);
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
    /// How often the map's pixels are seen in a row: twice where it is doubled first.
    fn size(&self) -> usize {
        if self.stride == 1 { self.result[1] / self.map[1] } else { 1 }
    }

    fn constants(&self) -> Vec<(&'static str, usize)> {
        let ([_, map_height, map_width, depth], [_, height, width, channels]) = (self.map, self.result);
        let (stride, size) = (self.stride, self.size());
        vec![
            ("MAP_HEIGHT", map_height),
            ("MAP_WIDTH", map_width),
            ("D", depth),
            ("HEIGHT", height),
            ("WIDTH", width),
            ("C", channels),
            ("STRIDE", stride),
            ("SIZE", size),
        ]
    }

    /// Weights for the product.
    fn packed(&self, layout: Text, weights: &CubeTensor, k: usize, n: usize) -> CubeTensor {
        let packed = empty(weights, [k, n]);
        Launch::new([Text::Pack, layout])
            .with([("K", k), ("N", n)])
            .with_all(&self.constants())
            .bind("weights", Floats, weights)
            .bind("result", Floats, &packed)
            .for_each(k * n);
        packed
    }
}

impl<const N: usize> Operation<Cube, N> for Convolution {
    const KEPT: [bool; N] = first_two();

    fn forward(&self, inputs: [&CubeTensor; N], shape: Shape) -> CubeTensor {
        let ([b, height, width, n], k) = (self.result, 9 * self.map[3]);
        Product {
            rows: Left { text: Text::Windows, constants: self.constants() },
            left: inputs[0],
            rights: Text::RightsByRow,
            weights: &self.packed(Text::Kernels, inputs[1], k, n),
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
            let k = self.size() * self.size() * 9 * channels;
            let product = Product {
                rows: Left { text: Text::WindowsBack, constants: self.constants() },
                left: &grad,
                rights: Text::RightsByRow,
                weights: &self.packed(Text::KernelsBack, weights, k, depth),
                m: b * map_height * map_width,
                k,
                n: depth,
                bias: None,
                residual: None,
                pixels: 1,
            };
            gradients[0] = Some(product.run(shapes[0].clone()));
        }
        let each = wanted[2] && shapes[2].num_elements() > channels;
        if wanted[1] || (wanted[2] && !each) {
            let rows = Left { text: Text::Windows, constants: self.constants() };
            let (m, k, n) = (b * height * width, 9 * depth, channels);
            let weights = Weights { rows, left, grad: &grad, place: Text::PlaceInKernels, m, k, n };
            let [weight, bias] = weights.run(shapes[1].clone(), shapes[2].clone());
            gradients[1] = Some(weight);
            gradients[2] = Some(bias);
        }
        if each {
            let sums = empty(&grad, shapes[2].clone());
            let fours = (channels / 4).min(16);
            Launch::new([Text::Pixels])
                .with([("PIXELS", height * width), ("N", channels), ("FOURS", fours)])
                .bind("map", Fours, &grad)
                .bind("result", Fours, &sums)
                .run([b, (channels / 4).div_ceil(fours), 1]);
            gradients[2] = Some(sums);
        }
        if let Some(place) = gradients.get_mut(3) {
            *place = Some(grad);
        }
        gradients
    }
}
