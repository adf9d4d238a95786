use disclosure::{Unreleased, UnreleasedBuilder};

fn hand_over(builder: UnreleasedBuilder) -> Unreleased {
    builder.finish().unwrap()
}

fn main() {
    let _: fn(UnreleasedBuilder) -> Unreleased = hand_over;
}
