//! One rule in two versions of an agreement.

/// One rule in two versions of an agreement, in words.
pub(crate) struct Beside {
    pub(crate) clause: &'static str,
    pub(crate) before: String,
    pub(crate) after: String,
    /// Whether the later one protects whatever the earlier does.
    pub(crate) stricter: bool,
    /// The other way round; both if they are the same.
    pub(crate) looser: bool,
}

impl Beside {
    /// From the rule before, after, and as the meet of both has it.
    pub(crate) fn of<T: PartialEq>(clause: &'static str, parts: [&T; 3], words: impl Fn(&T) -> String) -> Self {
        let [before, after, both] = parts;
        Self { clause, before: words(before), after: words(after), stricter: both == after, looser: both == before }
    }
}
