//! Worlds as what their files are read to, without writing, signing and reading them: so that many can be asked. That it is the
//! same is a test here, and a share of all random worlds takes the long way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::contract::{ColumnType, Role as ColumnRole, Treatment};
use model::{DatasetId, DefinitionError, Digest, Exposure, Level as Unit, OrganisationId, PeriodType, PurposeId, Tier};
use proptest::strategy::{Strategy as _, ValueTree as _};

use super::random::world;
use super::world::*;
use crate::canonical::sha256;
use crate::*;

static PARTNERSHIP: LazyLock<Partnership> =
    LazyLock::new(|| Partnership::parse("partnership.toml", &register()).unwrap());
static PURPOSE_IDS: LazyLock<Vec<PurposeId>> = LazyLock::new(|| PURPOSES.map(|id| id.parse().unwrap()).into());
static DATASET_IDS: LazyLock<Vec<DatasetId>> = LazyLock::new(|| DATASETS.map(|id| id.parse().unwrap()).into());
static ORGANISATION_IDS: LazyLock<Vec<OrganisationId>> =
    LazyLock::new(|| ORGANISATIONS.map(|id| id.parse().unwrap()).into());
static FINEST: LazyLock<Vec<Level>> = LazyLock::new(|| LEVELS.map(|level| level.parse().unwrap()).into());
/// Not over anything: nobody looks at it.
static NO_SIGNATURE: LazyLock<(PublicKey, SignatureBytes)> = LazyLock::new(|| {
    let key = demo::signing_key(&ORGANISATION_IDS[0]);
    (PublicKey::of(&key), SignatureBytes::sign(&key, b""))
});

impl World {
    /// The same world, by way of its files or directly.
    pub(super) fn open(&self, written: bool) -> Loaded {
        if written { self.load() } else { self.build() }
    }

    fn build(&self) -> Loaded {
        let agreements: Vec<_> = self.agreements.iter().enumerate().map(|(n, plain)| plain.agreement(n)).collect();
        let digests = agreements.iter().map(|(agreement, _)| agreement.digest()).collect();
        let fault = |n: &usize| (DATASET_IDS[*n].clone(), vec![DefinitionError::whole("faulty.toml", "not TOML")]);
        let closed: BTreeMap<_, _> = self.faulty.iter().map(fault).collect();
        let registry = Registry::unchecked(PARTNERSHIP.clone(), agreements, closed);
        Loaded { snapshot: registry.snapshot().clone(), digests }
    }
}

fn date(days: i64) -> Date {
    instant(days * 24).to_zoned(TimeZone::UTC).date()
}

fn purposes(numbers: &BTreeSet<usize>) -> BTreeSet<PurposeId> {
    numbers.iter().map(|n| PURPOSE_IDS[*n].clone()).collect()
}

fn datasets(numbers: &BTreeSet<usize>) -> BTreeSet<DatasetId> {
    numbers.iter().map(|n| DATASET_IDS[*n].clone()).collect()
}

impl Plain {
    fn agreement(&self, index: usize) -> (Agreement, EventLog) {
        let digest = sha256(&format!("{index} {self:?}"));
        let agreement = Agreement::unchecked(&format!("agreement-{index}.toml"), digest, self.document(index));
        (agreement, self.log(digest))
    }

    fn log(&self, digest: Digest) -> EventLog {
        let mut previous = digest;
        let event = |(kind, hour): &(EventKind, i64)| {
            let event = Event {
                kind: *kind,
                at: instant(*hour),
                by: ORGANISATION_IDS[self.first_party()].clone(),
                reason: "test".to_owned(),
                agreement: digest,
                previous,
                key: NO_SIGNATURE.0,
                signature: NO_SIGNATURE.1,
            };
            previous = event.digest();
            event
        };
        EventLog::unchecked(self.events.iter().map(event).collect())
    }

    fn document(&self, index: usize) -> AgreementDocument {
        let words = str::to_owned;
        let first = ORGANISATION_IDS[self.first_party()].clone();
        let control = BTreeSet::from([first.clone()]);
        AgreementDocument {
            agreement: Header {
                id: format!("agreement-{index}").parse().unwrap(),
                version: 1,
                title: words("test"),
                kind: AgreementKind::JointControllers,
                effective: date(self.effective),
                review_by: jiff::civil::date(2030, 1, 1),
                expires: date(self.expires),
                supersedes: None,
            },
            parties: self.parties().into_iter().map(party).collect(),
            legal: Legal {
                regime: if self.law_enforcement { Regime::LawEnforcement } else { Regime::UkGdpr },
                article_6: vec![],
                article_9: vec![],
                article_10: None,
                schedule_1: vec![],
                power: words("p"),
                gateway: words("g"),
                confidentiality: words("c"),
                dpia: None,
                privacy_notice: words("n"),
                transfers: words("t"),
            },
            datasets: self.datasets.iter().map(|n| dataset(*n, self.from_years[*n])).collect(),
            grants: self.grants.iter().enumerate().map(|(number, grant)| grant.grant(number)).collect(),
            terms: self.terms(),
            forbid: Forbid {
                purposes: purposes(&self.forbid_purposes),
                links: datasets(&self.forbid_links),
                recipients: self.forbid_recipients.iter().map(Pattern::pattern).collect(),
            },
            optout: self.optout.as_ref().map(|(applies, days)| OptOut {
                scheme: SCHEME.to_owned(),
                applies: applies.clone(),
                applied_by: first.clone(),
                max_age_days: u32::try_from(*days).unwrap(),
            }),
            retention: Retention { raw_days: 10, derived_days: 20, at_end: AtEnd::CryptoShred, proof: words("p") },
            rights: Rights { lead: first, erasure_hours: 1, breach_hours: 1 },
            control: Control { suspend: control.clone(), resume: control.clone(), terminate: control },
        }
    }

    fn terms(&self) -> TermsClause {
        TermsClause {
            k: self.k,
            rounding: 1,
            methods: self.methods.clone(),
            zeros: Zeros::Publish,
            primary: self.rules(),
            noise: self.noise.map(|[largest, variance, least_shown, stays, guess]| NoiseTerms {
                largest,
                variance,
                least_shown,
                stays_per_thousand: u16::try_from(stays).unwrap(),
                guess_per_thousand: u16::try_from(guess).unwrap(),
            }),
            links: self.odds().map(|odds| LinkTerms { odds }),
            approval: BTreeSet::new(),
            finest: self.finest.iter().map(|n| FINEST[*n]).collect(),
            tier: if self.public_tier { Tier::Public } else { Tier::Partners },
            onward: if self.onward { Onward::Recipients } else { Onward::None },
            query_budget: 10,
            obligations: BTreeSet::new(),
        }
    }

    fn rules(&self) -> PrimaryRules {
        let (bit, two) = (|n: u16| self.primary >> n & 1 == 1, |n: u16| self.primary >> n & 3);
        let largest = u8::try_from(two(4)).unwrap();
        PrimaryRules {
            decoys_per_thousand: two(2) * 50,
            own_records: bit(0),
            own_rows: bit(1),
            dominance: (largest > 0).then(|| LargestShare { contributors: largest, percent: 90 - 10 * largest }),
            p_percent: bit(6).then_some(10),
            partner_p_percent: bit(7).then_some(10),
            minimum_population: if bit(8) { 1_000 } else { 0 },
            sensitive: bit(9).then(|| "kind".to_owned()).into_iter().collect(),
        }
    }
}

fn party(number: usize) -> Party {
    let id = ORGANISATION_IDS[number].clone();
    let dpo = format!("dpo@{id}.example.org");
    Party {
        id,
        role: PartyRole::Controller,
        membership: Membership::Full,
        contacts: Contacts { ico: "Z0".to_owned(), dpo, caldicott: None, siro: "siro".to_owned() },
        assurance: Assurance { scheme: "s".to_owned(), level: "l".to_owned(), until: jiff::civil::date(2030, 1, 1) },
        signature: None,
    }
}

fn dataset(number: usize, from_year: i32) -> AgreedDataset {
    AgreedDataset {
        id: DATASET_IDS[number].clone(),
        exposure: Exposure::Controlled,
        level: Unit::Event,
        unit_key: "u".to_owned(),
        frequency: PeriodType::Month,
        from: jiff::civil::date(i16::try_from(from_year).unwrap(), 1, 1),
        until: None,
        columns: vec![Column {
            name: "kind".to_owned(),
            column_type: ColumnType::Text,
            role: ColumnRole::Dimension,
            treatment: Treatment::Keep,
        }],
    }
}

impl PlainGrant {
    fn grant(&self, number: usize) -> Grant {
        let recipient = |who: &Who| match who {
            Who::Public => RecipientPattern { public: true, ..RecipientPattern::nobody() },
            Who::Partner(n, role) => RecipientPattern {
                organisation: Some(ORGANISATION_IDS[*n].clone()),
                roles: [*role].into(),
                ..RecipientPattern::nobody()
            },
        };
        Grant {
            id: format!("grant-{number}"),
            purposes: purposes(&self.purposes),
            actions: self.actions.clone(),
            recipients: self.recipients.iter().map(recipient).collect(),
            datasets: datasets(&self.datasets),
            link_with: datasets(&self.link_with),
        }
    }
}

impl RecipientPattern {
    const fn nobody() -> Self {
        Self { organisation: None, membership: None, roles: BTreeSet::new(), public: false }
    }
}

impl Pattern {
    fn pattern(&self) -> RecipientPattern {
        let (organisation, role) = match self {
            Self::Public => return RecipientPattern { public: true, ..RecipientPattern::nobody() },
            Self::Organisation(n) => (Some(*n), None),
            Self::Role(role) => (None, Some(*role)),
            Self::Both(n, role) => (Some(*n), Some(*role)),
        };
        RecipientPattern {
            organisation: organisation.map(|n| ORGANISATION_IDS[n].clone()),
            roles: role.into_iter().collect(),
            ..RecipientPattern::nobody()
        }
    }
}

/// An agreement without its signatures, which say nothing that is decided from once they are verified.
fn unsigned(agreement: &Agreement) -> AgreementDocument {
    let mut document = agreement.document().clone();
    for party in &mut document.parties {
        party.signature = None;
    }
    document
}

fn happened(log: &EventLog) -> Vec<(EventKind, jiff::Timestamp, OrganisationId)> {
    log.events().iter().map(|event| (event.kind, event.at, event.by.clone())).collect()
}

#[test]
fn a_world_is_what_its_files_are_read_to() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..100 {
        let world = world().new_tree(&mut runner).unwrap().current();
        let (read, built) = (world.load(), world.build());
        assert_eq!(read.digests.len(), built.digests.len());
        for (a, b) in read.digests.iter().zip(&built.digests) {
            let of = |loaded: &Loaded, digest| {
                let (snapshot, agreement) = (&loaded.snapshot, loaded.snapshot.agreement(digest).unwrap());
                let levels = agreement.levels();
                let recipients: Vec<_> = agreement.grants().map(|(_, recipients)| recipients.clone()).collect();
                (unsigned(agreement), happened(snapshot.events(digest).unwrap()), levels, recipients)
            };
            assert_eq!(of(&read, a), of(&built, b));
        }
        for dataset in DATASET_IDS.iter() {
            let closed = |loaded: &Loaded| !loaded.snapshot.faults(dataset).is_empty();
            assert_eq!(closed(&read), closed(&built), "{dataset}");
        }
    }
}
