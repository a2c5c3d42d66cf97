//! Views of matrices in memory, row after row: what [`MatMul`](crate::matmul::MatMul) and
//! [`OuterProduct`](crate::gradients::outer::OuterProduct) read and write.

/// Some columns of a matrix in memory.
#[derive(Debug, Clone, Copy)]
pub struct MatrixView<'a> {
    /// Row after row.
    pub values: &'a [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column of those meant.
    pub column: usize,
}

impl<'a> MatrixView<'a> {
    /// Whole rows.
    pub fn whole(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride, column: 0 }
    }
}

/// Where a product's rows go.
#[derive(Debug)]
pub struct MatrixViewMut<'a> {
    /// Row after row.
    pub values: &'a mut [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column that is written.
    pub column: usize,
    /// Row of each picture's result in `values`, where they are not one after the other; and how many a picture has there.
    pub rows: Option<(&'a [u32], usize)>,
}

impl<'a> MatrixViewMut<'a> {
    /// Whole rows, one after the other.
    pub fn whole(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, stride, column: 0, rows: None }
    }
}
