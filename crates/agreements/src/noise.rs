//! How much noise figures must get where they are protected by noise: what an agreement may ask of the method `perturb`.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::beside::Beside;
use crate::primary::tenths;

const LARGEST: RangeInclusive<u32> = 1..=20;
const VARIANCE: RangeInclusive<u32> = 1..=100;
/// So that there is room for noise.
const MOST_STAYS: u16 = 950;
/// A best guess that is never right, or always, is no cap.
const GUESS: RangeInclusive<u16> = 1..=999;

/// `[terms.noise]`, for the method [`Perturb`](crate::Method::Perturb). It says nothing of figures that are protected by another
/// method. Zeros stay zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseTerms {
    /// The most that is added to a count or taken from it, 1 to 20 counts. More is stricter.
    pub largest: u32,
    /// The variance of the noise of every count above zero, 1 to 100 squared counts. More is stricter.
    pub variance: u32,
    /// No count from 1 to this is published; 0 for none, and below `largest`. More is stricter.
    pub least_shown: u32,
    /// Of 1,000 counts that may be published as they are, how many at least keep their value, 0 to 950. Fewer is stricter.
    pub stays_per_thousand: u16,
    /// The cap: with what probability of 1,000 anybody's best guess of a count above `largest + least_shown` may be right, if all counts
    /// are equally probable before, over all that is registered, 1 to
    /// 999. Less is stricter.
    pub guess_per_thousand: u16,
}

impl NoiseTerms {
    /// The terms that ask for whatever either does.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            largest: self.largest.max(other.largest),
            variance: self.variance.max(other.variance),
            // Still below the larger `largest`.
            least_shown: self.least_shown.max(other.least_shown),
            stays_per_thousand: self.stays_per_thousand.min(other.stays_per_thousand),
            guess_per_thousand: self.guess_per_thousand.min(other.guess_per_thousand),
        }
    }

    /// What is out of range: the key, and what is wrong with it.
    pub(crate) fn mistakes(self) -> Vec<(&'static str, String)> {
        let Self { largest, variance, least_shown, stays_per_thousand: stays, guess_per_thousand: guess } = self;
        let mut mistakes = Vec::new();
        let mut mistake = |key, message| mistakes.push((key, message));
        if !LARGEST.contains(&largest) {
            let (least, most) = (LARGEST.start(), LARGEST.end());
            let why = format!(
                "below {least} nothing is protected, and above {most} what averages tell takes too long to bound"
            );
            mistake("largest", format!("noise is of at most {largest}, but {why}: choose {least} to {most}"));
        }
        if !VARIANCE.contains(&variance) {
            let (least, most) = (VARIANCE.start(), VARIANCE.end());
            let why =
                format!("below {least} most counts stay as they are, and small counts cannot have more than {most}");
            mistake(
                "variance",
                format!("the variance is {variance}, but {why}: choose {least} to {most} squared counts"),
            );
        }
        // That 0 is not below a `largest` of 0 is the fault of the latter.
        if least_shown > 0 && least_shown >= largest {
            let why = format!("noise of at most {largest} could not move the counts next above down");
            let message = format!("counts to {least_shown} are never shown, but {why}: choose less than `largest`");
            mistake("least_shown", message);
        }
        if stays > MOST_STAYS {
            let why = format!("above {MOST_STAYS} hardly any count gets noise");
            mistake("stays_per_thousand", format!("{stays} of 1,000 counts stay, but {why}: choose 0 to {MOST_STAYS}"));
        }
        if !GUESS.contains(&guess) {
            let (least, most) = (GUESS.start(), GUESS.end());
            let why = format!("below {least} no registration passes, and above {most} every one does");
            let message = format!("{guess} of 1,000 best guesses may be right, but {why}: choose {least} to {most}");
            mistake("guess_per_thousand", message);
        }
        mistakes
    }

    /// What the terms mean, a sentence each.
    pub(crate) fn in_words(self) -> Vec<String> {
        let mut lines = vec![format!(
            "noise of at most {} either way (variance {}) is added to every count above zero",
            self.largest, self.variance
        )];
        match self.least_shown {
            0 => {}
            1 => lines.push("a count of 1 is never shown".to_owned()),
            2 => lines.push("counts of 1 and 2 are never shown".to_owned()),
            most => lines.push(format!("counts of 1 to {most} are never shown")),
        }
        let of = if self.least_shown == 0 { "counts" } else { "other counts" };
        if self.stays_per_thousand > 0 {
            lines.push(format!("at least {} of 1,000 {of} keep their value", self.stays_per_thousand));
        }
        lines.push(format!(
            "over all that may ever be asked for, nobody's best guess of a count above {} is right with more than {} % probability, if all \
             counts are equally probable before",
            self.largest.saturating_add(self.least_shown),
            tenths(self.guess_per_thousand)
        ));
        lines
    }
}

/// The terms that ask for whatever either does, where either may ask for nothing.
pub(crate) fn meet(a: Option<NoiseTerms>, b: Option<NoiseTerms>) -> Option<NoiseTerms> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.meet(b)),
        (a, b) => a.or(b),
    }
}

/// Every clause, as it is in one version and in a later one.
pub(crate) fn beside(before: Option<NoiseTerms>, later: Option<NoiseTerms>) -> [Beside; 5] {
    let both = meet(before, later);
    macro_rules! part {
        ($field:ident) => {{
            let of = |terms: Option<NoiseTerms>| terms.map(|terms| terms.$field);
            Beside::of(concat!("terms.noise.", stringify!($field)), [&of(before), &of(later), &of(both)], |value| {
                value.map_or_else(|| "no noise".to_owned(), |value| value.to_string())
            })
        }};
    }
    [part!(largest), part!(variance), part!(least_shown), part!(stays_per_thousand), part!(guess_per_thousand)]
}

/// Each clause with whether a later version keeps it. What is out was published with one table of noise: under another one the same
/// counts would be published anew with other noise, and both together say more than either. Only the cap may go down.
pub(crate) fn kept(before: Option<NoiseTerms>, later: Option<NoiseTerms>) -> [(&'static str, bool); 5] {
    beside(before, later).map(|one| {
        let same = one.stricter && one.looser;
        (one.clause, same || one.stricter && one.clause == "terms.noise.guess_per_thousand")
    })
}
