//! Small numbers for texts that repeat.

use std::collections::HashMap;

/// Texts numbered from 0 in the order they are first seen. Only [`Interner::sorted`] may decide what is written.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    ids: HashMap<String, u32>,
    names: Vec<String>,
}

impl Interner {
    /// The number of a text.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        // More texts than numbers would need more memory than any limit allows.
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.ids.insert(text.to_owned(), id);
        self.names.push(text.to_owned());
        id
    }

    /// The text of a number.
    pub(crate) fn name(&self, id: u32) -> &str {
        usize::try_from(id).ok().and_then(|id| self.names.get(id)).map_or("", String::as_str)
    }

    /// The texts that are used, sorted, and the rank of each number (`None`: not used).
    pub(crate) fn sorted(&self, used: impl Iterator<Item = u32>) -> (Vec<&str>, Vec<Option<u32>>) {
        let mut seen = vec![false; self.names.len()];
        for id in used {
            if let Some(flag) = usize::try_from(id).ok().and_then(|id| seen.get_mut(id)) {
                *flag = true;
            }
        }
        let mut order: Vec<(&str, usize)> =
            self.names.iter().map(String::as_str).zip(0..).filter(|(_, id)| seen.get(*id) == Some(&true)).collect();
        order.sort_unstable();
        let mut ranks = vec![None; self.names.len()];
        for ((_, id), rank) in order.iter().zip(0..) {
            if let Some(slot) = ranks.get_mut(*id) {
                *slot = Some(rank);
            }
        }
        (order.into_iter().map(|(name, _)| name).collect(), ranks)
    }
}
