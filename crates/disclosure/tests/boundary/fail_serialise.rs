use disclosure::{Plan, SealedEntry, Unreleased};

fn needs_serialize<T: serde::Serialize>() {}

fn main() {
    needs_serialize::<Unreleased>();
    needs_serialize::<Plan>();
    needs_serialize::<SealedEntry>();
}
