//! What a release stands on. It is stored with the plan, encrypted in the same ledger entry, so that what is said about
//! published figures is always what is true of them and not of whatever was taken in since.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{Governing, Level, OptOutEvidence, Snapshot};
use catalog::{DatasetVersion, OptOutDeclaration};
use engine::{GroupRequest, TableSpec};
use geography::Gazetteer;
use model::{AreaType, BoundaryYear, DatasetId, Digest, Period, PeriodType, ViewId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::links::Linked;
use super::noise::Grammar;
use super::placing::Located;
use crate::opt_outs;
use crate::state::digest_of;

/// What a group's released cells stand on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basis {
    /// Digest over everything that the tables depend on.
    pub(crate) revision: Digest,
    /// Digest over the rules of the plan.
    pub(super) policy: Digest,
    /// Digest of the geography.
    pub(super) geography: Digest,
    /// Vintage of the areas of each type.
    pub(crate) boundary_years: BTreeMap<AreaType, BoundaryYear>,
    /// How its figures got to their areas.
    pub(super) located: Located,
    /// Whether the figures were open before.
    pub(crate) open: bool,
    /// The partitions, by period.
    pub(crate) partitions: Vec<Partition>,
    /// The views that may be shown of it.
    pub(crate) views: BTreeSet<ViewId>,
    /// What is sensitive of it: a mark on such a cell says nothing about zeros, on others it does.
    #[serde(default)]
    pub(crate) sensitive: BTreeSet<String>,
    /// Digest over what everybody knows that its counts are at most; `None` where nothing is known.
    #[serde(default)]
    pub(super) bounds: Option<Digest>,
    /// What the areas of each type that a table was decided by are made of; nothing in entries that were written before this was kept.
    #[serde(default)]
    pub(super) areas: BTreeMap<AreaType, Digest>,
    /// Measures that are parts of others, each with its whole.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, String>,
    /// The partners by way of whom its rows came, in the order of their numbers.
    #[serde(default)]
    pub(crate) partners: Vec<String>,
    /// Everything that was ever registered to be asked for, where noise is added to figures; `None` where cells are withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grammar: Option<Grammar>,
    /// Whose records are linked, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) linked: Option<Linked>,
    /// Every table that any plan of the group ever decided: all of them stay in the universe.
    pub(crate) tables: Vec<Registration>,
}

/// A partition as it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partition {
    pub(crate) version: Uuid,
    pub(crate) period: Period,
    pub(crate) agreements: BTreeSet<Digest>,
    /// What its sender declared about opt-outs.
    pub(crate) opt_outs: Option<OptOutDeclaration>,
}

/// A table that was decided, whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Identity of what is summed.
    pub(crate) measure: String,
    pub(crate) column: String,
    pub(crate) filter: BTreeMap<String, Vec<String>>,
    pub(crate) area_type: AreaType,
    pub(crate) period_type: PeriodType,
    pub(crate) periods: Vec<Period>,
    /// Dimensions, each with its categories.
    pub(crate) by: Vec<(String, Vec<String>)>,
}

impl Registration {
    pub(super) fn of(table: &TableSpec) -> Self {
        Self {
            measure: table.measure.id.to_string(),
            column: table.measure.column.clone(),
            filter: table.measure.filter.clone(),
            area_type: table.areas.area_type,
            period_type: table.period_type,
            periods: table.periods.clone(),
            by: table.by.iter().map(|dimension| (dimension.name.clone(), dimension.categories.clone())).collect(),
        }
    }
}

impl Registration {
    /// Whether it shows the same, of whatever periods.
    fn is_as(&self, other: &Self) -> bool {
        let Self { measure, column, filter, area_type, period_type, periods: _, by } = self;
        (measure, column, filter, area_type, period_type, by)
            == (&other.measure, &other.column, &other.filter, &other.area_type, &other.period_type, &other.by)
    }

    /// Whether a dimension or measure has a part in it.
    fn uses(&self, name: &str) -> bool {
        self.column == name || self.filter.contains_key(name) || self.by.iter().any(|(dimension, _)| dimension == name)
    }
}

impl Partition {
    pub(super) fn of(version: &DatasetVersion) -> Self {
        let facts = &version.facts;
        Self {
            version: facts.id,
            period: facts.period,
            agreements: facts.agreements.clone(),
            opt_outs: facts.opt_outs.clone(),
        }
    }

    /// What governs some of a dataset together.
    pub(super) fn governing<'a>(dataset: DatasetId, partitions: impl IntoIterator<Item = &'a Self>) -> Governing {
        let agreements = partitions.into_iter().flat_map(|partition| partition.agreements.iter().copied()).collect();
        Governing { dataset, agreements }
    }
}

impl Basis {
    /// Why nothing can be released after this that stands on another: what is out already would mean something else.
    pub(super) fn cannot_become(&self, next: &Self) -> Option<String> {
        if self.open || next.open {
            return None;
        }
        if self.linked.is_some() != next.linked.is_some() {
            return Some(
                "under its name figures are out that were counted in another way: give what is new another name"
                    .to_owned(),
            );
        }
        if self.grammar.is_some() != next.grammar.is_some() {
            return Some(
                "its figures are out by the other method, `suppress` or `perturb`, and nobody proved what both say together: agree on the one that it was published by"
                    .to_owned(),
            );
        }
        if let Some(area_type) = self.other_areas(next) {
            return Some(other_areas(area_type));
        }
        if let Some((part, whole)) = self.other_parts(next) {
            return Some(format!(
                "`{part}` and `{whole}` are out already, and whether one is part of the other was said otherwise at its last release, so that their figures were not protected together: put `part_of` (or `range`) in its contract back as it was"
            ));
        }
        let mut changed = self.sensitive.symmetric_difference(&next.sensitive);
        // A column that no decided table is about has given no mark a meaning.
        if changed.any(|name| self.tables.iter().any(|table| table.uses(name))) {
            return Some(
                "what is sensitive differs from its last release, so that marks would change their meaning".to_owned(),
            );
        }
        if !next.partners.starts_with(&self.partners) {
            return Some(
                "its contract lists partners in another order than at its last release: add new ones at the end"
                    .to_owned(),
            );
        }
        None
    }

    /// A type of area by which a table was decided and whose areas are others now. Where nobody wrote down what they were, only the
    /// geography as a whole tells: another one may have the same areas, but nothing says so.
    fn other_areas(&self, next: &Self) -> Option<AreaType> {
        let differs = |area_type: &AreaType| match self.areas.get(area_type) {
            Some(known) => next.areas.get(area_type) != Some(known),
            None => self.geography != next.geography,
        };
        self.area_types().find(differs)
    }

    /// The types of areas that figures were decided by.
    fn area_types(&self) -> impl Iterator<Item = AreaType> + '_ {
        let registered = self.grammar.iter().flat_map(|grammar| grammar.areas.iter().copied());
        self.tables.iter().filter(|table| !table.periods.is_empty()).map(|table| table.area_type).chain(registered)
    }

    /// How fine what was decided is.
    pub(crate) fn levels(&self) -> BTreeSet<Level> {
        let tables = self.tables.iter().map(|table| Level::new(table.area_type, table.period_type));
        tables.chain(self.grammar.iter().flat_map(Grammar::levels)).collect()
    }

    /// A type of area by which figures are out and whose areas are others in a geography; nothing where nobody wrote down what they were.
    pub(crate) fn areas_changed_by(&self, gazetteer: &Gazetteer) -> Option<AreaType> {
        let differs = |area_type: &AreaType| {
            self.areas.get(area_type).is_some_and(|known| *known != digest_of_areas(gazetteer, *area_type))
        };
        self.area_types().filter(|_| !self.open).find(differs)
    }

    /// Two columns that are both out and are related otherwise now.
    fn other_parts(&self, next: &Self) -> Option<(&str, &str)> {
        let columns: BTreeSet<&str> = self.tables.iter().map(|table| table.column.as_str()).collect();
        let pairs = columns.iter().flat_map(|part| columns.iter().map(move |whole| (*part, *whole)));
        pairs.filter(|(part, whole)| part != whole).find(|pair| self.is_part(*pair) != next.is_part(*pair))
    }

    fn is_part(&self, (part, whole): (&str, &str)) -> bool {
        let chain = std::iter::successors(self.parts.get(part), |column| self.parts.get(*column));
        chain.take(self.parts.len()).any(|column| column == whole)
    }

    /// Whether it says of every table what the areas were.
    pub(super) fn knows_its_areas(&self) -> bool {
        self.area_types().all(|area_type| self.areas.contains_key(&area_type))
    }

    /// Every table of a request, asked for or only kept, with all periods that it was ever decided for: what was withdrawn of them was
    /// out, and may come back.
    pub(super) fn registrations(request: &GroupRequest, last: Option<&Self>) -> Vec<Registration> {
        let mut tables: Vec<Registration> = request.tables.iter().map(Registration::of).collect();
        for table in &mut tables {
            let known = last.into_iter().flat_map(|last| &last.tables).find(|known| known.is_as(table));
            table.periods.extend(known.into_iter().flat_map(|known| &known.periods));
            table.periods.sort_unstable();
            table.periods.dedup();
        }
        tables.sort_unstable();
        tables
    }

    /// Whether a table of it was not decided by another, of whatever periods: a view is new, or shows something else under its name.
    pub(super) fn registers_more_than(&self, other: &Self) -> bool {
        self.tables.iter().any(|table| !other.decides(table))
    }

    /// Whether it decides what a table shows, of whatever periods.
    pub(super) fn decides(&self, table: &Registration) -> bool {
        self.tables.iter().any(|known| known.is_as(table))
    }

    /// Whether its figures have noise, so that none is withheld.
    pub(crate) const fn has_noise(&self) -> bool {
        self.grammar.is_some() || self.linked.is_some()
    }

    /// The periods of its partitions, in order; of linked records those that all datasets cover.
    pub(crate) fn periods(&self) -> Vec<Period> {
        if let Some(linked) = &self.linked {
            return linked.periods.iter().map(|of| of.period).collect();
        }
        let mut periods: Vec<Period> = self.partitions.iter().map(|partition| partition.period).collect();
        periods.sort_unstable();
        periods
    }

    /// The dataset versions that it stands on.
    pub(crate) fn versions(&self) -> BTreeSet<Uuid> {
        self.partitions.iter().map(|partition| partition.version).collect()
    }

    /// The agreements that bind the data it was made of.
    pub(crate) fn agreements(&self) -> BTreeSet<Digest> {
        self.partitions.iter().flat_map(|partition| partition.agreements.iter().copied()).collect()
    }

    /// The agreements that govern it: of linked records, those of each dataset.
    pub(crate) fn governing(&self, dataset: &DatasetId) -> Vec<Governing> {
        let of = |(dataset, partitions): (DatasetId, Vec<&Partition>)| Partition::governing(dataset, partitions);
        self.by_dataset(dataset).into_iter().map(of).collect()
    }

    /// The evidence that opt-outs were applied to all of it, under what governs it.
    pub(crate) fn opt_outs(&self, snapshot: &Snapshot, governing: &[Governing]) -> Vec<OptOutEvidence> {
        let evidence = |governing: &Governing| {
            let of =
                self.by_dataset(&governing.dataset).into_iter().filter(|(dataset, _)| *dataset == governing.dataset);
            let declared = of.flat_map(|(_, partitions)| partitions).map(|partition| partition.opt_outs.as_ref());
            opt_outs::together(snapshot, governing, declared)
        };
        governing.iter().flat_map(evidence).collect()
    }

    /// The datasets that its partitions are of, each with its own.
    fn by_dataset(&self, dataset: &DatasetId) -> Vec<(DatasetId, Vec<&Partition>)> {
        let Some(linked) = &self.linked else { return vec![(dataset.clone(), self.partitions.iter().collect())] };
        linked.from().into_iter().map(|(dataset, partitions)| (dataset.clone(), partitions)).collect()
    }

    /// Whether a table was decided with exactly these categories.
    pub(crate) fn has(&self, measure: &str, area_type: AreaType, by: &[engine::Dimension]) -> bool {
        self.tables.iter().any(|table| {
            table.measure == measure
                && table.area_type == area_type
                && table.by.len() == by.len()
                && table.by.iter().zip(by).all(|((name, categories), d)| *name == d.name && *categories == d.categories)
        })
    }

    /// What of this is otherwise in another, in words; nothing if a plan made of either is the same.
    pub(super) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        if self == other {
            return None;
        }
        Some(if self.partitions != other.partitions {
            "other data came"
        } else if self.policy != other.policy || self.open != other.open {
            "the rules of its agreements changed"
        } else if self.geography != other.geography {
            "the geography changed"
        } else {
            "its definitions, or how many people are known to live in its areas, changed"
        })
    }

    /// Whether two plans stand on the same, so that equal figures make the later one superfluous.
    pub(super) fn stands_on_the_same(&self, other: &Self) -> bool {
        Self { revision: other.revision, ..self.clone() } == *other
    }
}

/// Why nothing is released by other areas than what is out.
pub(crate) fn other_areas(area_type: AreaType) -> String {
    format!(
        "the areas of type {area_type} are not those of its last release: what is withheld in one would follow from what others show of the same places; import a geography that has them as they were, with the same codes and the same small areas in each"
    )
}

/// The vintage of the areas of each type.
pub(super) fn boundary_years(gazetteer: &Gazetteer) -> BTreeMap<AreaType, BoundaryYear> {
    let years = |area_type: AreaType| Some((area_type, gazetteer.areas(area_type).first()?.boundary_year));
    gazetteer.area_types().filter_map(years).collect()
}

/// Digest over the areas of a type: their codes, and the codes of the small areas in each.
pub(crate) fn digest_of_areas(gazetteer: &Gazetteer, area_type: AreaType) -> Digest {
    let mut areas: Vec<Vec<&str>> = Vec::new();
    for area in gazetteer.areas(area_type) {
        let members = gazetteer.members(area_type, area.code.as_str()).iter();
        let mut codes: Vec<&str> =
            members.filter_map(|atom| gazetteer.atom_area(*atom)).map(|atom| atom.code.as_str()).collect();
        codes.sort_unstable();
        codes.insert(0, area.code.as_str());
        areas.push(codes);
    }
    areas.sort_unstable();
    let lines: Vec<String> = areas.iter().map(|codes| codes.join(" ")).collect();
    digest_of(lines.iter().map(String::as_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::PathBuf;

    use super::*;
    use crate::platform::Platform;
    use crate::testing::{Small, copy, root};

    /// The sample's geography, in which two neighbourhoods have exchanged their codes.
    fn exchanged(small: &Small) -> PathBuf {
        let folder = small.folder.path().join("geography");
        copy(&root().join("sample-data/geography"), &folder);
        let name = "lsoa21-neighbourhood25.csv";
        let packed = std::fs::read(folder.join(format!("{name}.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        let exchange = |line: &str| -> String {
            let other = line.replace("NBH-01", "NBH-??").replace("NBH-02", "NBH-01").replace("NBH-??", "NBH-02");
            // Names go with the codes.
            let fields: Vec<&str> = other.split(',').collect();
            format!("{},{},{},Name of {}\n", fields[0], fields[1], fields[2], fields[2])
        };
        let (header, rows) = text.split_once('\n').unwrap();
        let rows: String = rows.lines().map(exchange).collect();
        std::fs::write(folder.join(name), format!("{header}\n{rows}")).unwrap();
        let manifest = folder.join("geography.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace(&format!("{name}.gz"), name)).unwrap();
        manifest
    }

    /// Fires by neighbourhood and quarter, published.
    fn published() -> (Small, Platform) {
        let small = Small::new();
        let indicator = small.indicators().join("deliberate-fires.toml");
        let text = std::fs::read_to_string(&indicator).unwrap();
        let quarterly = text.replace("period_type = \"calendar-year\"", "period_type = \"quarter\"");
        assert_ne!(text, quarterly);
        std::fs::write(&indicator, quarterly).unwrap();
        let platform = small.open();
        Small::upload(&platform, 1);
        assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, [""; 0]);
        (small, platform)
    }

    /// What one area shows and another hides of the same places is found from both.
    #[test]
    fn nothing_is_released_by_other_areas_than_what_is_out() {
        let (small, platform) = published();
        let (manifest, before) = (exchanged(&small), platform.state().geography().unwrap().digest);
        let refused = platform.import_geography(&manifest, None).unwrap_err().to_string();
        assert!(refused.contains("areas of type neighbourhood are not those of its last release"), "{refused}");
        assert!(refused.contains("import a geography that has them as they were"), "{refused}");
        assert_eq!(platform.state().geography().unwrap().digest, before, "the one in use stays");

        // Where it came into use all the same, what is out stays and nothing is released beside it.
        let out = platform.state().released.clone();
        platform.change(|state| state.out.clear());
        platform.import_geography(&manifest, None).unwrap();
        Small::upload(&platform, 2);
        let report = platform.publish_pending(&mut |_| ()).unwrap();
        assert!(report.failures.join(" ").contains("areas of type neighbourhood"), "{report}");
        let shown = |groups: &BTreeMap<DatasetId, std::sync::Arc<crate::state::Group>>| -> Vec<Basis> {
            groups.values().map(|group| group.basis.clone()).collect()
        };
        assert_eq!(shown(&platform.state().released), shown(&out));

        // With the areas as they were it goes on.
        let manifest = root().join("sample-data/geography/geography.toml");
        platform.import_geography(&manifest, None).unwrap();
        assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, [""; 0]);
    }

    /// An entry that was written before areas and parts were kept is read; what it does not say is not guessed.
    #[test]
    fn an_older_entry_is_read_and_what_it_does_not_say_is_taken_to_be_as_it_was_only_in_the_same_geography() {
        let (_small, platform) = published();
        let now = platform.state().released[&Small::FIRES.parse().unwrap()].basis.clone();
        assert!(now.knows_its_areas() && now.cannot_become(&now).is_none());
        let mut text = serde_json::to_value(&now).unwrap();
        let fields = text.as_object_mut().unwrap();
        for name in ["areas", "parts"] {
            assert!(fields.remove(name).is_some(), "{name}");
        }
        let old: Basis = serde_json::from_value(text).unwrap();
        assert!(!old.knows_its_areas());
        assert_eq!(old.cannot_become(&now), None);
        let elsewhere = Basis { geography: Digest([9; 32]), ..now.clone() };
        assert_eq!(now.cannot_become(&elsewhere), None, "the same areas");
        assert!(old.cannot_become(&elsewhere).unwrap().contains("areas of type"));
        let mut other = elsewhere;
        other.areas.insert(AreaType::Neighbourhood, Digest([1; 32]));
        assert!(now.cannot_become(&other).unwrap().contains("type neighbourhood"));
        other.areas.insert(AreaType::Neighbourhood, now.areas[&AreaType::Neighbourhood]);
        other.areas.insert(AreaType::Ward, Digest([1; 32]));
        assert_eq!(now.cannot_become(&other), None, "nothing is out by ward");
    }

    #[test]
    fn what_was_a_part_stays_a_part() {
        let (_small, platform) = published();
        let basis = platform.state().released[&Small::FIRES.parse().unwrap()].basis.clone();
        let with = |columns: &[&str], parts: &[(&str, &str)]| {
            let table = |column: &&str| Registration { column: (*column).to_owned(), ..basis.tables[0].clone() };
            let parts = parts.iter().map(|(part, whole)| ((*part).to_owned(), (*whole).to_owned())).collect();
            Basis { tables: columns.iter().map(table).collect(), parts, ..basis.clone() }
        };
        let both = ["list", "register"];
        let (related, apart) = (with(&both, &[("register", "list")]), with(&both, &[]));
        assert_eq!(related.cannot_become(&related), None);
        for (before, after) in [(&related, &apart), (&apart, &related)] {
            let why = before.cannot_become(after).unwrap();
            assert!(why.contains("`register` and `list` are out already"), "{why}");
        }
        // By way of another is a part too.
        let between = with(&both, &[("register", "adults"), ("adults", "list")]);
        assert_eq!(related.cannot_become(&between), None);
        // Of one of them nothing is out.
        assert_eq!(with(&["list"], &[]).cannot_become(&related), None);
    }

    #[test]
    fn a_table_uses_what_it_sums_filters_and_tells_apart() {
        let table = Registration {
            measure: "a|count".to_owned(),
            column: "count".to_owned(),
            filter: BTreeMap::from([("reason".to_owned(), vec!["debt".to_owned()])]),
            area_type: AreaType::District,
            period_type: PeriodType::CalendarYear,
            periods: Vec::new(),
            by: vec![("sex".to_owned(), vec!["female".to_owned()])],
        };
        let used = ["count", "reason", "sex", "age"].map(|name| table.uses(name));
        assert_eq!(used, [true, true, true, false]);
    }
}
