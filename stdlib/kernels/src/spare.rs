//! Where are numbers while an operation runs?  In arrays that a thread keeps for its next one: fresh ones of these sizes are zeroed each time.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// The most arrays that a thread keeps.
const KEPT: usize = 8;

thread_local! {
    static ARRAYS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// An array of any numbers, to be written before it is read; the thread that drops it keeps it.
pub(crate) struct Spare {
    of: Vec<f32>,
    size: usize,
}

impl Spare {
    pub(crate) fn new(size: usize) -> Self {
        let mut of = ARRAYS.with_borrow_mut(|all| {
            // The smallest that holds it, or else the largest, which grows.
            let best = (0..all.len()).min_by_key(|i| {
                let length = all[*i].len();
                (
                    length < size,
                    if length < size {
                        usize::MAX - length
                    } else {
                        length
                    },
                )
            });
            best.map(|i| all.swap_remove(i)).unwrap_or_default()
        });
        if of.len() < size {
            of.resize(size, 0.0);
        }
        Self { of, size }
    }
}

impl Deref for Spare {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.of[..self.size]
    }
}

impl DerefMut for Spare {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.of[..self.size]
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        let of = std::mem::take(&mut self.of);
        // A thread that ends keeps nothing.
        let _ = ARRAYS.try_with(|all| {
            if let Ok(mut all) = all.try_borrow_mut()
                && all.len() < KEPT
            {
                all.push(of);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_kept_and_the_smallest_that_fits_comes_back() {
        let (small, large) = (Spare::new(10), Spare::new(1000));
        let (a, b) = (small.as_ptr(), large.as_ptr());
        drop((small, large));
        let (near, far) = (Spare::new(8), Spare::new(11));
        assert_eq!((near.as_ptr(), near.len()), (a, 8));
        assert_eq!((far.as_ptr(), far.len()), (b, 11));
        assert_eq!(Spare::new(3).len(), 3);
    }
}
