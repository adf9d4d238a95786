//! An agreement as its file says it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::contract::{ColumnType, Role as ColumnRole, Treatment};
use model::{
    AgreementId, DatasetContract, DatasetId, DefinitionError, Digest, Exposure, Level as Unit, OrganisationId,
};
use model::{PeriodType, PurposeId, Tier, load};
use serde::{Deserialize, Serialize};

use crate::canonical::agreement_digest;
use crate::check;
use crate::date;
use crate::grant::{Grant, RecipientPattern};
use crate::level::{Level, Levels};
use crate::links::LinkTerms;
use crate::noise::NoiseTerms;
use crate::partnership::Partnership;
use crate::party::Party;
use crate::position::Locator;
use crate::primary::PrimaryRules;
use crate::principal::{ActionKind, Recipient, Role};
use crate::terms::{Forbids, Method, Onward, Terms, Zeros};

/// An agreement that has been read and checked against the partnership's register and the datasets' contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    file: String,
    digest: Digest,
    document: AgreementDocument,
    /// Who each grant names, in the order of the grants.
    recipients: Vec<BTreeSet<Recipient>>,
    levels: Levels,
    /// The parties, shared with every blocker that is for their eyes.
    audience: Arc<BTreeSet<OrganisationId>>,
}

/// The content of an agreement's file, table by table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementDocument {
    /// What it is and when it holds.
    pub agreement: Header,
    /// Who made it.
    #[serde(rename = "party")]
    pub parties: Vec<Party>,
    /// Why it is lawful.
    pub legal: Legal,
    /// What it is about.
    #[serde(rename = "dataset")]
    pub datasets: Vec<AgreedDataset>,
    /// What it allows; without any, nothing.
    #[serde(default, rename = "grant")]
    pub grants: Vec<Grant>,
    /// On which terms.
    pub terms: TermsClause,
    /// What it forbids whatever is granted.
    #[serde(default)]
    pub forbid: Forbid,
    /// Whose records must be left out.
    pub optout: Option<OptOut>,
    /// How long data are kept.
    pub retention: Retention,
    /// Who answers to the people concerned.
    pub rights: Rights,
    /// Who may suspend, resume and terminate.
    pub control: Control,
}

/// `[agreement]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The agreement.
    pub id: AgreementId,
    /// Its version, from 1.
    pub version: u32,
    /// Its name.
    pub title: String,
    /// Between whom, in law.
    pub kind: AgreementKind,
    /// The first day on which it holds (UTC).
    #[serde(deserialize_with = "date::date")]
    pub effective: Date,
    /// When the parties mean to look at it again.
    #[serde(deserialize_with = "date::date")]
    pub review_by: Date,
    /// The first day on which it no longer holds.
    #[serde(deserialize_with = "date::date")]
    pub expires: Date,
    /// The digest of the version that this one replaces.
    pub supersedes: Option<Digest>,
}

/// Between whom an agreement is, in law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementKind {
    /// The parties decide together (UK GDPR article 26).
    JointControllers,
    /// One controller discloses to others.
    ControllerToController,
    /// A processor works for a controller (UK GDPR article 28).
    ControllerToProcessor,
}

/// `[legal]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legal {
    /// The law that applies. Data under different regimes are never used together.
    pub regime: Regime,
    /// UK GDPR article 6(1) points, for example `["e"]`.
    #[serde(default)]
    pub article_6: Vec<String>,
    /// UK GDPR article 9(2) points, for health and other special categories.
    #[serde(default)]
    pub article_9: Vec<String>,
    /// The authority for criminal offence data, UK GDPR article 10.
    pub article_10: Option<String>,
    /// Conditions of the Data Protection Act 2018, schedule 1.
    #[serde(default)]
    pub schedule_1: Vec<String>,
    /// The power under which the supplier acts.
    pub power: String,
    /// The gateway through which it may disclose.
    pub gateway: String,
    /// How the duty of confidence is met.
    pub confidentiality: String,
    /// The impact assessment; required where rows are about people.
    pub dpia: Option<Dpia>,
    /// Where people are told.
    pub privacy_notice: String,
    /// Transfers outside the United Kingdom.
    pub transfers: String,
}

/// The law that applies to an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Regime {
    /// UK GDPR and part 2 of the Data Protection Act 2018.
    #[serde(rename = "uk-gdpr")]
    UkGdpr,
    /// Part 3 of the Data Protection Act 2018: law enforcement.
    #[serde(rename = "dpa-2018-part-3")]
    LawEnforcement,
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UkGdpr => "uk-gdpr",
            Self::LawEnforcement => "dpa-2018-part-3",
        })
    }
}

/// A data protection impact assessment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dpia {
    /// Its reference.
    pub id: String,
    /// Digest of the document.
    pub digest: Digest,
    /// When it is to be looked at again.
    #[serde(deserialize_with = "date::date")]
    pub review_by: Date,
}

/// `[[dataset]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreedDataset {
    /// The dataset.
    pub id: DatasetId,
    /// Open, with its source and licence, or controlled.
    pub exposure: Exposure,
    /// What one row is.
    pub level: Unit,
    /// What tells one row from another, in words.
    pub unit_key: String,
    /// How often a file comes, as the period that one covers.
    pub frequency: PeriodType,
    /// The first day that the data may be about.
    #[serde(deserialize_with = "date::date")]
    pub from: Date,
    /// The first day that they may not be about any more; absent is open-ended.
    #[serde(default, deserialize_with = "date::optional_date")]
    pub until: Option<Date>,
    /// Every column that may be taken, by its canonical name. A column that is not listed is never stored.
    pub columns: Vec<Column>,
}

/// A column that may be taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The canonical name, as in the dataset's contract.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// What it is for.
    pub role: ColumnRole,
    /// What must be done to it, at least.
    pub treatment: Treatment,
}

/// `[terms]`; the meaning of each is at [`Terms`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsClause {
    /// Least number of contributors shown.
    pub k: u32,
    /// Rounding base.
    pub rounding: u32,
    /// Accepted protection methods.
    pub methods: BTreeSet<Method>,
    /// What becomes of zeros.
    pub zeros: Zeros,
    /// The other primary rules.
    #[serde(default)]
    pub primary: PrimaryRules,
    /// How much noise figures get.
    pub noise: Option<NoiseTerms>,
    /// How much figures about linked records may tell.
    pub links: Option<LinkTerms>,
    /// Roles that approve each publication.
    #[serde(default)]
    pub approval: BTreeSet<Role>,
    /// The finest tables.
    pub finest: BTreeSet<Level>,
    /// The widest audience.
    pub tier: Tier,
    /// Passing on.
    pub onward: Onward,
    /// Ad-hoc releases an organisation a calendar year.
    pub query_budget: u32,
    /// Duties, in words.
    #[serde(default)]
    pub obligations: BTreeSet<String>,
}

/// `[forbid]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbid {
    /// Purposes.
    #[serde(default)]
    pub purposes: BTreeSet<PurposeId>,
    /// Datasets never to link with.
    #[serde(default)]
    pub links: BTreeSet<DatasetId>,
    /// Recipients.
    #[serde(default)]
    pub recipients: Vec<RecipientPattern>,
}

/// `[optout]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOut {
    /// The scheme, for example `national-data-opt-out`.
    pub scheme: String,
    /// The actions that need fresh evidence that opted-out people are left out.
    pub applies: BTreeSet<ActionKind>,
    /// The party that leaves them out.
    pub applied_by: OrganisationId,
    /// How old the evidence may be.
    pub max_age_days: u32,
}

/// `[retention]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that the supplier's files are kept.
    pub raw_days: u32,
    /// Days that the tables made of them are kept.
    pub derived_days: u32,
    /// What happens then.
    pub at_end: AtEnd,
    /// What proves it.
    pub proof: String,
}

/// What happens when retention ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtEnd {
    /// The key is destroyed.
    CryptoShred,
}

/// `[rights]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// The party that answers subject access requests.
    pub lead: OrganisationId,
    /// Hours within which an erasure is carried out.
    pub erasure_hours: u32,
    /// Hours within which a breach is told to the parties.
    pub breach_hours: u32,
}

/// `[control]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Parties that may suspend.
    pub suspend: BTreeSet<OrganisationId>,
    /// Parties that may resume.
    pub resume: BTreeSet<OrganisationId>,
    /// Parties that may terminate.
    pub terminate: BTreeSet<OrganisationId>,
}

impl Agreement {
    /// Reads an agreement and checks it against the register and the contracts: every purpose, party and column must
    /// be known, and every signature that is there must be good. Columns of a dataset without a contract yet are not
    /// checked: nothing can be ingested without one.
    ///
    /// # Errors
    /// Everything that is wrong, each with file, line and column; only the first where the text is not TOML or has an
    /// unknown key.
    pub fn parse(
        file: &str,
        text: &str,
        partnership: &Partnership,
        contracts: &BTreeMap<DatasetId, DatasetContract>,
    ) -> Result<Self, Vec<DefinitionError>> {
        let document = load::parse(file, text).map_err(|error| vec![error])?;
        Self::checked((file, text), document, partnership, contracts)
    }

    /// The same of a draft: its signatures, which may still be those of the version that it was written from, are not looked at.
    ///
    /// # Errors
    /// As [`Agreement::parse`].
    pub fn parse_draft(
        file: &str,
        text: &str,
        partnership: &Partnership,
        contracts: &BTreeMap<DatasetId, DatasetContract>,
    ) -> Result<Self, Vec<DefinitionError>> {
        let mut document: AgreementDocument = load::parse(file, text).map_err(|error| vec![error])?;
        document.parties.iter_mut().for_each(|party| party.signature = None);
        Self::checked((file, text), document, partnership, contracts)
    }

    fn checked(
        (file, text): (&str, &str),
        document: AgreementDocument,
        partnership: &Partnership,
        contracts: &BTreeMap<DatasetId, DatasetContract>,
    ) -> Result<Self, Vec<DefinitionError>> {
        let digest = agreement_digest(file, text).map_err(|error| vec![error])?;
        let agreement = Self::unchecked(file, digest, document);
        let errors = check::check(&agreement, partnership, contracts, &Locator::new(file, text));
        if errors.is_empty() { Ok(agreement) } else { Err(errors) }
    }

    /// What was read, before anything of it is checked.
    pub(crate) fn unchecked(file: &str, digest: Digest, document: AgreementDocument) -> Self {
        let recipients = document.grants.iter().map(|grant| grant.recipients(&document.parties)).collect();
        let levels = Levels::at_least_as_coarse_as(document.terms.finest.iter().copied());
        let audience = Arc::new(document.parties.iter().map(|party| party.id.clone()).collect());
        Self { file: file.to_owned(), digest, document, recipients, levels, audience }
    }

    /// The file it was read from, as the reader named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The digest of its canonical form, which is its identity.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Its content.
    #[must_use]
    pub const fn document(&self) -> &AgreementDocument {
        &self.document
    }

    /// Its name in messages, `fire-incidents@1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}@{}", self.document.agreement.id, self.document.agreement.version)
    }

    /// The entry of a dataset.
    #[must_use]
    pub fn dataset(&self, id: &DatasetId) -> Option<&AgreedDataset> {
        self.document.datasets.iter().find(|dataset| dataset.id == *id)
    }

    /// The entry of a party.
    #[must_use]
    pub fn party(&self, id: &OrganisationId) -> Option<&Party> {
        self.document.parties.iter().find(|party| party.id == *id)
    }

    /// The parties that have not signed yet.
    pub fn unsigned(&self) -> impl Iterator<Item = &Party> {
        self.document.parties.iter().filter(|party| party.signature.is_none())
    }

    /// Whether the day has come on which the parties meant to look at it again (UTC); an error in the calendar means yes.
    #[must_use]
    pub fn is_due_for_review(&self, now: Timestamp) -> bool {
        date::start_of(self.document.agreement.review_by).map_or(true, |due| now >= due)
    }

    /// Whom to ask about it: the data protection officer of the party that leads on people's rights.
    #[must_use]
    pub fn contact(&self) -> &str {
        self.party(&self.document.rights.lead).map_or("", |party| &party.contacts.dpo)
    }

    /// The grants, each with everyone it names.
    pub fn grants(&self) -> impl Iterator<Item = (&Grant, &BTreeSet<Recipient>)> {
        self.document.grants.iter().zip(&self.recipients)
    }

    /// How fine tables may be.
    #[must_use]
    pub const fn levels(&self) -> Levels {
        self.levels
    }

    /// The organisations that may read what it says.
    pub(crate) const fn audience(&self) -> &Arc<BTreeSet<OrganisationId>> {
        &self.audience
    }

    /// The terms under one of its grants.
    #[must_use]
    pub fn terms(&self, grant: &Grant, recipients: &BTreeSet<Recipient>) -> Terms {
        let AgreementDocument { agreement, terms, retention, forbid, .. } = &self.document;
        Terms {
            purposes: grant.purposes.clone(),
            recipients: recipients.clone(),
            actions: grant.actions.clone(),
            tier: terms.tier,
            expires: agreement.expires,
            query_budget: terms.query_budget,
            raw_days: retention.raw_days,
            derived_days: retention.derived_days,
            k: terms.k,
            rounding: terms.rounding,
            methods: terms.methods.clone(),
            zeros: terms.zeros,
            primary: terms.primary.clone(),
            noise: terms.noise,
            links: terms.links,
            approval: terms.approval.clone(),
            levels: self.levels(),
            onward: terms.onward,
            obligations: terms.obligations.clone(),
            forbids: Forbids {
                purposes: forbid.purposes.clone(),
                links: forbid.links.clone(),
                recipients: forbid.recipients.iter().cloned().collect(),
            },
        }
    }
}
