//! Whether an agreement makes sense: everything it names is known, and every signature in it is good.

use std::collections::{BTreeMap, BTreeSet};

use model::contract::{Role, Treatment};
use model::{DatasetContract, DatasetId, DefinitionError, Level as Unit, OrganisationId, PurposeId};

use crate::agreement::{AgreedDataset, Agreement, AgreementDocument, Regime};
use crate::grant::{Grant, RecipientPattern};
use crate::noise::NoiseTerms;
use crate::partnership::Partnership;
use crate::party::PartySignature;
use crate::position::Locator;
use crate::position::Step::{self, Index, Key, Text};
use crate::primary::{MOST_DECOYS, MOST_LARGEST};
use crate::principal::{self, ActionKind, Recipient};
use crate::terms::Method;
use crate::treatment::at_least_as_strict;

/// Greatest rounding base, and greatest threshold, that make sense for counts of a district.
const MAX_BASE: u32 = 1_000;

struct Checker<'a, 't> {
    agreement: &'a Agreement,
    partnership: &'a Partnership,
    contracts: &'a BTreeMap<DatasetId, DatasetContract>,
    locator: &'a Locator<'t>,
    errors: Vec<DefinitionError>,
}

/// Everything that is wrong with an agreement.
pub(crate) fn check(
    agreement: &Agreement,
    partnership: &Partnership,
    contracts: &BTreeMap<DatasetId, DatasetContract>,
    locator: &Locator<'_>,
) -> Vec<DefinitionError> {
    let mut checker = Checker { agreement, partnership, contracts, locator, errors: Vec::new() };
    checker.header();
    checker.parties();
    checker.legal();
    checker.datasets();
    checker.grants();
    checker.terms();
    checker.forbids();
    checker.named_parties();
    checker.errors
}

impl<'a> Checker<'a, '_> {
    fn document(&self) -> &'a AgreementDocument {
        self.agreement.document()
    }

    fn wrong(&mut self, path: &[Step<'_>], message: impl Into<String>) {
        self.errors.push(self.locator.error(path, message));
    }

    fn header(&mut self) {
        let header = &self.document().agreement;
        if header.version == 0 {
            self.wrong(&[Key("agreement"), Key("version")], "versions count from 1");
        }
        if header.expires <= header.effective {
            let message = format!("the agreement ends on {}, before it begins on {}", header.expires, header.effective);
            self.wrong(&[Key("agreement"), Key("expires")], message);
        }
        for (key, day) in [("effective", header.effective), ("expires", header.expires)] {
            if crate::date::start_of(day).is_err() {
                self.wrong(&[Key("agreement"), Key(key)], format!("`{day}` is outside the calendar"));
            }
        }
    }

    fn parties(&mut self) {
        let parties = &self.document().parties;
        for (index, party) in parties.iter().enumerate() {
            let at = |key| [Key("party"), Index(index), Key(key)];
            if self.partnership.organisation(&party.id).is_none() {
                let message = format!("`{}` is not registered: add it to the partnership's register first", party.id);
                self.wrong(&at("id"), message);
            } else if parties.iter().take(index).any(|other| other.id == party.id) {
                self.wrong(&at("id"), format!("`{}` is a party twice", party.id));
            }
            let Some(signature) = &party.signature else { continue };
            let message = PartySignature::message(&self.agreement.digest(), &party.id, &signature.by, signature.at);
            if !self.partnership.has_key(&party.id, &signature.key) {
                self.wrong(&at("signature"), format!("the key is not registered for `{}`", party.id));
            } else if !signature.key.verifies(message.as_bytes(), &signature.value) {
                let message = format!(
                    "the signature of `{}` is not over this text: the file was changed after signing; sign it again",
                    party.id
                );
                self.wrong(&at("signature"), message);
            }
        }
    }

    fn legal(&mut self) {
        let legal = &self.document().legal;
        let about_people = |dataset: &AgreedDataset| dataset.level == Unit::Person && !dataset.exposure.is_open();
        if !self.document().datasets.iter().any(about_people) {
            return;
        }
        if legal.regime == Regime::UkGdpr && legal.article_6.is_empty() {
            let message = "rows are about people: name the lawful basis, for example `article_6 = [\"e\"]`";
            self.wrong(&[Key("legal")], message);
        }
        if legal.dpia.is_none() {
            self.wrong(&[Key("legal")], "rows are about people: name the impact assessment, `[legal.dpia]`");
        }
    }

    fn datasets(&mut self) {
        let datasets = &self.document().datasets;
        if datasets.is_empty() {
            self.wrong(&[], "an agreement is about at least one dataset: add `[[dataset]]`");
        }
        for (index, dataset) in datasets.iter().enumerate() {
            let at = |key| [Key("dataset"), Index(index), Key(key)];
            if datasets.iter().take(index).any(|other| other.id == dataset.id) {
                self.wrong(&at("id"), format!("`{}` is listed twice", dataset.id));
            }
            let supplier = dataset.id.organisation();
            if !dataset.exposure.is_open() && !supplier.is_ok_and(|id| self.agreement.party(&id).is_some()) {
                let message = format!("the supplier of `{}` is not a party: only it can agree to share it", dataset.id);
                self.wrong(&at("id"), message);
            }
            self.columns(index, dataset);
        }
    }

    fn columns(&mut self, index: usize, dataset: &AgreedDataset) {
        let contract = self.contracts.get(&dataset.id);
        if let Some(contract) = contract {
            let at = |key| [Key("dataset"), Index(index), Key(key)];
            if contract.exposure != dataset.exposure {
                self.wrong(
                    &at("exposure"),
                    "the dataset's contract says otherwise: open and controlled must agree, and source and licence",
                );
            }
            if contract.level != dataset.level {
                self.wrong(&at("level"), "the dataset's contract says otherwise: what one row is must agree");
            }
        }
        // Without it every row would seem to have come by way of the supplier.
        if let Some(partner) = contract.and_then(|contract| contract.partner.as_ref())
            && !dataset.columns.iter().any(|column| column.name == *partner)
        {
            let message = format!(
                "the contract of `{}` tells partners apart by `{partner}`, so that what each knows can be protected: agree that column",
                dataset.id
            );
            self.wrong(&[Key("dataset"), Index(index), Key("columns")], message);
        }
        let known = contract.map(known_columns);
        for (position, column) in dataset.columns.iter().enumerate() {
            let path = [Key("dataset"), Index(index), Key("columns"), Index(position)];
            if dataset.columns.iter().take(position).any(|other| other.name == column.name) {
                self.wrong(&path, format!("column `{}` is listed twice", column.name));
            }
            let Some(known) = &known else { continue };
            match known.get(column.name.as_str()) {
                None => {
                    let names: Vec<_> = known.keys().copied().collect();
                    let message = format!(
                        "the contract of `{}` has no column `{}`: it has {}",
                        dataset.id,
                        column.name,
                        names.join(", ")
                    );
                    self.wrong(&path, message);
                }
                Some(actual) if !at_least_as_strict(*actual, column.treatment) => {
                    let message = format!(
                        "column `{}` must be treated as {:?} at least, but the contract says {actual:?}",
                        column.name, column.treatment
                    );
                    self.wrong(&path, message);
                }
                Some(_) => {}
            }
        }
    }

    fn grants(&mut self) {
        let grants = &self.document().grants;
        for (index, grant) in grants.iter().enumerate() {
            let at = |key| [Key("grant"), Index(index), Key(key)];
            if grants.iter().take(index).any(|other| other.id == grant.id) {
                self.wrong(&at("id"), format!("two grants are named `{}`", grant.id));
            }
            for (key, empty) in [
                ("purposes", grant.purposes.is_empty()),
                ("actions", grant.actions.is_empty()),
                ("recipients", grant.recipients.is_empty()),
                ("datasets", grant.datasets.is_empty()),
            ] {
                if empty {
                    self.wrong(&at(key), format!("a grant without {key} grants nothing: name at least one"));
                }
            }
            self.purposes(&at("purposes"), &grant.purposes);
            for dataset in grant.datasets.iter().filter(|id| self.agreement.dataset(id).is_none()) {
                let path = [Key("grant"), Index(index), Key("datasets"), Text(dataset.as_str())];
                self.wrong(&path, format!("`{dataset}` is not a dataset of this agreement"));
            }
            if !grant.link_with.is_empty() && !grant.actions.contains(&ActionKind::Link) {
                self.wrong(&at("link_with"), "`link_with` needs the action `link`");
            }
            self.grant_recipients(index, grant);
            self.suppliers(index, grant);
        }
    }

    /// An organisation sends what it supplies itself; beside it, only an operator of the partnership does. Otherwise a
    /// grant that names several suppliers and the datasets of all of them would let each overwrite what the others sent.
    fn suppliers(&mut self, index: usize, grant: &Grant) {
        if !grant.actions.contains(&ActionKind::Ingest) {
            return;
        }
        let recipients = grant.recipients(&self.document().parties);
        let partnership = &self.partnership.partnership.id;
        for dataset in &grant.datasets {
            let supplier = dataset.organisation().ok();
            let sends_for_others = |recipient: &&Recipient| match recipient {
                Recipient::Partner { organisation, role } => {
                    role.permits(ActionKind::Ingest)
                        && Some(organisation) != supplier.as_ref()
                        && !(*role == principal::Role::Operator && organisation == partnership)
                }
                Recipient::Public => false,
            };
            let Some(other) = recipients.iter().find(sends_for_others) else { continue };
            let path = [Key("grant"), Index(index), Key("datasets"), Text(dataset.as_str())];
            let message = format!(
                "`{other}` may not send in `{dataset}`: only its supplier may, and an operator of `{partnership}`; \
                 write one grant of `ingest` for each supplier"
            );
            self.wrong(&path, message);
        }
    }

    fn purposes(&mut self, path: &[Step<'_>], purposes: &BTreeSet<PurposeId>) {
        for purpose in purposes.iter().filter(|id| !self.partnership.has_purpose(id)) {
            let mut path = path.to_vec();
            path.push(Text(purpose.as_str()));
            let known: Vec<_> = self.partnership.purposes.iter().map(|known| known.id.as_str()).collect();
            self.wrong(&path, format!("purpose `{purpose}` is not registered: use {}", known.join(", ")));
        }
    }

    fn grant_recipients(&mut self, index: usize, grant: &Grant) {
        for (position, pattern) in grant.recipients.iter().enumerate() {
            let path = [Key("grant"), Index(index), Key("recipients"), Index(position)];
            let RecipientPattern { organisation, membership, roles, public } = pattern;
            let partner = organisation.is_some() || membership.is_some() || !roles.is_empty();
            if *public == partner {
                self.wrong(&path, "write `{ public = true }`, or an organisation or membership with its roles");
            } else if partner && (organisation.is_some() == membership.is_some() || roles.is_empty()) {
                self.wrong(&path, "name either an organisation or a membership, and at least one role");
            }
            // The supplier of open data signs nothing, and may still send them.
            let sends = |id: &&OrganisationId| {
                let open = self.document().datasets.iter().filter(|dataset| dataset.exposure.is_open());
                open.filter_map(|dataset| dataset.id.organisation().ok()).any(|supplier| supplier == **id)
            };
            match organisation.as_ref().filter(sends) {
                Some(id) if self.partnership.organisation(id).is_none() => {
                    self.wrong(&path, format!("`{id}` is not registered"));
                }
                Some(_) => {}
                None => self.party(&path, organisation.as_ref()),
            }
        }
    }

    fn terms(&mut self) {
        let terms = &self.document().terms;
        let open = self.document().datasets.iter().all(|dataset| dataset.exposure.is_open());
        if terms.k == 0 || terms.k > MAX_BASE || (terms.k < 3 && !open) {
            let message = format!("k is 3 to {MAX_BASE} for controlled data, and may be 1 for open data only");
            self.wrong(&[Key("terms"), Key("k")], message);
        }
        if terms.rounding == 0 || terms.rounding > MAX_BASE {
            self.wrong(&[Key("terms"), Key("rounding")], format!("rounding is 1 (none) to {MAX_BASE}"));
        }
        if terms.methods.is_empty() {
            self.wrong(&[Key("terms"), Key("methods")], "accept at least one method: `suppress` or `perturb`");
        }
        self.approval(open);
        self.primary();
        self.noise();
        self.links();
    }

    /// Approval is by whoever looks at tables, and whoever answers for data protection.
    fn approval(&mut self, open: bool) {
        let may_approve = |role| matches!(role, principal::Role::Reviewer | principal::Role::Governance);
        let approval = &self.document().terms.approval;
        let at = [Key("terms"), Key("approval")];
        if let Some(role) = approval.iter().find(|role| !may_approve(**role)) {
            let message = format!("`{role}` approves nothing: name `reviewer`, `governance` or both");
            self.wrong(&at, message);
        }
        if open && !approval.is_empty() {
            self.wrong(&at, "open data are public already, so that there is nothing to approve: leave it out");
        }
    }

    fn primary(&mut self) {
        let primary = &self.document().terms.primary;
        let at = |key| [Key("terms"), Key("primary"), Key(key)];
        if primary.decoys_per_thousand > MOST_DECOYS {
            self.wrong(
                &at("decoys_per_thousand"),
                format!("0 to {MOST_DECOYS} of 1,000 cells can be withheld at random"),
            );
        }
        let percent = |percent: u8| (1..=100).contains(&percent);
        if let Some(share) = primary.dominance
            && !((1..=MOST_LARGEST).contains(&share.contributors) && percent(share.percent))
        {
            let message = format!("dominance is of 1 to {MOST_LARGEST} contributors, and 1 to 100 percent");
            self.wrong(&at("dominance"), message);
        }
        for (key, p) in [("p_percent", primary.p_percent), ("partner_p_percent", primary.partner_p_percent)] {
            if p.is_some_and(|p| !percent(p)) {
                self.wrong(&at(key), "p is 1 to 100 percent; leave it out for no limit");
            }
        }
        self.told_apart();
        let known = self.document().datasets.iter().flat_map(summed_or_told_apart).collect::<BTreeSet<&str>>();
        for name in primary.sensitive.iter().filter(|name| !known.contains(name.as_str())) {
            let [terms, primary, key] = at("sensitive");
            let names = known.iter().copied().collect::<Vec<_>>().join(", ");
            let message = format!("`{name}` is no dimension or measure of these datasets: they have {names}");
            self.wrong(&[terms, primary, key, Text(name)], message);
        }
    }

    /// Noise is said where it is all that protects data, and nowhere where it would do nothing. Where `suppress` is accepted too, that
    /// is used: then an agreement may leave open how much noise others ask for.
    fn noise(&mut self) {
        let terms = &self.document().terms;
        let controlled = self.document().datasets.iter().find(|dataset| !dataset.exposure.is_open());
        match (terms.noise, controlled) {
            (Some(_), _) if !terms.methods.contains(&Method::Perturb) => {
                let message = "`methods` does not accept `perturb`, so that no noise is added: accept it, or leave this table out";
                self.wrong(&[Key("terms"), Key("noise")], message);
            }
            (None, Some(dataset)) if Method::used(&terms.methods) == Some(Method::Perturb) => {
                let message = format!(
                    "`perturb` is the only method, and nothing says how much noise protects `{}`: add `[terms.noise]`, or accept \
                     `suppress`",
                    dataset.id
                );
                self.wrong(&[Key("terms"), Key("methods")], message);
            }
            _ => {}
        }
        for (key, message) in terms.noise.map(NoiseTerms::mistakes).into_iter().flatten() {
            self.wrong(&[Key("terms"), Key("noise"), Key(key)], message);
        }
    }

    fn links(&mut self) {
        let Some(terms) = self.document().terms.links else { return };
        if !self.document().grants.iter().any(|grant| grant.actions.contains(&ActionKind::Link)) {
            let message =
                "no grant has the action `link`, so that no records are linked: grant it, or leave this table out";
            self.wrong(&[Key("terms"), Key("links")], message);
        }
        if let Some((key, message)) = terms.mistakes() {
            self.wrong(&[Key("terms"), Key("links"), Key(key)], message);
        }
    }

    /// Rules on shares of single contributors or partners hold of nothing where nobody is told apart: they would seem to.
    fn told_apart(&mut self) {
        let document = self.document();
        let primary = &document.terms.primary;
        let at = |key| [Key("terms"), Key("primary"), Key(key)];
        let shares = [
            ("dominance", primary.dominance.is_some()),
            ("p_percent", primary.p_percent.is_some()),
            ("partner_p_percent", primary.partner_p_percent.is_some()),
        ];
        for dataset in document.datasets.iter().filter(|dataset| !dataset.exposure.is_open()) {
            let figures = dataset.level == Unit::Aggregate;
            for (key, _) in shares.iter().filter(|(_, asked)| *asked && figures) {
                let message = format!(
                    "rows of `{}` are figures of areas, which do not say who is behind them: agree it apart, without this rule",
                    dataset.id
                );
                self.wrong(&at(key), message);
            }
            let partners = self.contracts.get(&dataset.id).is_none_or(|contract| contract.partner.is_some());
            if primary.partner_p_percent.is_some() && !figures && !partners {
                let message =
                    format!("the contract of `{}` names no `partner`: agree it apart, without this rule", dataset.id);
                self.wrong(&at("partner_p_percent"), message);
            }
        }
    }

    fn forbids(&mut self) {
        let forbid = &self.document().forbid;
        self.purposes(&[Key("forbid"), Key("purposes")], &forbid.purposes);
        for (index, pattern) in forbid.recipients.iter().enumerate() {
            let path = [Key("forbid"), Key("recipients"), Index(index)];
            let RecipientPattern { organisation, membership, roles, public } = pattern;
            let partner = organisation.is_some() || !roles.is_empty();
            if membership.is_some() || *public == partner {
                self.wrong(&path, "forbid `{ public = true }`, an organisation, roles, or both");
            }
            if let Some(id) = organisation.as_ref().filter(|id| self.partnership.organisation(id).is_none()) {
                self.wrong(&path, format!("`{id}` is not registered"));
            }
        }
    }

    fn named_parties(&mut self) {
        let document = self.document();
        self.party(&[Key("rights"), Key("lead")], Some(&document.rights.lead));
        if let Some(optout) = &document.optout {
            self.party(&[Key("optout"), Key("applied_by")], Some(&optout.applied_by));
        }
        let control = &document.control;
        for (key, named) in
            [("suspend", &control.suspend), ("resume", &control.resume), ("terminate", &control.terminate)]
        {
            if named.is_empty() {
                self.wrong(&[Key("control"), Key(key)], format!("name at least one party that may {key}"));
            }
            for id in named {
                self.party(&[Key("control"), Key(key), Text(id.as_str())], Some(id));
            }
        }
    }

    fn party(&mut self, path: &[Step<'_>], id: Option<&OrganisationId>) {
        if let Some(id) = id.filter(|id| self.agreement.party(id).is_none()) {
            self.wrong(path, format!("`{id}` is not a party to this agreement: add a `[[party]]` or correct the name"));
        }
    }
}

/// The agreed dimensions and measures of a dataset.
fn summed_or_told_apart(dataset: &AgreedDataset) -> impl Iterator<Item = &str> {
    let columns = dataset.columns.iter().filter(|column| matches!(column.role, Role::Dimension | Role::Measure));
    let counted = (dataset.level != Unit::Aggregate).then_some("count");
    columns.map(|column| column.name.as_str()).chain(counted)
}

/// The canonical columns of a contract with their treatment. What a wide file is turned into is kept as it is, and a
/// counted row has a `count`.
fn known_columns(contract: &DatasetContract) -> BTreeMap<&str, Treatment> {
    let derived = contract.dimensions().into_iter().chain(contract.measures());
    let mut known: BTreeMap<_, _> = derived.map(|name| (name, Treatment::Keep)).collect();
    known.extend(contract.columns.iter().map(|column| (column.name.as_str(), column.treatment)));
    known
}
