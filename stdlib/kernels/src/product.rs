//! How are matrices multiplied?  Views with strides, checked here once, given to the `gemm` crate.

/// A matrix in a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    of: &'a [f32],
    rows: usize,
    cols: usize,
    /// From a row to the next.
    row: usize,
    /// From a column to the next.
    col: usize,
}

/// A matrix that is written; its columns lie beside each other.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    of: &'a mut [f32],
    rows: usize,
    cols: usize,
    row: usize,
}

impl<'a> Matrix<'a> {
    /// All of a slice, row after row.
    pub(crate) fn new(of: &'a [f32], cols: usize) -> Self {
        Self {
            of,
            rows: of.len() / cols,
            cols,
            row: cols,
            col: 1,
        }
    }

    /// Rows that begin `row` numbers apart.
    pub(crate) fn apart(self, row: usize) -> Self {
        Self {
            rows: (self.of.len() + row - self.cols) / row,
            row,
            ..self
        }
    }

    /// Rows as columns.
    pub(crate) fn turned(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row: self.col,
            col: self.row,
            ..self
        }
    }
}

impl<'a> Target<'a> {
    /// All of a slice, row after row.
    pub(crate) fn new(of: &'a mut [f32], cols: usize) -> Self {
        Self {
            rows: of.len() / cols,
            of,
            cols,
            row: cols,
        }
    }

    /// Rows that begin `row` numbers apart.
    pub(crate) fn apart(self, row: usize) -> Self {
        Self {
            rows: (self.of.len() + row - self.cols) / row,
            row,
            ..self
        }
    }
}

/// `to = a b`, or `to += a b`.
///
/// # Panics
/// Shapes that do not fit each other or their slices: an error of the caller.
#[allow(
    unsafe_code,
    reason = "the crate takes pointers; the assertions above the call are what it asks for"
)]
pub(crate) fn product(to: Target<'_>, a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    let (m, n, k) = (to.rows, to.cols, a.cols);
    assert!(
        a.rows == m && b.rows == k && b.cols == n,
        "a product of {a:?} and {b:?} into {m} x {n}"
    );
    if m * n * k == 0 {
        if !add {
            to.of.fill(0.0);
        }
        return;
    }
    let last =
        |rows: usize, row: usize, cols: usize, col: usize| (rows - 1) * row + (cols - 1) * col;
    assert!(
        last(m, to.row, n, 1) < to.of.len() && to.row >= n,
        "a target outside its slice"
    );
    assert!(
        last(m, a.row, k, a.col) < a.of.len(),
        "a left side outside its slice"
    );
    assert!(
        last(k, b.row, n, b.col) < b.of.len(),
        "a right side outside its slice"
    );
    // SAFETY: every index that the strides reach lies in its slice, and no two entries of the target are one, by the assertions above; the
    // target is borrowed for writing, so that it is none of the others.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to.of.as_mut_ptr(),
            1,
            to.row as isize,
            add,
            a.of.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.of.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_definition_whatever_the_strides() {
        let (m, n, k) = (7, 5, 9);
        let a: Vec<f32> = (0..m * k).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i * 5 % 13) as f32 - 6.0).collect();
        let of = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f32>();
        let mut to = vec![1.0; m * 2 * n];
        product(
            Target::new(&mut to, n).apart(2 * n),
            Matrix::new(&a, k),
            Matrix::new(&b, n),
            true,
        );
        for i in 0..m {
            for j in 0..n {
                assert_eq!(to[i * 2 * n + j], of(i, j) + 1.0);
                assert_eq!(to[i * 2 * n + n + j], 1.0);
            }
        }
        let turned: Vec<f32> = (0..k * m).map(|i| a[i % m * k + i / m]).collect();
        let mut to = vec![f32::NAN; m * n];
        product(
            Target::new(&mut to, n),
            Matrix::new(&turned, m).turned(),
            Matrix::new(&b, n),
            false,
        );
        assert_eq!(to[n + 2], of(1, 2));
    }
}
