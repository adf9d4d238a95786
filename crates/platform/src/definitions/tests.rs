//! Definitions that could only give false figures, each refused with its reason; and the sample's, which all stand.

use std::path::Path;

use super::*;

fn file(name: &str, text: &str) -> DefinitionFile {
    DefinitionFile { name: name.to_owned(), text: text.to_owned() }
}

const EVENTS: &str = r#"
id = "an-organisation.events"
title = "t"
description = "d"
release = "1"
level = "event"
partition = "quarter"
exposure = { kind = "controlled" }
file = { format = "csv" }
geography = { area_type = "lsoa", boundary_year = 2021, sources = ["postcode"] }
[[column]]
source = "When"
name = "date"
type = "date"
role = "time"
formats = ["%d/%m/%Y"]
[[column]]
source = "Postcode"
name = "postcode"
type = "text"
role = "geography"
place = "postcode"
[[column]]
source = "Kind"
name = "kind"
type = "text"
role = "dimension"
allowed = ["damp", "heating"]
[[column]]
source = "Free"
name = "free"
type = "text"
role = "dimension"
[[column]]
source = "Sex"
name = "sex"
type = "text"
role = "dimension"
[[column]]
source = "Age"
name = "age"
type = "integer"
role = "dimension"
treatment = "band"
bands = ["0-15", "16-64", "65+"]
[[column]]
source = "Hours"
name = "hours"
type = "decimal"
role = "measure"
required = true
"#;

const PEOPLE: &str = r#"
id = "an-organisation.people"
title = "t"
description = "d"
release = "1"
level = "aggregate"
partition = "calendar-year"
stock = true
exposure = { kind = "controlled" }
file = { format = "csv" }
geography = { area_type = "lsoa", boundary_year = 2021, sources = ["area-code"] }
[[column]]
source = "Code"
name = "code"
type = "text"
role = "geography"
place = "area-code"
[[column]]
source = "Kind"
name = "kind"
type = "text"
role = "dimension"
allowed = ["damp", "heating"]
[[column]]
source = "Age"
name = "age"
type = "text"
role = "dimension"
bands = ["0-15", "16-64", "65+"]
[[column]]
source = "People"
name = "people"
type = "integer"
role = "measure"
[[column]]
source = "Score"
name = "score"
type = "decimal"
role = "measure"
"#;

const INDICATOR: &str = r#"
id = "an-indicator"
title = "A"
definition = "A"
rationale = "A"
theme = "A"
owner = "an-organisation"
version = "1"
type = "crude-rate"
unit = "u"
multiplier = 1
decimals = 1
polarity = "neither"
tier = "partners"
interval = "none"
purpose = "a-purpose"
[numerator]
dataset = "an-organisation.events"
measure = "count"
[denominator]
dataset = "an-organisation.people"
measure = "people"
[[view]]
name = "a-view"
area_type = "lsoa"
period_type = "calendar-year"
"#;

/// A score of people, and nothing else.
const SCORE: [(&str, &str); 3] = [
    ("type = \"crude-rate\"", "type = \"score\""),
    ("[denominator]\ndataset = \"an-organisation.people\"\nmeasure = \"people\"\n", ""),
    (
        "dataset = \"an-organisation.events\"\nmeasure = \"count\"",
        "dataset = \"an-organisation.people\"\nmeasure = \"score\"\nfilter = { kind = [\"damp\"], age = [\"65+\"] }",
    ),
];

/// What is said about the definitions with these texts replaced in whichever of them have them, once each.
fn problems(changes: &[(&str, &str)]) -> Vec<String> {
    let mut texts = [EVENTS, PEOPLE, INDICATOR].map(str::to_owned);
    for (from, to) in changes {
        assert!(texts.iter().any(|text| text.contains(from)), "{from}");
        texts = texts.map(|text| text.replacen(from, to, 1));
    }
    let [events, people, indicator] = texts;
    let contracts = [file("events.toml", &events), file("people.toml", &people)];
    let (definitions, errors) = Definitions::load(&contracts, &[file("indicator.toml", &indicator)]);
    assert_eq!(definitions.indicators().count(), usize::from(errors.is_empty()), "{errors:?}");
    errors.iter().map(ToString::to_string).collect()
}

/// A change that leaves the definitions in order, or what must be said of it.
fn check(changes: &[(&str, &str)], expect: Option<&str>) {
    let found = problems(changes);
    match expect {
        None => assert_eq!(found, Vec::<String>::new(), "{changes:?}"),
        Some(expect) => {
            assert_eq!(found.len(), 1, "{changes:?}: {found:?}");
            assert!(found.iter().all(|problem| problem.contains(expect)), "{changes:?}: {found:?}");
        }
    }
}

/// Everybody knows by which rule figures of 2011 are divided: what is withheld of one part would follow from another.
#[test]
fn controlled_figures_are_not_divided_between_areas() {
    let when = "[[column]]\nsource = \"When\"";
    let code = "[[column]]\nsource = \"Code\"\nname = \"code\"\ntype = \"text\"\nrole = \"geography\"\nplace = \"area-code\"\n";
    let column = (when, [code, when].concat());
    let of = |year: u16| format!("boundary_year = {year}, sources = [\"postcode\", \"area-code\"] }}");
    let (old, new) = (of(2011), of(2021));
    let rule = "boundary_year = 2021, sources = [\"postcode\"] }";
    let open = ("{ kind = \"controlled\" }", "{ kind = \"open\", source = \"s\", licence = \"l\" }");
    check(&[(column.0, &column.1), (rule, &new)], None);
    check(&[(column.0, &column.1), (rule, &old)], Some("divided between those of 2021"));
    check(&[(column.0, &column.1), (rule, &old), open], None);
}

#[test]
fn filters_accept_what_rows_can_have() {
    let cases = [
        ("{ kind = [\"damp\", \"other\", \"unknown\"] }", None),
        ("{ kind = [\"dmap\"] }", Some("names `dmap`, which no row has: the contract has damp, heating")),
        ("{ kind = [\"Damp\"] }", Some("names `Damp`, which no row has")),
        ("{ kind = [] }", Some("accepts no value")),
        ("{ free = [\"anything\"] }", Some("does not say which categories there are")),
        ("{ sex = [\"female\", \"unknown\"] }", None),
        ("{ sex = [\"women\"] }", Some("the contract has female, male")),
        ("{ age = [\"0-15\", \"65+\"] }", None),
        ("{ age = [\"0-64\"] }", None),
        ("{ age = [\"18-64\"] }", Some("join whole bands of 0-15, 16-64, 65+")),
        ("{ age = [\"all\"] }", Some("no age band")),
        ("{ colour = [\"red\"] }", Some("no dimension `colour`")),
    ];
    for (filter, expect) in cases {
        let filtered = format!("measure = \"count\"\nfilter = {filter}");
        check(&[("measure = \"count\"", &filtered)], expect);
    }
    // The same for a denominator.
    let filtered = "measure = \"people\"\nfilter = { age = [\"0-17\"] }";
    check(&[("measure = \"people\"", filtered)], Some("`an-organisation.people` names `0-17`"));
    check(&[("measure = \"people\"", "measure = \"persons\"")], Some("no measure `persons`"));
}

#[test]
fn breakdowns_are_of_what_both_datasets_can_tell_apart() {
    let view = |rest: &str| format!("period_type = \"calendar-year\"\n{rest}\n");
    let cases = [
        ("by = [\"kind\"]", None),
        ("by = [\"age\"]", None),
        ("by = [\"age\"]\nage_bands = [\"0-64\", \"65+\"]", None),
        (
            "by = [\"age\"]\nage_bands = [\"0-17\", \"18+\"]",
            Some("view `a-view` by age in `an-organisation.events` names `0-17`"),
        ),
        ("by = [\"free\"]", Some("does not say which categories there are")),
        ("by = [\"colour\"]", Some("does not have: it has kind, free, sex, age")),
    ];
    for (rest, expect) in cases {
        check(&[("period_type = \"calendar-year\"\n", &view(rest))], expect);
    }
    let by_age = view("by = [\"age\"]");
    let by_age = ("period_type = \"calendar-year\"\n", by_age.as_str());
    let stored = "role = \"dimension\"\nbands = [\"0-15\", \"16-64\", \"65+\"]";
    let older = (stored, "role = \"dimension\"\nbands = [\"0-17\", \"18+\"]");
    check(&[by_age, older], Some("in its denominator `an-organisation.people` names `0-15`"));
    let years = (stored, "role = \"dimension\"\nallowed = [\"0\", \"15\", \"16\", \"64\", \"65\"]");
    check(&[by_age, years], Some("names `0-15`, which is not made up of the stored ages"));
    let single = ("treatment = \"band\"\nbands = [\"0-15\", \"16-64\", \"65+\"]", "range = [16, 120]");
    check(&[by_age, single], Some("does not say which categories"));
    let bands = view("by = [\"age\"]\nage_bands = [\"16-64\", \"65+\"]");
    check(&[("period_type = \"calendar-year\"\n", &bands), single], None);
    let bands = view("by = [\"age\"]\nage_bands = [\"0-15\", \"16+\"]");
    check(&[("period_type = \"calendar-year\"\n", &bands), single], Some("ages 16 to 120"));
    let listed = ("treatment = \"band\"\nbands = [\"0-15\", \"16-64\", \"65+\"]", "allowed = [\"0\", \"1\"]");
    check(&[by_age, listed], Some("give the view `age_bands`"));
    let by_kind = view("by = [\"kind\"]");
    let other = (
        "role = \"dimension\"\nallowed = [\"damp\", \"heating\"]\n[[column]]\nsource = \"Age\"",
        "role = \"dimension\"\nallowed = [\"damp\"]\n[[column]]\nsource = \"Age\"",
    );
    check(&[("period_type = \"calendar-year\"\n", &by_kind), other], Some("names `heating`, which no row has"));
}

#[test]
fn a_view_shows_nothing_that_a_filter_leaves_out() {
    let view = |rest: &str| format!("period_type = \"calendar-year\"\n{rest}\n");
    let above = |filter: &str| format!("measure = \"count\"\nfilter = {filter}");
    let below = |filter: &str| format!("measure = \"people\"\nfilter = {filter}");
    let cases = [
        (above("{ kind = [\"damp\"] }"), "by = [\"kind\"]", Some("shows `heating`, which the numerator's filter")),
        (above("{ kind = [\"damp\", \"heating\"] }"), "by = [\"kind\"]", None),
        (above("{ kind = [\"damp\"] }"), "by = [\"age\"]", None),
        (above("{ age = [\"16+\"] }"), "by = [\"age\"]\nage_bands = [\"16-64\", \"65+\"]", None),
        (above("{ age = [\"16+\"] }"), "by = [\"age\"]", Some("shows `0-15`, which the numerator's filter")),
        (below("{ kind = [\"damp\"] }"), "by = [\"kind\"]", Some("shows `heating`, of which the denominator's filter")),
        (below("{ age = [\"16-64\"] }"), "by = [\"age\"]\nage_bands = [\"16+\"]", None),
        (below("{ age = [\"16-64\"] }"), "by = [\"age\"]", Some("shows `0-15`, of which the denominator's filter")),
    ];
    for (measure, by, expect) in cases {
        let first = measure.lines().next().unwrap().to_owned();
        check(&[(&first, &measure), ("period_type = \"calendar-year\"\n", &view(by))], expect);
    }
}

#[test]
fn a_proportion_is_a_part_of_its_whole() {
    let proportion = ("type = \"crude-rate\"", "type = \"proportion\"");
    check(&[proportion], Some("are two datasets: make it a crude rate"));
    let same = |part: &str| format!("dataset = \"an-organisation.people\"\nmeasure = \"people\"\nfilter = {part}");
    let cases = [
        ("{ age = [\"65+\"] }", "{}", None),
        ("{ age = [\"65+\"] }", "{ age = [\"16+\"] }", None),
        ("{ age = [\"65+\"], kind = [\"damp\"] }", "{ kind = [\"damp\", \"heating\"] }", None),
        ("{ age = [\"0-15\"] }", "{ age = [\"65+\"] }", Some("takes more of `age` than the denominator")),
        ("{}", "{ kind = [\"damp\"] }", Some("takes more of `kind` than the denominator")),
        ("{ kind = [\"damp\"] }", "{ kind = [\"heating\"] }", Some("filter it by heating")),
    ];
    for (part, whole, expect) in cases {
        let (numerator, denominator) = (same(part), same(whole));
        let changes = [
            proportion,
            ("dataset = \"an-organisation.people\"\nmeasure = \"people\"", denominator.as_str()),
            ("dataset = \"an-organisation.events\"\nmeasure = \"count\"", numerator.as_str()),
        ];
        check(&changes, expect);
    }
}

/// What a whole has beyond its part is protected only where the contract says that it is one.
#[test]
fn a_proportion_of_two_columns_needs_a_contract_that_relates_them() {
    let homes = "[[column]]\nsource = \"Homes\"\nname = \"homes\"\ntype = \"integer\"\nrole = \"measure\"\n";
    let score = "[[column]]\nsource = \"Score\"";
    let (apart, related) = ([homes, score].concat(), [homes, "part_of = \"people\"\n", score].concat());
    let proportion = ("type = \"crude-rate\"", "type = \"proportion\"");
    let above = "dataset = \"an-organisation.people\"\nmeasure = \"homes\"";
    let numerator = ("dataset = \"an-organisation.events\"\nmeasure = \"count\"", above);
    check(&[(score, &apart), numerator, proportion], Some("does not say that `homes` is part of `people`"));
    check(&[(score, &related), numerator, proportion], None);
    check(&[(score, &apart), numerator], None);
}

#[test]
fn periods_are_made_up_of_what_is_stored() {
    let undated = ("role = \"time\"", "role = \"special\"");
    let yearly = (
        "type = \"date\"\nrole = \"time\"\nformats = [\"%d/%m/%Y\"]",
        "type = \"month\"\nrole = \"time\"\nformats = [\"%Y\"]",
    );
    let by = |kind: &str| format!("area_type = \"lsoa\"\nperiod_type = \"{kind}\"");
    let view = "area_type = \"lsoa\"\nperiod_type = \"calendar-year\"";
    let stands = ["calendar-year", "financial-year", "quarter"];
    for kind in ["calendar-year", "financial-year", "academic-year", "quarter", "month", "rolling-12"] {
        let by = by(kind);
        check(&[(view, &by)], None);
        let refused = (!stands.contains(&kind)).then_some("can be told apart by quarter only");
        check(&[(view, &by), undated], refused);
        check(&[(view, &by), yearly], refused);
    }
    let same = (
        "dataset = \"an-organisation.events\"\nmeasure = \"count\"",
        "dataset = \"an-organisation.people\"\nmeasure = \"people\"",
    );
    check(&[same], None);
    let flow = ("stock = true\n", "");
    let (quarterly, financial) = (by("quarter"), by("financial-year"));
    check(&[same, (view, &quarterly)], Some("states are not added"));
    check(&[same, flow, (view, &financial)], Some("told apart by calendar-year only"));
    // A yearly state under quarters is usual; a yearly flow under quarters is another period's.
    check(&[(view, &quarterly)], None);
    check(&[flow, (view, &quarterly)], Some("its denominator in `an-organisation.people` is of one calendar-year"));
    check(&[flow], None);
    let districts = (
        "area_type = \"lsoa\", boundary_year = 2021, sources = [\"area-code\"]",
        "area_type = \"district\", boundary_year = 2025, sources = [\"area-code\"]",
    );
    check(&[districts], Some("finer than the district of `an-organisation.people`"));
}

#[test]
fn scores_are_shown_as_they_are_and_decimals_are_not_counted() {
    let score = |more: &[(&'static str, &'static str)], expect| check(&[&SCORE[..], more].concat(), expect);
    score(&[], None);
    score(&[("area_type = \"lsoa\"\n", "area_type = \"msoa\"\n")], Some("would add scores"));
    score(&[("period_type = \"calendar-year\"", "period_type = \"financial-year\"")], Some("states are not added"));
    score(
        &[("period_type = \"calendar-year\"", "period_type = \"calendar-year\"\nby = [\"age\"]")],
        Some("would add scores"),
    );
    score(&[("age = [\"65+\"]", "age = [\"65+\", \"0-15\"]")], Some("a score for each `age`"));
    score(&[("kind = [\"damp\"], ", "")], Some("a score for each `kind`"));
    score(&[("stock = true\n", "")], Some("a score is a state"));
    score(&[("measure = \"score\"", "measure = \"people\"")], Some("whole number, which is counted"));
    check(&[("measure = \"count\"", "measure = \"hours\"")], Some("`hours` of `an-organisation.events` is a decimal"));
    check(&[("measure = \"people\"", "measure = \"score\"")], Some("`score` of `an-organisation.people` is a decimal"));
    let count =
        [SCORE[1], ("type = \"crude-rate\"", "type = \"count\""), ("measure = \"count\"", "measure = \"hours\"")];
    check(&count, Some("is a decimal, which cannot be counted"));
}

#[test]
fn every_definition_of_the_sample_stands() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data");
    let read = |folder: &str| crate::state::texts(&sample.join(folder)).unwrap();
    let (definitions, errors) = Definitions::load(&read("contracts"), &read("indicators"));
    assert_eq!(errors, []);
    let views: usize = definitions.indicators().map(|indicator| indicator.views.len()).sum();
    assert_eq!(definitions.linked().count(), 1);
    assert_eq!((definitions.contracts().count(), definitions.indicators().count(), views), (22, 20, 63));
}

/// What may be linked is checked against the contracts of the datasets, and what may be said of it against what is registered.
#[test]
fn linked_data_fit_their_datasets_and_their_indicators() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data");
    let read = |folder: &str| crate::state::texts(&sample.join(folder)).unwrap();
    let (contracts, indicators) = (read("contracts"), read("indicators"));
    let links = "csr-partnership.people-by-services.toml";
    let wellbeing = "lancashire-county-council.wellbeing-referrals.toml";
    let ambulance = "\"north-west-ambulance.call-outs\"";
    for (file, from, to, expect) in [
        (
            links,
            ambulance,
            "\"north-west-ambulance.call-ins\"",
            "`north-west-ambulance.call-ins`, which has no contract",
        ),
        (links, ambulance, "\"runshaw-college.participation\"", "in a way of its own"),
        (links, ambulance, "\"lancashire-fire-and-rescue.incidents\"", "do not say who they are about"),
        (links, ambulance, "\"department-for-work-and-pensions.claimants\"", "do not say who they are about"),
        (links, "calendar-year", "quarter", "would be counted several times"),
        (wellbeing, "scheme = \"nhs-number\"", "scheme = \"local\"", "in a way of its own"),
        ("people-known-to-services.toml", "area_type = \"msoa\"", "area_type = \"ward\"", "does not register"),
        (
            "people-known-to-services.toml",
            "tier = \"partners\"",
            "tier = \"public\"",
            "linked records are for partners",
        ),
        (
            "people-known-to-services.toml",
            "measure = \"count\"",
            "measure = \"count\"\nfilter = { services = [\"2\"] }",
            "leave the filter out",
        ),
        (
            "people-known-to-services.toml",
            "period_type = \"calendar-year\"",
            "period_type = \"quarter\"",
            "would be counted several times",
        ),
    ] {
        let edit = |files: &[DefinitionFile]| -> Vec<DefinitionFile> {
            let edited = |one: &DefinitionFile| DefinitionFile {
                text: if one.name == file { one.text.replacen(from, to, 1) } else { one.text.clone() },
                ..one.clone()
            };
            files.iter().map(edited).collect()
        };
        let (definitions, errors) = Definitions::load(&edit(&contracts), &edit(&indicators));
        assert!(errors.iter().any(|error| error.message.contains(expect)), "{to}: {errors:?}");
        // Nothing else is lost with it.
        assert_eq!(definitions.contracts().count(), 22, "{to}");
        assert!(definitions.indicators().count() >= 19, "{to}");
    }
    // A dataset's people are counted once.
    let second = DefinitionFile {
        name: "again.toml".to_owned(),
        text: contracts.iter().find(|one| one.name == links).unwrap().text.replace("people-by-services", "again"),
    };
    let (definitions, errors) = Definitions::load(&[contracts, vec![second]].concat(), &indicators);
    assert!(
        errors.iter().any(|error| error.file == "again.toml" && error.message.contains("already: what both say")),
        "{errors:?}"
    );
    assert_eq!(definitions.linked().count(), 1);
}
