use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;
use crate::level::Level;
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
    (purposes(), recipients(), limits, rounding, sets, forbids(), any::<[bool; 3]>()).prop_map(
        |(
            purposes,
            recipients,
            limits,
            rounding,
            (methods, finest, obligations, actions, approval),
            forbids,
            flags,
        )| Terms {
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
            levels: Levels::at_least_as_coarse_as(finest.into_iter().map(|n| Level::all().nth(n).unwrap())),
            onward: if flags[2] { Onward::Recipients } else { Onward::None },
            obligations,
            forbids,
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
            prop_assert!(both.approval.is_superset(&one.approval));
            prop_assert!(both.obligations.is_superset(&one.obligations));
            prop_assert!(both.forbids.purposes.is_superset(&one.forbids.purposes));
            prop_assert!(both.forbids.links.is_superset(&one.forbids.links));
            prop_assert!(both.forbids.recipients.is_superset(&one.forbids.recipients));
        }
    }

    /// The invariant on k: whatever one agreement protects, both together protect.
    #[test]
    fn a_larger_k_never_reveals_what_a_smaller_protects(a in terms(), b in terms(), count in 0..15_u32) {
        let protected = |terms: &Terms| count > 0 && count < terms.k || count == 0 && terms.zeros == Zeros::Protect;
        let both = meet(&a, &b);
        prop_assert_eq!(protected(&both), protected(&a) || protected(&b));
    }
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
