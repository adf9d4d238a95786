//! What a ciphertext belongs to, as bytes that are authenticated with it.

/// An unambiguous list of fields: each is prefixed by its length, so no two different lists give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context(Vec<u8>);

impl Context {
    /// A context that begins with what kind of thing it is about, for example `upload`.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self(Vec::new()).with(kind)
    }

    /// Adds one field.
    #[must_use]
    pub fn with(mut self, field: impl AsRef<[u8]>) -> Self {
        let field = field.as_ref();
        self.0.extend_from_slice(&(field.len() as u64).to_le_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// The encoded fields.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Context {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let a = Context::new("x").with("ab").with("c");
        assert_ne!(a, Context::new("x").with("a").with("bc"));
        assert_ne!(a, Context::new("x").with("abc"));
        assert_ne!(a, Context::new("x").with("ab").with("c").with(""));
        assert_eq!(a, Context::new("x").with(b"ab").with("c"));
    }
}
