use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;
use crate::level::Level;
use crate::primary::LargestShare;
use crate::principal::Role;

fn purposes() -> impl Strategy<Value = BTreeSet<PurposeId>> {
    btree_set(0..4_u8, 0..4).prop_map(|ids| ids.into_iter().map(|n| format!("purpose-{n}").parse().unwrap()).collect())
}

fn recipients() -> impl Strategy<Value = BTreeSet<Recipient>> {
    let one = (0..3_u8, 0..7_usize).prop_map(|(n, role)| match Role::ALL[role] {
        Role::Public => Recipient::Public,
        role => Recipient::Partner { organisation: format!("org-{n}").parse().unwrap(), role },
    });
    btree_set(one, 0..6)
}

fn forbids() -> impl Strategy<Value = Forbids> {
    let links = btree_set(0..4_u8, 0..3)
        .prop_map(|ids| ids.into_iter().map(|n| format!("org-{n}.data").parse().unwrap()).collect());
    let pattern = (proptest::option::of(0..3_u8), any::<bool>()).prop_map(|(n, public)| RecipientPattern {
        organisation: n.map(|n| format!("org-{n}").parse().unwrap()),
        membership: None,
        roles: BTreeSet::new(),
        public,
    });
    (purposes(), links, btree_set(pattern, 0..3)).prop_map(|(purposes, links, recipients)| Forbids {
        purposes,
        links,
        recipients,
    })
}

fn primary() -> impl Strategy<Value = PrimaryRules> {
    let share = (1..=8_u8, 1..=100_u8).prop_map(|(contributors, percent)| LargestShare { contributors, percent });
    let p = || proptest::option::of(1..=100_u8);
    let limits = (0..=500_u16, 0..3_000_u32, any::<[bool; 2]>());
    (limits, proptest::option::of(share), p(), p(), btree_set("[a-c]", 0..3)).prop_map(
        |((decoys_per_thousand, minimum_population, [own_records, own_rows]), dominance, p, partners, sensitive)| {
            PrimaryRules {
                decoys_per_thousand,
                own_records,
                own_rows,
                dominance,
                p_percent: p,
                partner_p_percent: partners,
                minimum_population,
                sensitive,
            }
        },
    )
}

fn noise() -> impl Strategy<Value = Option<NoiseTerms>> {
    let one = (1..=20_u32, 1..=100_u32, any::<prop::sample::Index>(), 0..=950_u16, 1..=999_u16).prop_map(
        |(largest, variance, least, stays_per_thousand, guess_per_thousand)| NoiseTerms {
            largest,
            variance,
            least_shown: u32::try_from(least.index(largest as usize)).unwrap(),
            stays_per_thousand,
            guess_per_thousand,
        },
    );
    proptest::option::of(one)
}

fn terms() -> impl Strategy<Value = Terms> {
    let limits = (0..40_i16, 0..50_u32, 0..50_u32, 0..50_u32, 1..12_u32);
    // Large bases make the least common multiple overflow.
    let rounding = prop_oneof![1..30_u32, 60_000..70_000_u32, Just(u32::MAX)];
    let sets = (
        btree_set(prop_oneof![Just(Method::Suppress), Just(Method::Perturb)], 0..3),
        btree_set(0..54_usize, 0..4),
        btree_set("[a-c]", 0..3),
        btree_set(0..4_usize, 0..5),
        btree_set(0..2_usize, 0..3),
    );
    let links = proptest::option::of((2..=20_u32).prop_map(|odds| LinkTerms { odds }));
    let protection = (primary(), noise(), links);
    (purposes(), recipients(), limits, rounding, sets, forbids(), any::<[bool; 3]>(), protection).prop_map(
        |(
            purposes,
            recipients,
            limits,
            rounding,
            (methods, finest, obligations, actions, approval),
            forbids,
            flags,
            (primary, noise, links),
        )| {
            Terms {
                purposes,
                recipients,
                actions: actions.into_iter().map(|n| ActionKind::ALL[n]).collect(),
                tier: if flags[0] { Tier::Public } else { Tier::Partners },
                expires: jiff::civil::date(2024 + limits.0, 1, 1),
                query_budget: limits.1,
                raw_days: limits.2,
                derived_days: limits.3,
                k: limits.4,
                rounding,
                methods,
                approval: approval.into_iter().map(|n| [Role::Reviewer, Role::Governance][n]).collect(),
                zeros: if flags[1] { Zeros::Publish } else { Zeros::Protect },
                primary,
                noise,
                links,
                levels: Levels::at_least_as_coarse_as(finest.into_iter().map(|n| Level::all().nth(n).unwrap())),
                onward: if flags[2] { Onward::Recipients } else { Onward::None },
                obligations,
                forbids,
            }
        },
    )
}

proptest! {
    #[test]
    fn meet_is_a_semilattice(a in terms(), b in terms(), c in terms()) {
        prop_assert_eq!(meet(&a, &b), meet(&b, &a));
        prop_assert_eq!(meet(&a, &meet(&b, &c)), meet(&meet(&a, &b), &c));
        prop_assert_eq!(meet(&a, &a), a);
    }

    #[test]
    fn terms_only_descend(a in terms(), b in terms()) {
        let both = meet(&a, &b);
        for one in [&a, &b] {
            prop_assert!(both.is_within(one));
            prop_assert!(both.purposes.is_subset(&one.purposes));
            prop_assert!(both.recipients.is_subset(&one.recipients));
            prop_assert!(both.actions.is_subset(&one.actions));
            prop_assert!(both.methods.is_subset(&one.methods));
            prop_assert!(both.levels.iter().all(|level| one.levels.contains(level)));
            prop_assert!(both.tier <= one.tier && both.expires <= one.expires && both.onward <= one.onward);
            prop_assert!(both.query_budget <= one.query_budget && both.k >= one.k);
            prop_assert!(both.raw_days <= one.raw_days && both.derived_days <= one.derived_days);
            prop_assert!(both.rounding == u32::MAX || both.rounding.is_multiple_of(one.rounding));
            prop_assert!(both.zeros == Zeros::Protect || one.zeros == Zeros::Publish);
            let (stricter, rules) = (&both.primary, &one.primary);
            prop_assert!(stricter.decoys_per_thousand >= rules.decoys_per_thousand);
            prop_assert!(stricter.own_records || !rules.own_records);
            prop_assert!(stricter.own_rows || !rules.own_rows);
            prop_assert!(stricter.p_percent >= rules.p_percent && stricter.partner_p_percent >= rules.partner_p_percent);
            prop_assert!(stricter.minimum_population >= rules.minimum_population);
            prop_assert!(stricter.sensitive.is_superset(&rules.sensitive));
            prop_assert!(no_milder(both.noise, one.noise), "{:?} {:?}", both.noise, one.noise);
            prop_assert!(both.approval.is_superset(&one.approval));
            prop_assert!(both.obligations.is_superset(&one.obligations));
            prop_assert!(both.forbids.purposes.is_superset(&one.forbids.purposes));
            prop_assert!(both.forbids.links.is_superset(&one.forbids.links));
            prop_assert!(both.forbids.recipients.is_superset(&one.forbids.recipients));
        }
    }

    /// Of two tables that a file may hold, what satisfies both may be in a file too, and asks for nothing that neither does.
    #[test]
    fn noise_for_two_agreements_is_noise_for_one(a in noise(), b in noise()) {
        let both = noise::meet(a, b);
        prop_assert!(both.is_none_or(|both| both.mistakes().is_empty()), "{:?}", both);
        let asked = |part: fn(NoiseTerms) -> u32| [a, b].into_iter().flatten().map(part).collect::<Vec<_>>();
        for part in NOISE_PARTS {
            prop_assert_eq!(both.is_some(), both.map(part).is_some_and(|value| asked(part).contains(&value)));
        }
    }

    /// A later version keeps the table of noise as it is, but that the cap may go down; and what replaces a table is never looser in
    /// a clause in which it is stricter.
    #[test]
    fn only_the_cap_on_guesses_may_change_under_what_is_out(a in noise(), b in noise(), lower in 1..=999_u16) {
        let kept = |a, b| noise::kept(a, b).into_iter().filter(|(_, kept)| *kept).count() == 5;
        prop_assert!(kept(a, a));
        prop_assert!(!kept(a, b) || a == b || a.is_some() && b.is_some());
        if let (Some(mut before), Some(after)) = (a, b) {
            for part in 0..4 {
                let mut changed = before;
                match part {
                    0 => changed.largest = after.largest,
                    1 => changed.variance = after.variance,
                    2 => changed.least_shown = after.least_shown,
                    _ => changed.stays_per_thousand = after.stays_per_thousand,
                }
                prop_assert_eq!(kept(a, Some(changed)), before == changed, "{} {:?}", part, changed);
            }
            let cap = before.guess_per_thousand;
            before.guess_per_thousand = lower;
            prop_assert_eq!(kept(a, Some(before)), lower <= cap);
        }
        for (one, other) in noise::beside(a, b).into_iter().zip(noise::beside(b, a)) {
            prop_assert!(one.stricter || one.looser, "{} is ordered", one.clause);
            prop_assert_eq!((one.stricter, one.looser), (other.looser, other.stricter));
            prop_assert_eq!(one.before == one.after, one.stricter && one.looser);
        }
    }

    /// The invariant on k: whatever one agreement protects, both together protect.
    #[test]
    fn a_larger_k_never_reveals_what_a_smaller_protects(a in terms(), b in terms(), count in 0..15_u32) {
        let protected = |terms: &Terms| count > 0 && count < terms.k || count == 0 && terms.zeros == Zeros::Protect;
        let both = meet(&a, &b);
        prop_assert_eq!(protected(&both), protected(&a) || protected(&b));
    }

    /// The same of the rules on contributors: whatever figure one agreement withholds, both together withhold.
    #[test]
    fn more_agreements_never_show_more(
        a in primary(),
        b in primary(),
        people in proptest::collection::vec(1..50_u64, 1..9),
        partners in proptest::collection::vec(1..50_u64, 2..5),
    ) {
        let both = a.meet(&b);
        for one in [&a, &b] {
            for rule in 0..4 {
                let withheld = |rules| withholds(rules, rule, &people, &partners);
                prop_assert!(withheld(&both) || !withheld(one), "rule {} of {:?}", rule, one);
            }
            // And what a later version keeps is what is no looser.
            prop_assert!(one.kept_by(&both).iter().all(|(clause, kept)| *kept || *clause == "terms.primary.sensitive"));
        }
    }

    /// A later version keeps a rule only if that rule withholds all that it did.
    #[test]
    fn a_rule_is_kept_by_what_withholds_no_less(
        a in primary(),
        b in primary(),
        people in proptest::collection::vec(1..50_u64, 1..9),
        partners in proptest::collection::vec(1..50_u64, 2..5),
    ) {
        let kept: std::collections::BTreeMap<_, _> = a.kept_by(&b).into();
        for (rule, clause) in ["dominance", "p_percent", "partner_p_percent"].into_iter().enumerate() {
            let withheld = |rules| withholds(rules, rule, &people, &partners);
            let clause = format!("terms.primary.{clause}");
            prop_assert!(!kept[clause.as_str()] || withheld(&b) || !withheld(&a), "{}", clause);
        }
        prop_assert_eq!(kept["terms.primary.sensitive"], a.sensitive == b.sensitive);
        prop_assert_eq!(kept["terms.primary.own_records"], b.own_records || !a.own_records);
        prop_assert_eq!(kept["terms.primary.own_rows"], b.own_rows || !a.own_rows);
        prop_assert_eq!(kept["terms.primary.decoys_per_thousand"], b.decoys_per_thousand >= a.decoys_per_thousand);
        prop_assert_eq!(kept["terms.primary.minimum_population"], b.minimum_population >= a.minimum_population);
    }
}

/// The clauses of a table of noise.
const NOISE_PARTS: [fn(NoiseTerms) -> u32; 5] = [
    |noise| noise.largest,
    |noise| noise.variance,
    |noise| noise.least_shown,
    |noise| u32::from(noise.stays_per_thousand),
    |noise| u32::from(noise.guess_per_thousand),
];

/// Whether one table of noise asks for all that another does, by the words of the agreement.
fn no_milder(one: Option<NoiseTerms>, than: Option<NoiseTerms>) -> bool {
    let Some(than) = than else { return true };
    one.is_some_and(|one| {
        one.largest >= than.largest
            && one.variance >= than.variance
            && one.least_shown >= than.least_shown
            && one.stays_per_thousand <= than.stays_per_thousand
            && one.guess_per_thousand <= than.guess_per_thousand
    })
}

/// Whether one of the rules on contributors withholds a figure, by the words of the agreement: dominance, p %, p % of partners, and
/// that an area (of as many people as the first has records) is too small.
fn withholds(rules: &PrimaryRules, rule: usize, people: &[u64], partners: &[u64]) -> bool {
    let estimated = |list: &[u64], p: Option<u8>| {
        let mut list = list.to_vec();
        list.sort_unstable_by(|a, b| b.cmp(a));
        let rest: u64 = list.iter().skip(2).sum();
        p.is_some_and(|p| rest * 100 < list[0] * u64::from(p))
    };
    match rule {
        0 => rules.dominance.is_some_and(|share| {
            let mut largest = people.to_vec();
            largest.sort_unstable_by(|a, b| b.cmp(a));
            let top: u64 = largest.iter().take(usize::from(share.contributors)).sum();
            top * 100 > people.iter().sum::<u64>() * u64::from(share.percent)
        }),
        1 => estimated(people, rules.p_percent),
        2 => estimated(partners, rules.partner_p_percent),
        _ => people[0] < u64::from(rules.minimum_population),
    }
}

#[test]
fn silence_is_strict_where_it_could_harm() {
    let silent: PrimaryRules = toml::from_str("").unwrap();
    assert_eq!(silent, PrimaryRules::default());
    assert!(silent.own_records && silent.own_rows, "what costs little is protected");
    assert!(toml::from_str::<PrimaryRules>("own_record = true").is_err(), "a misspelt rule is no rule");
}

#[test]
fn rules_are_said_in_words() {
    let rules = "decoys_per_thousand = 25\nown_rows = false\np_percent = 10\npartner_p_percent = 20\n\
                 minimum_population = 1000\nsensitive = [\"reason\"]\ndominance = { contributors = 2, percent = 85 }";
    let rules: PrimaryRules = toml::from_str(rules).unwrap();
    assert_eq!(
        rules.in_words(5).join("\n"),
        "of other cells 2.5 % are withheld at random, so that a mark does not say that a count is small\n\
         protected too from who knows their own records\n\
         figures are withheld of which 2 contributors make up more than 85 %\n\
         figures are withheld from which the second largest contributor could tell the largest to within 10 %\n\
         figures are withheld from which one partner could tell another's share to within 20 %\n\
         no areas of fewer than 1000 residents\n\
         sensitive: reason; no group is shown to be alike in it, or all but fewer than 5"
    );
    let nothing =
        PrimaryRules { decoys_per_thousand: 0, own_records: false, own_rows: false, ..PrimaryRules::default() };
    assert_eq!(nothing.in_words(5), Vec::<String>::new());
}

#[test]
fn noise_is_said_in_words() {
    let noise =
        NoiseTerms { largest: 8, variance: 6, least_shown: 2, stays_per_thousand: 300, guess_per_thousand: 500 };
    assert_eq!(
        noise.in_words().join("\n"),
        "noise of at most 8 either way (variance 6) is added to every count above zero\n\
         counts of 1 and 2 are never shown\n\
         at least 300 of 1,000 other counts keep their value\n\
         over all that may ever be asked for, nobody's best guess of a count above 10 is right with more than 50 % probability, if all counts are equally probable before"
    );
    let line = |least_shown, n: usize| NoiseTerms { least_shown, ..noise }.in_words().into_iter().nth(n).unwrap();
    assert_eq!(line(1, 1), "a count of 1 is never shown");
    assert_eq!(line(5, 1), "counts of 1 to 5 are never shown");
    assert_eq!(line(0, 1), "at least 300 of 1,000 counts keep their value");
    let little = NoiseTerms { least_shown: 0, stays_per_thousand: 0, guess_per_thousand: 125, ..noise };
    assert_eq!(
        little.in_words()[1..],
        [
            "over all that may ever be asked for, nobody's best guess of a count above 8 is right with more than 12.5 % probability, if all counts are equally probable before"
        ]
    );
}

#[test]
fn suppress_is_used_wherever_it_is_accepted() {
    use Method::{Perturb, Suppress};
    for (accepted, used) in [
        (&[][..], None),
        (&[Suppress], Some(Suppress)),
        (&[Perturb], Some(Perturb)),
        (&[Perturb, Suppress], Some(Suppress)),
    ] {
        assert_eq!(Method::used(&accepted.iter().copied().collect()), used, "{accepted:?}");
    }
}

/// What was serialised before there was noise is as it was.
#[test]
fn terms_without_noise_do_not_mention_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut terms = proptest::strategy::ValueTree::current(&Strategy::new_tree(&terms(), &mut runner).unwrap());
    terms.noise = None;
    assert!(!serde_json::to_string(&terms).unwrap().contains("noise"));
    let noise =
        NoiseTerms { largest: 5, variance: 3, least_shown: 2, stays_per_thousand: 300, guess_per_thousand: 500 };
    terms.noise = Some(noise);
    let written = serde_json::to_value(&terms).unwrap();
    assert_eq!(serde_json::from_value::<NoiseTerms>(written["noise"].clone()).unwrap(), noise);
}

#[test]
fn least_common_multiples() {
    for (a, b, expect) in [
        (1, 1, 1),
        (5, 3, 15),
        (10, 5, 10),
        (65_536, 65_537, u32::MAX),
        (u32::MAX, 1, u32::MAX),
        (1, u32::MAX, u32::MAX),
        (65_536, 65_536, 65_536),
    ] {
        assert_eq!(least_common_multiple(a, b), expect, "{a} {b}");
    }
}
