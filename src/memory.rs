//! Memory for pictures.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `len` times zero, in huge pages where the system has them: a fresh picture of
/// 50 MB is then 25 page faults instead of 12,000.
pub(crate) fn zeroed<T: Copy + Default>(len: usize) -> Vec<T> {
    let values = vec![T::default(); len];
    system::advise(values.as_ptr().addr(), size_of_val(values.as_slice()));
    values
}

/// A picture that is about to be drawn, piece by piece. Every piece is set to
/// zero by the thread that draws it right before it does, while one thread
/// would have to clear [`zeroed`] memory that was used before.
pub(crate) struct Blank<T> {
    values: Vec<T>,
    len: usize,
    /// How many values are set.
    opened: AtomicUsize,
}

/// A piece of a [`Blank`].
pub(crate) struct BlankPiece<'a, T> {
    values: &'a mut [MaybeUninit<T>],
    opened: &'a AtomicUsize,
}

impl<T: Copy + Default> Blank<T> {
    pub fn new(len: usize) -> Self {
        let values: Vec<T> = Vec::with_capacity(system::roomy::<T>(len));
        system::advise(values.as_ptr().addr(), values.capacity() * size_of::<T>());
        Self {
            values,
            len,
            opened: AtomicUsize::new(0),
        }
    }

    /// Pieces of `len` values, one after the other.
    pub fn pieces(&mut self, len: usize) -> impl Iterator<Item = BlankPiece<'_, T>> {
        let Self { values, opened, .. } = self;
        *opened.get_mut() = 0;
        let (values, opened) = (&mut values.spare_capacity_mut()[..self.len], &*opened);
        values
            .chunks_mut(len.max(1))
            .map(move |values| BlankPiece { values, opened })
    }

    /// The values. If any piece was not opened all are zero.
    pub fn drawn(mut self) -> Vec<T> {
        if *self.opened.get_mut() != self.len {
            self.values.spare_capacity_mut()[..self.len].fill(MaybeUninit::new(T::default()));
        }
        // SAFETY: there is room for `len` values, and all of them are set: pieces do not
        // overlap, each counts only when it sets its own, and the count was `len`.
        unsafe { self.values.set_len(self.len) };
        self.values
    }
}

impl<'a, T: Copy + Default> BlankPiece<'a, T> {
    /// The piece, all zero.
    pub fn open(self) -> &'a mut [T] {
        let Self { values, opened } = self;
        values.fill(MaybeUninit::new(T::default()));
        opened.fetch_add(values.len(), Ordering::Relaxed);
        // SAFETY: they were all set just now.
        unsafe { &mut *(std::ptr::from_mut(values) as *mut [T]) }
    }
}

#[cfg(target_os = "linux")]
mod system {
    const PAGE: usize = 1 << 12;
    const HUGE_PAGE: usize = 1 << 21;
    /// Smaller pictures come from memory that was used before.
    const LARGE: usize = 1 << 22;

    /// How many values to make room for where `len` are needed: with the
    /// allocator's header whole huge pages, for which the system finds a place
    /// where they begin. What is never touched is no memory.
    pub fn roomy<T>(len: usize) -> usize {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes < LARGE {
            return len;
        }
        let whole = bytes.saturating_add(PAGE).checked_next_multiple_of(HUGE_PAGE);
        whole.map_or(len, |whole| (whole - PAGE) / size_of::<T>())
    }

    /// Asks for huge pages for an allocation of `bytes` bytes.
    pub fn advise(start: usize, bytes: usize) {
        if bytes < LARGE {
            return;
        }
        let (first, end) = (start / PAGE * PAGE, (start + bytes).next_multiple_of(PAGE));
        // SAFETY: the pages belong to an allocation that is alive (the outermost ones
        // perhaps to others as well), and the advice changes nothing but how the system
        // backs them. It may be refused.
        unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn roomy<T>(len: usize) -> usize {
        len
    }

    pub fn advise(_: usize, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_is_what_was_drawn_on_it() {
        for len in [0, 7, 3 << 20] {
            let mut blank = Blank::new(len);
            for (index, piece) in blank.pieces(1000).enumerate() {
                let piece = piece.open();
                assert!(piece.iter().all(|&value: &u16| value == 0));
                piece[0] = index as u16 + 1;
            }
            let drawn = blank.drawn();
            assert_eq!(drawn.len(), len);
            for (index, value) in drawn.iter().enumerate() {
                let expected = if index % 1000 == 0 { index / 1000 + 1 } else { 0 };
                assert_eq!(usize::from(*value), expected);
            }
        }
    }

    #[test]
    fn what_was_not_opened_is_zero() {
        let mut blank = Blank::new(10);
        for piece in blank.pieces(4).skip(1) {
            piece.open().fill(1_u8);
        }
        assert_eq!(blank.drawn(), [0; 10]);
        assert_eq!(Blank::<u8>::new(5).drawn(), [0; 5]);
    }
}
