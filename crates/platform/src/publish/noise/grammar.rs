//! What may be crossed with what.

use std::collections::{BTreeMap, BTreeSet};

use agreements::Level;
use disclosure::{Registered, RegisteredDimension, RegisteredLevel};
use geography::Gazetteer;
use model::contract::{Crossings, DatasetContract};
use model::{AreaType, Month, Period, PeriodType};
use serde::{Deserialize, Serialize};

use crate::requests;

/// Everything that is registered of a group: each type of areas and of periods by any of the dimensions, with all totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grammar {
    /// The areas that rows carry.
    pub(crate) stored: AreaType,
    pub(crate) areas: BTreeSet<AreaType>,
    pub(crate) periods: BTreeSet<PeriodType>,
    /// Dimensions, each with its categories.
    pub(crate) by: BTreeMap<String, Vec<String>>,
    /// With how many states of its data a figure may be published.
    pub(crate) revisions: u32,
    /// Whether people are counted: each once in a cell.
    pub(crate) people: bool,
    /// Measures whose sums may be asked for, each with the greatest part of one contributor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sums: BTreeMap<String, u64>,
}

impl Grammar {
    /// What a contract registers.
    pub(crate) fn of(contract: &DatasetContract) -> Option<Self> {
        let Crossings { areas, periods, by, revisions, sums } = contract.crossings.as_ref()?;
        let dimension = |name: &String| (name.clone(), requests::all_categories(contract, name));
        Some(Self {
            stored: contract.geography.area_type,
            areas: areas.iter().copied().collect(),
            periods: periods.iter().copied().collect(),
            by: by.iter().map(dimension).collect(),
            revisions: *revisions,
            people: contract.identifies_people(),
            sums: sums.clone(),
        })
    }

    /// Together with what was registered before, which nobody has forgotten.
    ///
    /// # Errors
    /// If it is not the same that both are about, in words.
    pub(crate) fn after(mut self, before: &Self) -> Result<Self, String> {
        if self.people != before.people {
            return Err("people were counted at its last release and rows are now, or the other way round: whose rows they are has to stay as it was".to_owned());
        }
        if self.stored != before.stored {
            return Err(format!(
                "its rows carry areas of another type than at its last release ({}): put it back",
                before.stored
            ));
        }
        for (name, categories) in &before.by {
            match self.by.insert(name.clone(), categories.clone()) {
                Some(now) if now != *categories => {
                    return Err(format!(
                        "the categories of `{name}` are not those of its last release: figures by both were never judged together; put them back"
                    ));
                }
                _ => {}
            }
        }
        for (name, most) in &before.sums {
            if self.sums.insert(name.clone(), *most).is_some_and(|now| now != *most) {
                return Err(format!(
                    "`crossings.sums.{name}` was {most} at its last release, and sums may be out with noise for such parts: put it back"
                ));
            }
        }
        self.areas.extend(&before.areas);
        self.periods.extend(&before.periods);
        if self.people && self.periods.len() > 1 {
            return Err("people were counted by another type of period at its last release, and who is in several of the one is one in the other: keep that".to_owned());
        }
        self.revisions = self.revisions.max(before.revisions);
        Ok(self)
    }

    /// What both register.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let same = |(name, categories): &(&String, &Vec<String>)| other.by.get(*name) == Some(*categories);
        let owned = |(name, categories): (&String, &Vec<String>)| (name.clone(), categories.clone());
        let same_sum = |(name, most): &(&String, &u64)| other.sums.get(*name) == Some(*most);
        Self {
            areas: self.areas.intersection(&other.areas).copied().collect(),
            periods: self.periods.intersection(&other.periods).copied().collect(),
            by: self.by.iter().filter(same).map(owned).collect(),
            sums: self.sums.iter().filter(same_sum).map(|(name, most)| (name.clone(), *most)).collect(),
            ..self.clone()
        }
    }

    /// Whether a table is one of these crossings.
    pub(crate) fn has<'a>(
        &self,
        area_type: AreaType,
        period_type: PeriodType,
        mut by: impl Iterator<Item = (&'a str, &'a [String])>,
    ) -> bool {
        let known = |(name, categories): (&str, &[String])| self.by.get(name).is_some_and(|all| all == categories);
        self.areas.contains(&area_type) && self.periods.contains(&period_type) && by.all(known)
    }

    /// How fine it is.
    pub(crate) fn levels(&self) -> BTreeSet<Level> {
        let each = |area: &AreaType| self.periods.iter().map(|period| Level::new(*area, *period)).collect::<Vec<_>>();
        self.areas.iter().flat_map(each).collect()
    }

    /// For the judgement: the areas of a dataset by all types, months by all types of periods, and each dimension with its total; in the
    /// forms that it may have for who knows which cells are empty, as published zeros tell. Nobody may be in `unknown`, and fewer parts of
    /// a total say more of it. And all may be in one category, one area and one period: then every crossing that they are in is a figure of
    /// the same people, each with noise of its own. (What only some dimensions put together lies between.)
    pub(super) fn registered(&self, gazetteer: &Gazetteer) -> Vec<Registered> {
        let crossings = 1_u32.checked_shl(number(self.by.len())).unwrap_or(u32::MAX);
        let all = [number(self.areas.len()), number(self.periods.len()), crossings];
        let figures = all.into_iter().fold(self.revisions, u32::saturating_mul);
        let levels = vec![RegisteredLevel::total("all", 1)];
        let alike = RegisteredDimension {
            name: "people all of whom are in one area, period and category".to_owned(),
            atoms: 1,
            levels,
            known: None,
        };
        let alike = Registered { dimensions: vec![alike], crossings: None, revisions: figures };
        vec![self.registered_by(gazetteer, 0), self.registered_by(gazetteer, 1), alike]
    }

    /// With `unknown`, or without.
    fn registered_by(&self, gazetteer: &Gazetteer, without: usize) -> Registered {
        let mut dimensions = vec![self.registered_areas(gazetteer), self.registered_periods()];
        dimensions.extend(self.by.iter().map(|(name, categories)| {
            let atoms = number(categories.len().saturating_sub(without).max(1));
            let levels = vec![RegisteredLevel::finest(name, atoms), RegisteredLevel::total("all", atoms)];
            RegisteredDimension { name: name.clone(), atoms, levels, known: None }
        }));
        Registered { dimensions, crossings: None, revisions: self.revisions }
    }

    fn registered_areas(&self, gazetteer: &Gazetteer) -> RegisteredDimension {
        let stored = self.stored;
        let atoms: BTreeMap<&str, u32> =
            gazetteer.areas(stored).iter().map(|area| area.code.as_str()).zip(0..).collect();
        let level = |area_type: &AreaType| {
            let areas = requests::area_set(gazetteer, stored, *area_type).areas;
            let parts = |parts: &[model::AreaCode]| -> Vec<u32> {
                parts.iter().filter_map(|part| atoms.get(part.as_str()).copied()).collect()
            };
            let categories = areas.iter().map(|(_, of)| parts(of)).collect();
            RegisteredLevel { name: area_type.to_string(), categories }
        };
        let levels = self.areas.iter().map(level).collect();
        RegisteredDimension { name: "area".to_owned(), atoms: number(atoms.len()), levels, known: None }
    }

    /// Of one type, periods have nothing in common, and one says all. Of several, what a run of months has in which they all repeat.
    fn registered_periods(&self) -> RegisteredDimension {
        let name = "period".to_owned();
        if let (1, Some(only)) = (self.periods.len(), self.periods.first()) {
            let levels = vec![RegisteredLevel::total(only.as_str(), 1)];
            return RegisteredDimension { name, atoms: 1, levels, known: None };
        }
        let first = Month::from_ordinal(YEAR * 12);
        let months: Vec<Month> =
            (0..MONTHS).filter_map(|after| Month::from_ordinal(first?.ordinal() + after)).collect();
        let place = |month: Month| months.iter().position(|other| *other == month).map(number);
        let level = |kind: &PeriodType| {
            let periods: BTreeSet<Period> = months.iter().map(|month| kind.containing(*month)).collect();
            let whole = |period: &Period| period.months().map(place).collect::<Option<Vec<u32>>>();
            RegisteredLevel { name: kind.as_str().to_owned(), categories: periods.iter().filter_map(whole).collect() }
        };
        let levels = self.periods.iter().map(level).collect();
        RegisteredDimension { name, atoms: number(months.len()), levels, known: None }
    }
}

/// Any year, and so many months from its beginning that a year of each kind lies between others.
const YEAR: i32 = 2024;
const MONTHS: i32 = 36;

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
