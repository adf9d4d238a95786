//! What changes between two versions is said, whatever it is.

use std::collections::BTreeMap;

use super::files::partnership;
use super::random::permissive;
use super::validity::derive_query;
use super::world::*;
use crate::*;

/// An agreement in which everything is said that can be.
fn whole() -> String {
    let mut plain = permissive(&derive_query(), &[0].into(), false);
    plain.forbid_purposes.insert(1);
    plain.forbid_links.insert(2);
    plain.forbid_recipients.push(Pattern::Organisation(2));
    plain.optout = Some(([ActionKind::Ingest].into(), 10));
    plain.noise = Some([5, 3, 2, 300, 500]);
    plain.grants[0].actions.insert(ActionKind::Link);
    plain.grants[0].link_with.insert(1);
    plain.odds = Some(4);
    plain.events.clear();
    let (_, text, _) = plain.signed(0);
    let more = "[legal]\narticle_6 = [\"e\"]\narticle_9 = [\"h\"]\nschedule_1 = [\"paragraph 2\"]\narticle_10 = \"a\"\n\
        dpia = { id = \"d\", digest = \"1a7372f7107151abde5ffed525a4e0adea3a369087ee4eaacdb0ac791de872e5\", review_by = 2030-01-01 }\n";
    text.replace("[legal]\n", more)
        .replace(
            "query_budget = 10\n",
            "query_budget = 10\napproval = [\"reviewer\"]\nobligations = [\"name the source\"]\n",
        )
        .replace("from = 2019-01-01\n", "from = 2019-01-01\nuntil = 2030-01-01\n")
        .replace("siro = \"siro\" }", "caldicott = \"c\", siro = \"siro\" }")
}

fn parse(text: &str) -> Agreement {
    Agreement::parse_draft("a.toml", text, &partnership(), &BTreeMap::new())
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// One change, and the only line that says it.
#[test]
fn every_change_is_said() {
    let cases = [
        ("title = \"test\"", "title = \"other\"", "agreement.title: test becomes other: different"),
        (
            "\"joint-controllers\"",
            "\"controller-to-processor\"",
            "agreement.kind: joint-controllers becomes controller-to-processor: different",
        ),
        (
            "effective = 2023-12-22",
            "effective = 2023-12-23",
            "agreement.effective: 2023-12-22 becomes 2023-12-23: different",
        ),
        (
            "review_by = 2030-01-01\nexpires",
            "review_by = 2029-01-01\nexpires",
            "agreement.review_by: 2030-01-01 becomes 2029-01-01: different",
        ),
        ("expires = 2025-02-04", "expires = 2026-02-04", "agreement.expires: 2025-02-04 becomes 2026-02-04: looser"),
        (
            "role = \"controller\"",
            "role = \"processor\"",
            "party: org-a (controller, full partner) is taken out: different",
        ),
        (
            "membership = \"full\"",
            "membership = \"affiliated\"",
            "party: org-a (controller, affiliated partner) is added: different",
        ),
        (
            "ico = \"Z0\"",
            "ico = \"Z1\"",
            "contacts of org-a: ICO Z0, DPO dpo@org-a.example.org, Caldicott guardian c, SIRO siro becomes ICO Z1",
        ),
        ("level = \"l\"", "level = \"m\"", "assurance of org-a: s (l), valid until 2030-01-01 becomes s (m)"),
        ("uk-gdpr", "dpa-2018-part-3", "legal.regime: uk-gdpr becomes dpa-2018-part-3: different"),
        ("article_6 = [\"e\"]", "article_6 = [\"a\"]", "legal.article_6: a is added: different"),
        ("article_9 = [\"h\"]", "article_9 = []", "legal.article_9: h is taken out: different"),
        ("schedule_1 = [\"paragraph 2\"]", "schedule_1 = [\"paragraph 3\"]", "legal.schedule_1: paragraph 3 is added"),
        ("article_10 = \"a\"", "article_10 = \"b\"", "legal.article_10: a becomes b: different"),
        ("power = \"p\"", "power = \"q\"", "legal.power: p becomes q: different"),
        ("gateway = \"g\"", "gateway = \"h\"", "legal.gateway: g becomes h: different"),
        ("confidentiality = \"c\"", "confidentiality = \"d\"", "legal.confidentiality: c becomes d: different"),
        ("id = \"d\"", "id = \"e\"", "legal.dpia: d (1a73"),
        ("privacy_notice = \"n\"", "privacy_notice = \"o\"", "legal.privacy_notice: n becomes o: different"),
        ("transfers = \"t\"", "transfers = \"u\"", "legal.transfers: t becomes u: different"),
        ("level = \"event\"", "level = \"aggregate\"", "becomes controlled, aggregate rows"),
        ("unit_key = \"u\"", "unit_key = \"v\"", "becomes controlled, event rows (v)"),
        ("frequency = \"month\"", "frequency = \"quarter\"", "each quarter"),
        ("from = 2019", "from = 2020", "from 2020-01-01"),
        ("until = 2030-01-01\ncol", "until = 2031-01-01\ncol", "until before 2031-01-01: different"),
        (
            "type = \"text\"",
            "type = \"date\"",
            "column org-a.data kind: text as dimension becomes date as dimension: different",
        ),
        ("treatment = \"keep\"", "treatment = \"band\"", "column org-a.data kind: keep becomes band: stricter"),
        ("name = \"kind\"", "name = \"sort\"", "column org-a.data kind: may not be taken any more: stricter"),
        ("actions = [\"link\", \"derive\"]", "actions = [\"link\"]", "would forbid: org-a.data"),
        ("roles = [\"analyst\"]", "roles = [\"analyst\", \"reviewer\"]", "would allow: org-a.data"),
        ("link_with = [\"org-b.data\"]", "link_with = []", "link: org-a.data with org-b.data is taken out: stricter"),
        ("k = 5", "k = 4", "terms.k: 5 becomes 4: looser"),
        ("rounding = 1", "rounding = 5", "terms.rounding: 1 becomes 5: stricter"),
        (
            "methods = [\"suppress\", \"perturb\"]",
            "methods = [\"perturb\"]",
            "terms.methods: suppress is taken out: different",
        ),
        ("zeros = \"publish\"", "zeros = \"protect\"", "terms.zeros: publish becomes protect: different"),
        (", \"lsoa by month\"]", "]", "terms.finest: "),
        ("tier = \"public\"", "tier = \"partners\"", "terms.tier: public becomes partners: stricter"),
        ("onward = \"recipients\"", "onward = \"none\"", "terms.onward: recipients becomes none: stricter"),
        ("query_budget = 10", "query_budget = 11", "terms.query_budget: 10 becomes 11: looser"),
        ("approval = [\"reviewer\"]", "approval = []", "terms.approval: reviewer is taken out: looser"),
        (
            "obligations = [\"name the source\"]",
            "obligations = []",
            "terms.obligations: name the source is taken out: looser",
        ),
        ("own_rows = false", "own_rows = true", "terms.primary.own_rows: false becomes true: stricter"),
        ("variance = 3", "variance = 4", "terms.noise.variance: "),
        ("odds = 4", "odds = 5", "terms.links.odds: "),
        (
            "purposes = [\"purpose-b\"]\nlinks",
            "purposes = []\nlinks",
            "forbid.purposes: purpose-b is taken out: looser",
        ),
        ("links = [\"org-c.data\"]", "links = []", "forbid.links: org-c.data is taken out: looser"),
        (
            "recipients = [{ organisation = \"org-c\" }]",
            "recipients = [{ public = true }]",
            "forbid.recipients: the public is added: stricter",
        ),
        (
            "max_age_days = 10",
            "max_age_days = 11",
            "optout: opt-out applied by org-a within 10 days before ingest becomes",
        ),
        ("raw_days = 10", "raw_days = 11", "retention.raw_days: 10 becomes 11: looser"),
        ("derived_days = 20", "derived_days = 19", "retention.derived_days: 20 becomes 19: stricter"),
        ("proof = \"p\"", "proof = \"q\"", "retention.proof: p becomes q: different"),
        ("lead = \"org-a\"", "lead = \"org-b\"", "rights.lead: org-a becomes org-b: different"),
        ("erasure_hours = 1", "erasure_hours = 2", "rights.erasure_hours: 1 becomes 2: looser"),
        ("breach_hours = 1", "breach_hours = 2", "rights.breach_hours: 1 becomes 2: looser"),
        ("suspend = [\"org-a\"]", "suspend = [\"org-a\", \"org-b\"]", "control.suspend: org-b is added: stricter"),
        ("resume = [\"org-a\"]", "resume = [\"org-a\", \"org-b\"]", "control.resume: org-b is added: looser"),
        ("terminate = [\"org-a\"]", "terminate = [\"org-b\"]", "control.terminate: org-a is taken out: looser"),
    ];
    let text = whole();
    let old = parse(&text);
    for (from, to, expect) in cases {
        let new = text.replacen(from, to, 1);
        assert_ne!(new, text, "{from}");
        let said = diff(&old, &parse(&new)).to_string();
        assert!(said.contains(expect), "{from} to {to}: {expect} is not in\n{said}");
    }
    // What it is called, and which version it is, is no difference.
    let renamed = text.replace("version = 1", "version = 2").replace("grant-0", "grant-one");
    assert_eq!(diff(&old, &parse(&renamed)).to_string(), "no difference\n");
}

#[test]
fn a_draft_may_have_the_signatures_of_what_it_was_written_from() {
    let signed = demo::sign("a.toml", &whole(), "test", instant(0)).unwrap();
    let changed = signed.replace("k = 5", "k = 6");
    assert!(Agreement::parse("a.toml", &changed, &partnership(), &BTreeMap::new()).is_err());
    assert_eq!(parse(&changed).unsigned().count(), 2, "nobody has signed a draft");
    let broken = changed.replace("k = 6", "k = 1");
    let errors = Agreement::parse_draft("a.toml", &broken, &partnership(), &BTreeMap::new()).unwrap_err();
    assert!(errors.iter().all(|error| error.message.contains("k is 3")), "{errors:?}");
}
