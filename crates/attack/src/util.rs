//! Indexing that cannot panic.

/// The item at an index, or the default where there is none.
pub(crate) fn at<T: Copy + Default>(items: &[T], index: u32) -> T {
    items.get(index as usize).copied().unwrap_or_default()
}

/// Replaces the item at an index, if there is one.
pub(crate) fn put<T>(items: &mut [T], index: u32, value: T) {
    if let Some(slot) = items.get_mut(index as usize) {
        *slot = value;
    }
}

/// A length as an index. Sizes are limited long before they reach 32 bits.
pub(crate) fn id(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Disjoint sets over `0..n`.
pub(crate) struct Sets(Vec<u32>);

impl Sets {
    pub(crate) fn new(n: usize) -> Self {
        Self((0..id(n)).collect())
    }

    pub(crate) fn find(&mut self, item: u32) -> u32 {
        let mut root = item;
        while at(&self.0, root) != root {
            root = at(&self.0, root);
        }
        let mut walk = item;
        while walk != root {
            let next = at(&self.0, walk);
            put(&mut self.0, walk, root);
            walk = next;
        }
        root
    }

    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        put(&mut self.0, a.max(b), a.min(b));
    }
}
