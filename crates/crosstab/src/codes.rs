//! Columns of codes, as narrow as their values allow.

/// The codes of one axis, a row each.
#[derive(Debug, Clone, Copy)]
pub enum Codes<'a> {
    /// Up to 256 values.
    U8(&'a [u8]),
    /// Up to 65,536 values.
    U16(&'a [u16]),
    /// More.
    U32(&'a [u32]),
}

impl<'a> Codes<'a> {
    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of a range; what lies beyond the end is not there.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        fn part<T>(all: &[T], start: usize, end: usize) -> &[T] {
            let end = end.min(all.len());
            all.get(start.min(end)..end).unwrap_or_default()
        }
        match self {
            Self::U8(codes) => Self::U8(part(codes, start, end)),
            Self::U16(codes) => Self::U16(part(codes, start, end)),
            Self::U32(codes) => Self::U32(part(codes, start, end)),
        }
    }

    /// For each row: its position so far times the size of this axis, plus its code.
    pub(crate) fn append<K: Key>(&self, positions: &mut [K], size: K) {
        fn all<K: Key, C: Copy + Into<u32>>(codes: &[C], positions: &mut [K], size: K) {
            for (position, code) in positions.iter_mut().zip(codes) {
                *position = position.below(size, (*code).into());
            }
        }
        match self {
            Self::U8(codes) => all(codes, positions, size),
            Self::U16(codes) => all(codes, positions, size),
            Self::U32(codes) => all(codes, positions, size),
        }
    }

    /// The greatest code; 0 without rows.
    pub(crate) fn greatest(&self) -> u32 {
        // Folded at their own width, of which the processor takes many at once.
        match self {
            Self::U8(codes) => codes.iter().fold(0, |greatest: u8, code| greatest.max(*code)).into(),
            Self::U16(codes) => codes.iter().fold(0, |greatest: u16, code| greatest.max(*code)).into(),
            Self::U32(codes) => codes.iter().fold(0, |greatest, code| greatest.max(*code)),
        }
    }
}

/// A position in mixed radix: narrow where a table is small, since more of them fit in a register.
pub(crate) trait Key: Copy + Default {
    /// One digit further.
    fn below(self, size: Self, code: u32) -> Self;
}

impl Key for u16 {
    fn below(self, size: Self, code: u32) -> Self {
        // A code is below its size here, and the product of all sizes fits.
        self.wrapping_mul(size).wrapping_add(code as Self)
    }
}

impl Key for u32 {
    fn below(self, size: Self, code: u32) -> Self {
        self.wrapping_mul(size).wrapping_add(code)
    }
}

impl Key for u64 {
    fn below(self, size: Self, code: u32) -> Self {
        self.wrapping_mul(size).wrapping_add(Self::from(code))
    }
}
