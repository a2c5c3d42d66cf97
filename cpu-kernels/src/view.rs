//! Views of row-major matrices in memory: what [`MatMul`](crate::matmul::MatMul) and
//! [`OuterProduct`](crate::gradients::outer_product::OuterProduct) read and write.
//!
//! Tests: `columns_of_wider_rows` in [`crate::matmul`].

/// Some columns of a row-major matrix.
#[derive(Debug, Clone, Copy)]
pub struct MatrixView<'a> {
    /// The matrix, row after row.
    pub values: &'a [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column of the view.
    pub column: usize,
}

impl<'a> MatrixView<'a> {
    /// All columns.
    pub fn whole(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride, column: 0 }
    }
}

/// Some columns of a row-major matrix, to be written.
#[derive(Debug)]
pub struct MatrixViewMut<'a> {
    /// The matrix, row after row.
    pub values: &'a mut [f32],
    /// Length of a row.
    pub stride: usize,
    /// The first column of the view.
    pub column: usize,
}

impl<'a> MatrixViewMut<'a> {
    /// All columns, rows following one another.
    pub fn whole(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, stride, column: 0 }
    }
}
