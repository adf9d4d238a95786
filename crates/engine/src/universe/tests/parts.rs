//! Two columns of which one is part of the other: what the whole has beyond its part is protected like any difference.

use super::*;

/// Area, who, and the figures of each column of the case; `None` where there is none.
type Figures<'a> = (usize, Option<u16>, &'a [Option<i64>]);

/// Columns in the order of their names, of which some are parts of others.
struct Parts<'a> {
    columns: &'a [&'a str],
    relations: &'a [(&'a str, &'a str)],
    people: bool,
    /// Whether the first column is.
    sensitive: bool,
}

const TWO: [&str; 2] = ["attended", "eligible"];
const RELATED: Parts<'_> =
    Parts { columns: &TWO, relations: &[("attended", "eligible")], people: false, sensitive: false };

impl Parts<'_> {
    fn request(&self) -> GroupRequest {
        let tables =
            self.columns.iter().flat_map(|column| [table(column, &[], &[]), district(table(column, &[], &[]))]);
        let mut request = Case::new(Vec::new(), tables.collect()).request;
        request.sensitive.extend(self.columns.first().filter(|_| self.sensitive).map(|name| (*name).to_owned()));
        request.contributors = if self.people { Contributors::Linked } else { Contributors::Figures };
        let owned = |(part, whole): &(&str, &str)| ((*part).to_owned(), (*whole).to_owned());
        request.parts = self.relations.iter().map(owned).collect();
        request
    }

    fn tabulated(&self, rows: &[Figures<'_>]) -> Result<Unreleased, EngineError> {
        let mut facts = Facts::default();
        for (area, who, figures) in rows {
            facts.rows.push(Row {
                area: facts.areas.number(AREAS[*area]),
                month: month().ordinal(),
                categories: Vec::new(),
                contributor: who.map(|who| u128::from(who).to_be_bytes()),
                partner: 0,
                sums: figures.iter().map(|figure| (figure.unwrap_or(0), figure.is_some())).collect(),
            });
        }
        let limits = Limits::default();
        tabulate(&facts, &self.request(), &limits, &Deadline::new(&limits))
    }

    /// Released figures by column and area, the district last; and the ledger entry.
    #[allow(clippy::disallowed_methods, reason = "the plan was made here")]
    fn planned(
        &self,
        rows: &[Figures<'_>],
        before: Option<&AuthenticatedEntry>,
    ) -> (Vec<Vec<Cell>>, AuthenticatedEntry) {
        let truth = self.tabulated(rows).unwrap();
        let past = LedgerState::decode("test".parse().unwrap(), before).unwrap();
        let policy = Policy::threshold(5);
        let secret =
            plan(&past, &truth, &policy, &PlanKey::new([3; 32])).unwrap().ledger_entry().secret_bytes().to_vec();
        let entry = AuthenticatedEntry::from_vault(secret);
        let tables = restore(&entry).unwrap();
        let places = AREAS.iter().map(|code| (AreaType::Lsoa, *code)).chain([(AreaType::District, "E07000001")]);
        let places: Vec<(AreaType, &str)> = places.collect();
        let shown = |column: &&str| {
            let cell = |(area_type, area): &(AreaType, &str)| {
                let key = CellKey {
                    area_type: *area_type,
                    area: area.parse().unwrap(),
                    period: PeriodType::Month.containing(month()),
                    sex: Sex::All,
                    age: AgeBand::All,
                    breakdown: None,
                };
                tables.get().cell(&CellId { measure: format!("test|{column}").parse().unwrap(), key }).unwrap()
            };
            places.iter().map(cell).collect()
        };
        (self.columns.iter().map(shown).collect(), entry)
    }

    fn shown(&self, rows: &[Figures<'_>]) -> Vec<Vec<Option<u64>>> {
        let planned = self.planned(rows, None).0;
        planned.into_iter().map(|column| column.into_iter().map(Cell::value).collect()).collect()
    }
}

/// Twenty eligible of whom eighteen attended, and many elsewhere.
fn two_did_not() -> Vec<Figures<'static>> {
    vec![
        (0, None, &[Some(18), Some(20)]),
        (1, None, &[Some(40), Some(100)]),
        (2, None, &[Some(50), Some(200)]),
        (3, None, &[Some(60), Some(300)]),
    ]
}

#[test]
fn what_a_whole_has_beyond_its_part_is_protected() {
    let unrelated = Parts { relations: &[], ..RELATED };
    let shown = unrelated.shown(&two_did_not());
    assert_eq!((shown[0][0], shown[1][0]), (Some(18), Some(20)), "nobody knows of it");
    let shown = RELATED.shown(&two_did_not());
    assert!(shown[0][0].is_none() || shown[1][0].is_none(), "{shown:?}");
    // And whichever it is cannot be found from the district less its neighbours.
    for column in &shown {
        assert_ne!(column.iter().filter(|cell| cell.is_none()).count(), 1, "{shown:?}");
    }
    // Six did not: both are shown.
    let mut six = two_did_not();
    six[0].2 = &[Some(14), Some(20)];
    let shown = RELATED.shown(&six);
    assert!(shown.iter().flatten().all(Option::is_some), "{shown:?}");
}

/// A register of 18 over two areas with lists of 5 and 14: the first has at least 4 and at most 5.
#[test]
fn a_whole_that_is_shown_does_not_narrow_its_withheld_part() {
    let rows: [Figures<'_>; 2] = [(0, None, &[Some(4), Some(5)]), (1, None, &[Some(14), Some(14)])];
    let shown = RELATED.shown(&rows);
    assert_eq!(shown[0][0], None);
    assert!(shown[0][4].is_none() || shown[1][..2].contains(&None), "{shown:?}");
}

#[test]
fn the_people_of_a_part_are_among_those_of_the_whole() {
    let people = Parts { people: true, ..RELATED };
    let of = |area: usize, from: u16, number: u16, attended: u16| {
        (from..from + number).map(move |who| -> Figures<'static> {
            let figures: &[Option<i64>] = if who < from + attended { &[Some(1), Some(1)] } else { &[Some(0), Some(1)] };
            (area, Some(who), figures)
        })
    };
    let elsewhere = || of(1, 100, 40, 20).chain(of(2, 200, 60, 30)).chain(of(3, 300, 80, 40));
    let rows = |attended: u16| of(0, 0, 20, attended).chain(elsewhere()).collect::<Vec<_>>();
    let shown = people.shown(&rows(18));
    assert!(shown[0][0].is_none() || shown[1][0].is_none(), "{shown:?}");
    assert!(people.shown(&rows(14)).iter().flatten().all(Option::is_some));
    // Six records beyond the part, all of one person who has fourteen inside too.
    let one = (0, Some(50), &[Some(14), Some(20)][..]);
    let shown = people.shown(&of(0, 0, 20, 20).chain([one]).chain(elsewhere()).collect::<Vec<_>>());
    assert!(shown[0][0].is_none() || shown[1][0].is_none(), "{shown:?}");
}

/// Twelve of twelve have what nobody should be known to have.
#[test]
fn no_whole_is_shown_to_be_all_of_a_sensitive_part() {
    let mut rows = two_did_not();
    rows[0].2 = &[Some(12), Some(12)];
    let plain = RELATED.shown(&rows);
    assert_eq!((plain[0][0], plain[1][0]), (Some(12), Some(12)), "not sensitive");
    let shown = Parts { sensitive: true, ..RELATED }.shown(&rows);
    assert!(shown[0][0].is_none() || shown[1][0].is_none(), "{shown:?}");
}

#[test]
fn parts_of_parts_are_a_chain() {
    let chain = Parts {
        columns: &["attended", "eligible", "invited"],
        relations: &[("attended", "invited"), ("invited", "eligible")],
        ..RELATED
    };
    let rows = |first: &'static [Option<i64>]| -> Vec<Figures<'static>> {
        vec![
            (0, None, first),
            (1, None, &[Some(40), Some(200), Some(100)]),
            (2, None, &[Some(50), Some(300), Some(100)]),
            (3, None, &[Some(60), Some(400), Some(100)]),
        ]
    };
    assert!(chain.shown(&rows(&[Some(10), Some(30), Some(20)])).iter().flatten().all(Option::is_some));
    for close in [[Some(18), Some(40), Some(20)], [Some(10), Some(32), Some(30)]] {
        let pair = if close[0] == Some(18) { [0, 2] } else { [1, 2] };
        let shown = chain.shown(&rows(Box::leak(Box::new(close))));
        assert!(pair.iter().any(|column| shown[*column][0].is_none()), "{shown:?}");
    }
    // Where nothing is published of the middle, its ends are related all the same.
    let ends = Parts { columns: &TWO, relations: chain.relations, ..RELATED };
    let shown = ends.shown(&two_did_not());
    assert!(shown[0][0].is_none() || shown[1][0].is_none(), "{shown:?}");
}

/// Nobody knows how a whole divides where its part is not known; and a part is what it is whatever its whole.
#[test]
fn either_may_be_missing_without_the_other() {
    let mut rows = two_did_not();
    rows[0].2 = &[None, Some(20)];
    let shown = RELATED.shown(&rows);
    assert_eq!((shown[0][0], shown[0][4]), (None, None), "not available, and neither is their sum");
    assert_eq!((shown[1][0], shown[1][4]), (Some(20), Some(620)));
    rows[0].2 = &[Some(18), None];
    let shown = RELATED.shown(&rows);
    assert_eq!((shown[0][0], shown[0][4]), (Some(18), Some(168)));
    assert_eq!((shown[1][0], shown[1][4]), (None, None));
    assert_eq!(shown[1][1], Some(100));
}

#[test]
fn faults_are_told_without_a_value() {
    let mut rows = two_did_not();
    rows[0].2 = &[Some(21), Some(20)];
    let said = RELATED.tabulated(&rows).unwrap_err().to_string();
    assert!(said.contains("`org.data`") && said.contains("`attended` is part of `eligible`"), "{said}");
    assert!(!said.contains("21") && !said.contains("20"), "{said}");
    let columns = &["attended", "eligible", "invited"];
    for (relations, expect) in [
        (&[("attended", "eligible"), ("invited", "eligible")][..], "are both parts of `eligible`"),
        (&[("attended", "attended")], "is part of itself"),
        (&[("attended", "other"), ("other", "other")], "is part of itself"),
        (&[("attended", "eligible"), ("eligible", "attended")], "parts of each other"),
    ] {
        let said = Parts { columns, relations, ..RELATED }.tabulated(&[]).unwrap_err().to_string();
        assert!(said.contains(expect), "{relations:?}: {said}");
    }
}

/// What was published of the whole alone stays, and the part that comes later is protected beside it.
#[test]
fn a_part_that_comes_later_is_protected_beside_its_whole() {
    let whole = Parts { columns: &["eligible"], ..RELATED };
    let alone: Vec<Figures<'_>> =
        two_did_not().into_iter().map(|(area, who, figures)| (area, who, &figures[1..])).collect();
    let (before, entry) = whole.planned(&alone, None);
    assert_eq!(before[0][0].value(), Some(20));
    let (after, _) = RELATED.planned(&two_did_not(), Some(&entry));
    assert_eq!(after[1], before[0], "what is out stays");
    assert_eq!(after[0][0].value(), None);
    assert!(after[0][1..4].iter().any(|cell| cell.value().is_none()) || after[0][4].value().is_none(), "{after:?}");
}
