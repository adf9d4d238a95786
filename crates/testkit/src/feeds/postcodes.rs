//! Postcodes that a row can carry, and the forms in which suppliers write them.

use std::collections::BTreeMap;

use super::calendar;
use crate::random::Random;
use crate::world::World;

/// Positions of usable postcodes by area. Postcodes that were ended and used again elsewhere are left out: their area
/// depends on the date, which is tested elsewhere.
pub(super) struct Postcodes {
    live: Vec<Vec<usize>>,
    ended: Vec<Vec<usize>>,
}

/// How a supplier writes postcodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostcodeForm {
    /// One space: `PR99 1AA`.
    Spaced,
    /// Seven characters: outward part padded to four, then three.
    Seven,
    /// Eight characters: outward part padded to four, a space, then three.
    Eight,
    /// As typed by someone: `pr99 1aa `.
    Lower,
}

impl Postcodes {
    pub(super) fn new(world: &World) -> Self {
        let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
        for postcode in &world.postcodes {
            *uses.entry(postcode.text.as_str()).or_default() += 1;
        }
        let mut live = Vec::new();
        let mut ended = Vec::new();
        for lsoa in &world.lsoas {
            let once = lsoa.postcodes.iter().copied().filter_map(|position| {
                let postcode = world.postcodes.get(position)?;
                let single = uses.get(postcode.text.as_str()) == Some(&1);
                (single && calendar::index(postcode.introduced) <= 0).then_some((position, postcode.terminated))
            });
            let (gone, here): (Vec<_>, Vec<_>) = once.partition(|(_, end)| end.is_some());
            live.push(here.into_iter().map(|(position, _)| position).collect());
            let before = gone.into_iter().filter(|(_, end)| end.is_some_and(|end| calendar::index(end) <= 0));
            ended.push(before.map(|(position, _)| position).collect());
        }
        Self { live, ended }
    }

    /// A postcode of the area in use through the whole sample.
    pub(super) fn live(&self, random: &mut Random, lsoa: usize) -> Option<usize> {
        random.pick(self.live.get(lsoa)?).copied()
    }

    /// Whether the area has a postcode that was ended before the sample begins.
    pub(super) fn has_ended(&self, lsoa: usize) -> bool {
        self.ended.get(lsoa).is_some_and(|ended| !ended.is_empty())
    }

    /// A postcode of the area that was ended before the sample begins.
    pub(super) fn ended(&self, random: &mut Random, lsoa: usize) -> Option<usize> {
        random.pick(self.ended.get(lsoa)?).copied()
    }
}

/// Writes a postcode in a supplier's form.
pub(super) fn write(text: &str, form: PostcodeForm) -> String {
    let (outward, inward) = text.split_once(' ').unwrap_or((text, ""));
    match form {
        PostcodeForm::Spaced => text.to_owned(),
        PostcodeForm::Seven => format!("{outward:<4}{inward}"),
        PostcodeForm::Eight => format!("{outward:<4} {inward}"),
        PostcodeForm::Lower => format!("{} ", text.to_lowercase()),
    }
}

/// A well-formed postcode that is in no gazetteer of the partnership. The `ZZ` area does not exist.
pub(super) fn elsewhere(random: &mut Random) -> String {
    format!("ZZ{} {}QX", 1 + random.below(9), random.below(10))
}

/// Something in the postcode column that is no postcode.
pub(super) fn malformed(random: &mut Random) -> String {
    random.pick(&["NFA", "unknown", "PR99", "P R 9 9", "1AA PR99", "-"]).copied().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_the_directories() {
        let cases = [
            ("PR99 1AA", PostcodeForm::Spaced, "PR99 1AA"),
            ("PR99 1AA", PostcodeForm::Seven, "PR991AA"),
            ("PR9 1AA", PostcodeForm::Seven, "PR9 1AA"),
            ("PR9 1AA", PostcodeForm::Eight, "PR9  1AA"),
            ("PR99 1AA", PostcodeForm::Lower, "pr99 1aa "),
        ];
        for (text, form, expect) in cases {
            assert_eq!(write(text, form), expect);
        }
    }
}
