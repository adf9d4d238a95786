//! A small world of agreements in plain numbers: what the reference model decides from, and what is written out as
//! real files, signed, and loaded, for the real decision.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use model::{Digest, Month, Period, PeriodType, Tier};

use crate::*;

pub(super) const ORGANISATIONS: [&str; 3] = ["org-a", "org-b", "org-c"];
pub(super) const DATASETS: [&str; 3] = ["org-a.data", "org-b.data", "org-c.data"];
pub(super) const PURPOSES: [&str; 3] = ["purpose-a", "purpose-b", "purpose-c"];
pub(super) const ROLES: [Role; 4] = [Role::PartnerOfficer, Role::Analyst, Role::Operator, Role::Public];
pub(super) const LEVELS: [&str; 4] = ["lsoa by calendar-year", "msoa by quarter", "district by month", "lsoa by month"];
pub(super) const SCHEME: &str = "opt-out";

/// Agreements, and datasets that a faulty file is about.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) agreements: Vec<Plain>,
    pub(super) faulty: BTreeSet<usize>,
}

/// `[terms.noise]` as its numbers, in the order of [`NOISE_KEYS`]. More is stricter of the first three, less of the others.
pub(super) type PlainNoise = [u32; 5];
pub(super) const NOISE_KEYS: [&str; 5] =
    ["largest", "variance", "least_shown", "stays_per_thousand", "guess_per_thousand"];

/// One agreement. Times are hours since the beginning of 2024, dates are days since then.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    pub(super) extra_parties: BTreeSet<usize>,
    pub(super) datasets: BTreeSet<usize>,
    pub(super) law_enforcement: bool,
    pub(super) methods: BTreeSet<Method>,
    pub(super) effective: i64,
    pub(super) expires: i64,
    pub(super) events: Vec<(EventKind, i64)>,
    pub(super) grants: Vec<PlainGrant>,
    pub(super) forbid_purposes: BTreeSet<usize>,
    pub(super) forbid_links: BTreeSet<usize>,
    pub(super) forbid_recipients: Vec<Pattern>,
    pub(super) optout: Option<(BTreeSet<ActionKind>, i64)>,
    pub(super) public_tier: bool,
    pub(super) finest: BTreeSet<usize>,
    pub(super) onward: bool,
    pub(super) k: u32,
    /// The other primary rules as ten bits: one more never makes any of them looser.
    pub(super) primary: u16,
    pub(super) noise: Option<PlainNoise>,
    /// The odds that figures of linked records may change.
    pub(super) odds: Option<u32>,
    pub(super) from_years: [i32; 3],
}

#[derive(Debug, Clone, Default)]
pub(super) struct PlainGrant {
    pub(super) purposes: BTreeSet<usize>,
    pub(super) actions: BTreeSet<ActionKind>,
    pub(super) recipients: BTreeSet<Who>,
    pub(super) datasets: BTreeSet<usize>,
    pub(super) link_with: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Public,
    Partner(usize, Role),
}

/// A prohibition: the public, or an organisation, a role, or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    Public,
    Organisation(usize),
    Role(Role),
    Both(usize, Role),
}

/// A request. Bindings are numbers of agreements; a number beyond the last is an agreement nobody knows.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) action: ActionKind,
    pub(super) organisation: usize,
    pub(super) role: Role,
    pub(super) held: BTreeSet<usize>,
    pub(super) purpose: usize,
    pub(super) inputs: Vec<(usize, BTreeSet<usize>)>,
    pub(super) outputs: BTreeSet<Level>,
    pub(super) public: bool,
    pub(super) evidence: BTreeMap<usize, i64>,
    pub(super) year: Option<i32>,
    pub(super) original: Option<Original>,
    pub(super) now: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) purpose: usize,
    pub(super) inputs: Vec<(usize, BTreeSet<usize>)>,
    pub(super) outputs: BTreeSet<Level>,
    pub(super) public: bool,
}

impl Plain {
    pub(super) fn parties(&self) -> BTreeSet<usize> {
        // The supplier of dataset n is organisation n.
        self.extra_parties.union(&self.datasets).copied().collect()
    }

    /// The party that does everything that one party does.
    pub(super) fn first_party(&self) -> usize {
        *self.parties().first().unwrap()
    }

    /// A grant of exactly what the query asks, and the parties it takes.
    pub(super) fn grant_for(&mut self, query: &Query, bound: &BTreeSet<usize>) {
        let recipient = query.recipient();
        if let Who::Partner(organisation, _) = recipient {
            self.extra_parties.insert(organisation);
        }
        for dataset in bound {
            if self.datasets.insert(*dataset) {
                self.from_years[*dataset] = 2019;
            }
        }
        let others = query.inputs.iter().map(|(dataset, _)| *dataset).filter(|dataset| !bound.contains(dataset));
        self.grants.push(PlainGrant {
            purposes: [query.purpose].into(),
            actions: [query.action].into(),
            recipients: [recipient].into(),
            datasets: bound.clone(),
            link_with: if query.action == ActionKind::Link { others.collect() } else { BTreeSet::new() },
        });
    }
}

impl Query {
    pub(super) fn recipient(&self) -> Who {
        if self.action == ActionKind::Release && self.public || self.role == Role::Public {
            Who::Public
        } else {
            Who::Partner(self.organisation, self.role)
        }
    }

    /// The request as it is asked of the real decision.
    pub(super) fn request(&self, loaded: &Loaded) -> Request {
        let purpose = |n: usize| PURPOSES[n].parse().unwrap();
        let principal = match self.role {
            Role::Public => Principal::public(),
            role => Principal::new(
                ORGANISATIONS[self.organisation].parse().unwrap(),
                role,
                self.held.iter().map(|n| purpose(*n)),
            ),
        };
        let tier = |public| if public { Tier::Public } else { Tier::Partners };
        let mut request = Request::new(principal.clone(), purpose(self.purpose), loaded.inputs(&self.inputs));
        request.outputs = self.outputs.clone();
        request.tier = tier(self.public);
        request.period =
            self.year.map(|year| Period::new(PeriodType::CalendarYear, Month::new(year, 1).unwrap()).unwrap());
        request.opt_outs = self
            .evidence
            .iter()
            .map(|(dataset, hour)| OptOutEvidence {
                dataset: DATASETS[*dataset].parse().unwrap(),
                scheme: SCHEME.to_owned(),
                applied_at: instant(*hour),
            })
            .collect();
        request.onward_of = self.original.as_ref().map(|original| PermitRecord {
            action: ActionKind::Release,
            principal,
            purpose: purpose(original.purpose),
            inputs: loaded.inputs(&original.inputs),
            outputs: original.outputs.clone(),
            tier: tier(original.public),
            agreements: BTreeMap::new(),
            epoch: loaded.snapshot.epoch(),
            decided_at: instant(self.now),
        });
        request
    }
}

/// The files of a world, loaded.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) digests: Vec<Digest>,
}

impl Loaded {
    fn inputs(&self, bindings: &[(usize, BTreeSet<usize>)]) -> Vec<Governing> {
        let digest = |n: &usize| self.digests.get(*n).copied().unwrap_or(Digest([0xEE; 32]));
        bindings
            .iter()
            .map(|(dataset, bound)| Governing {
                dataset: DATASETS[*dataset].parse().unwrap(),
                agreements: bound.iter().map(digest).collect(),
            })
            .collect()
    }
}

pub(super) fn instant(hour: i64) -> Timestamp {
    "2024-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn day(days: i64) -> String {
    instant(days * 24).to_string()[..10].to_owned()
}

pub(super) fn register() -> String {
    let mut text = String::from("[partnership]\nid = \"org-a\"\ntitle = \"Test\"\nillustrative = true\n");
    for purpose in PURPOSES {
        writeln!(text, "[[purpose]]\nid = \"{purpose}\"\ntitle = \"{purpose}\"").unwrap();
    }
    for id in ORGANISATIONS {
        let key = PublicKey::of(&demo::signing_key(&id.parse().unwrap()));
        writeln!(text, "[[organisation]]\nid = \"{id}\"\ntitle = \"{id}\"\nkeys = [\"{key}\"]").unwrap();
    }
    text
}

pub(super) fn file(name: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { name: name.to_owned(), content: text.into().into_bytes() }
}

impl World {
    pub(super) fn files(&self) -> (Vec<SourceFile>, Vec<Digest>) {
        let mut files = vec![file("partnership.toml", register())];
        let mut digests = Vec::new();
        for (index, plain) in self.agreements.iter().enumerate() {
            let (name, text, digest) = plain.signed(index);
            files.push(file(&name.replace(".toml", ".events.toml"), plain.event_file(digest)));
            files.push(file(&name, text));
            digests.push(digest);
        }
        for dataset in &self.faulty {
            let text = format!("[[dataset]]\nid = \"{}\"\nthis is not TOML\n", DATASETS[*dataset]);
            files.push(file(&format!("faulty-{dataset}.toml"), text));
        }
        (files, digests)
    }

    pub(super) fn load(&self) -> Loaded {
        let (files, digests) = self.files();
        let registry = Registry::load(&files, &[]).unwrap();
        assert_eq!(registry.errors().len(), self.faulty.len(), "{:?}", registry.errors());
        Loaded { snapshot: registry.snapshot().clone(), digests }
    }
}

fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(", "))
}

/// The table as it stands in a file.
pub(super) fn noise_table(noise: &PlainNoise) -> String {
    let lines = NOISE_KEYS.iter().zip(noise).map(|(key, value)| format!("{key} = {value}\n"));
    format!("[terms.noise]\n{}", lines.collect::<String>())
}

fn named(names: &[&str], numbers: &BTreeSet<usize>) -> String {
    list(numbers.iter().map(|n| names[*n]))
}

impl Plain {
    /// Name, text and digest of its file, signed by everyone if an event says that it came into force.
    pub(super) fn signed(&self, index: usize) -> (String, String, Digest) {
        let name = format!("agreement-{index}.toml");
        let text = self.text(index);
        let digest = agreement_digest(&name, &text).unwrap();
        let text = if self.events.is_empty() { text } else { demo::sign(&name, &text, "test", instant(0)).unwrap() };
        (name, text, digest)
    }

    fn event_file(&self, digest: Digest) -> String {
        let by = ORGANISATIONS[self.first_party()].parse().unwrap();
        let mut previous = digest;
        let mut text = String::new();
        for (kind, hour) in &self.events {
            let event = demo::event(*kind, instant(*hour), &by, "test", digest, previous);
            previous = event.digest();
            text.push_str(&event.to_toml());
        }
        text
    }

    fn text(&self, index: usize) -> String {
        let mut text = format!(
            "[agreement]\nid = \"agreement-{index}\"\nversion = 1\ntitle = \"test\"\nkind = \"joint-controllers\"\n\
             effective = {}\nreview_by = 2030-01-01\nexpires = {}\n",
            day(self.effective),
            day(self.expires)
        );
        for party in self.parties() {
            let id = ORGANISATIONS[party];
            write!(
                text,
                "[[party]]\nid = \"{id}\"\nrole = \"controller\"\nmembership = \"full\"\n\
                 contacts = {{ ico = \"Z0\", dpo = \"dpo@{id}.example.org\", siro = \"siro\" }}\n\
                 assurance = {{ scheme = \"s\", level = \"l\", until = 2030-01-01 }}\n"
            )
            .unwrap();
        }
        let regime = if self.law_enforcement { "dpa-2018-part-3" } else { "uk-gdpr" };
        write!(
            text,
            "[legal]\nregime = \"{regime}\"\npower = \"p\"\ngateway = \"g\"\nconfidentiality = \"c\"\n\
             privacy_notice = \"n\"\ntransfers = \"t\"\n"
        )
        .unwrap();
        for dataset in &self.datasets {
            write!(
                text,
                "[[dataset]]\nid = \"{}\"\nexposure = {{ kind = \"controlled\" }}\nlevel = \"event\"\nunit_key = \"u\"\n\
                 frequency = \"month\"\nfrom = {}-01-01\ncolumns = [\n\
                 {{ name = \"kind\", type = \"text\", role = \"dimension\", treatment = \"keep\" }},\n]\n",
                DATASETS[*dataset], self.from_years[*dataset]
            )
            .unwrap();
        }
        for (number, grant) in self.grants.iter().enumerate() {
            grant.write(&mut text, number);
        }
        self.write_terms(&mut text);
        text
    }

    fn primary(&self) -> String {
        let (bit, two) = (|n: u16| self.primary >> n & 1 == 1, |n: u16| self.primary >> n & 3);
        let mut text = format!(
            "[terms.primary]\nown_records = {}\nown_rows = {}\ndecoys_per_thousand = {}\n",
            bit(0),
            bit(1),
            two(2) * 50
        );
        if two(4) > 0 {
            let (contributors, percent) = (two(4), 90 - 10 * two(4));
            writeln!(text, "dominance = {{ contributors = {contributors}, percent = {percent} }}").unwrap();
        }
        for (n, line) in [
            (6, "p_percent = 10"),
            (7, "partner_p_percent = 10"),
            (8, "minimum_population = 1000"),
            (9, "sensitive = [\"kind\"]"),
        ] {
            if bit(n) {
                writeln!(text, "{line}").unwrap();
            }
        }
        text
    }

    /// The odds that it says, which it may where records are linked.
    pub(super) fn odds(&self) -> Option<u32> {
        let links = self.grants.iter().any(|grant| grant.actions.contains(&ActionKind::Link));
        self.odds.filter(|_| links)
    }

    fn write_terms(&self, text: &mut String) {
        let methods = self.methods.iter().map(|method| format!("{method:?}").to_lowercase());
        write!(
            text,
            "[terms]\nk = {}\nrounding = 1\nmethods = {}\nzeros = \"publish\"\nfinest = {}\ntier = \"{}\"\n\
             onward = \"{}\"\nquery_budget = 10\n{}{}{}[forbid]\npurposes = {}\nlinks = {}\nrecipients = [{}]\n",
            self.k,
            list(methods),
            named(&LEVELS, &self.finest),
            if self.public_tier { "public" } else { "partners" },
            if self.onward { "recipients" } else { "none" },
            self.primary(),
            self.noise.as_ref().map_or_else(String::new, noise_table),
            self.odds().map_or_else(String::new, |odds| format!("[terms.links]\nodds = {odds}\n")),
            named(&PURPOSES, &self.forbid_purposes),
            named(&DATASETS, &self.forbid_links),
            self.forbid_recipients.iter().map(Pattern::toml).collect::<Vec<_>>().join(", "),
        )
        .unwrap();
        let first = ORGANISATIONS[self.first_party()];
        if let Some((actions, days)) = &self.optout {
            write!(
                text,
                "[optout]\nscheme = \"{SCHEME}\"\napplies = {}\napplied_by = \"{first}\"\nmax_age_days = {days}\n",
                list(actions)
            )
            .unwrap();
        }
        write!(
            text,
            "[retention]\nraw_days = 10\nderived_days = 20\nat_end = \"crypto-shred\"\nproof = \"p\"\n\
             [rights]\nlead = \"{first}\"\nerasure_hours = 1\nbreach_hours = 1\n\
             [control]\nsuspend = [\"{first}\"]\nresume = [\"{first}\"]\nterminate = [\"{first}\"]\n"
        )
        .unwrap();
    }
}

impl PlainGrant {
    fn write(&self, text: &mut String, number: usize) {
        let recipients = self.recipients.iter().map(|who| match who {
            Who::Public => "{ public = true }".to_owned(),
            Who::Partner(organisation, role) => {
                format!("{{ organisation = \"{}\", roles = [\"{role}\"] }}", ORGANISATIONS[*organisation])
            }
        });
        write!(
            text,
            "[[grant]]\nid = \"grant-{number}\"\npurposes = {}\nactions = {}\nrecipients = [{}]\ndatasets = {}\n\
             link_with = {}\n",
            named(&PURPOSES, &self.purposes),
            list(&self.actions),
            recipients.collect::<Vec<_>>().join(", "),
            named(&DATASETS, &self.datasets),
            named(&DATASETS, &self.link_with),
        )
        .unwrap();
    }
}

impl Pattern {
    fn toml(&self) -> String {
        match self {
            Self::Public => "{ public = true }".to_owned(),
            Self::Organisation(n) => format!("{{ organisation = \"{}\" }}", ORGANISATIONS[*n]),
            Self::Role(role) => format!("{{ roles = [\"{role}\"] }}"),
            Self::Both(n, role) => format!("{{ organisation = \"{}\", roles = [\"{role}\"] }}", ORGANISATIONS[*n]),
        }
    }
}
