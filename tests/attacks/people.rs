//! What single contributors and partners know: the records of a feed, cleaned as intake does, with whose they are.
//!
//! Nothing of the protector is used: `ingest` says what a row is about, and the attack does the rest.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use attack::Value;
use geography::{Gazetteer, Importer, Manifest};
use ingest::{AgreedColumn, CleanRequest, Limits, Pseudonymiser};
use model::{DatasetContract, DatasetId, Month, Period};

use super::facts::{Fact, Facts};
use crate::support::{files, root};

/// Begins the names of partners.
const PARTNER: &str = "partner";

/// A record as its supplier has it.
#[derive(Clone)]
pub(super) struct Record {
    /// Its small area.
    pub(super) area: String,
    pub(super) month: Month,
    pub(super) categories: BTreeMap<String, String>,
    /// What it adds to each measure.
    pub(super) amounts: BTreeMap<String, u64>,
    /// Whose it is, where the feed says.
    person: Option<[u8; 16]>,
    /// By way of which partner it came, where the feed says.
    partner: Option<String>,
}

/// Records that one person or partner knows to be theirs.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) records: Vec<Record>,
}

impl Group {
    pub(super) fn is_partner(&self) -> bool {
        self.name.starts_with(PARTNER)
    }
}

/// Pseudonyms without a key.
struct Plain;

impl Pseudonymiser for Plain {
    fn pseudonym(&self, domain: &str, text: &str) -> [u8; 16] {
        let digest = catalog::port::digest_of(format!("{domain}/{text}").as_bytes());
        *digest.0.first_chunk().unwrap()
    }

    fn record_key(&self, _: &DatasetId, _: &str) -> u64 {
        0
    }
}

pub(super) fn gazetteer() -> Gazetteer {
    let folder = root().join("sample-data/geography");
    let manifest = std::fs::read_to_string(folder.join("geography.toml")).unwrap();
    let mut importer = Importer::new(Manifest::parse("geography.toml", &manifest).unwrap());
    let paths: Vec<String> = importer.paths().iter().map(ToString::to_string).collect();
    for path in paths {
        importer.file(&path, &std::fs::read(folder.join(&path)).unwrap()).unwrap();
    }
    importer.finish().unwrap().0
}

/// Every record of a person-level feed of the sample.
pub(super) fn records(contract: &DatasetContract, gazetteer: &Gazetteer) -> Vec<Record> {
    let agreed: BTreeMap<String, AgreedColumn> = contract
        .columns
        .iter()
        .map(|column| (column.name.clone(), AgreedColumn { treatment: column.treatment, clause: String::new() }))
        .collect();
    let folder = root().join("sample-data/partners").join(contract.id.as_str().replace('.', "/"));
    let mut all = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let request = CleanRequest {
            contract,
            agreed: &agreed,
            gazetteer,
            pseudonymiser: &Plain,
            period: period(contract, name.split('.').next().unwrap()),
            limits: &Limits::default(),
            empty: false,
            opt_outs: &BTreeSet::new(),
            file_name: Some(&name),
            workbook: None,
        };
        let cleaned = ingest::clean(&std::fs::read(&path).unwrap(), &request);
        let cleaned = cleaned.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        read(contract, &cleaned.batch, &mut all);
    }
    all
}

/// `2024`, `2024-Q3`, `2024-25`: the partition of a file of the sample.
fn period(contract: &DatasetContract, stem: &str) -> Period {
    let year: i32 = stem[..4].parse().unwrap();
    let month = match stem.get(5..) {
        Some(quarter) if quarter.starts_with('Q') => 3 * quarter[1..].parse::<i32>().unwrap() - 2,
        Some(_) => 9,
        None => 1,
    };
    contract.partition.containing(Month::new(year, month).unwrap())
}

fn read(contract: &DatasetContract, batch: &RecordBatch, all: &mut Vec<Record>) {
    let text = |name: &str| {
        let column = batch.column_by_name(name).unwrap().as_any_dictionary();
        let (keys, values) = (column.normalized_keys(), column.values().as_string::<i32>().clone());
        let nulls: Vec<bool> = (0..batch.num_rows()).map(|row| column.is_null(row)).collect();
        move |row: usize| (!nulls[row]).then(|| values.value(keys[row]).to_owned())
    };
    let area = text("area");
    let dimensions: Vec<_> = contract.dimensions().into_iter().map(|name| (name, text(name))).collect();
    let months = batch.column_by_name("month").unwrap().as_primitive::<Int32Type>();
    let people = batch.column_by_name("contributor").unwrap().as_fixed_size_binary();
    for row in 0..batch.num_rows() {
        let amounts = contract.measures().into_iter().filter_map(|name| {
            let column = batch.column_by_name(name)?.as_primitive::<Int64Type>();
            column.is_valid(row).then(|| (name.to_owned(), u64::try_from(column.value(row)).unwrap()))
        });
        let categories: BTreeMap<String, String> =
            dimensions.iter().filter_map(|(name, of)| Some(((*name).to_owned(), of(row)?))).collect();
        all.push(Record {
            area: area(row).unwrap(),
            month: Month::from_ordinal(months.value(row)).unwrap(),
            amounts: amounts.collect(),
            person: people.is_valid(row).then(|| people.value(row).try_into().unwrap()),
            partner: contract.partner.as_ref().and_then(|name| categories.get(name).cloned()),
            categories,
        });
    }
}

/// Every partner with the rows that came by way of it, and every person with more than one record in some withheld cell:
/// those with one are tried by the attack itself.
pub(super) fn attackers(records: &[Record], facts: &Facts) -> Vec<Group> {
    let mut by_partner: BTreeMap<&String, Vec<Record>> = BTreeMap::new();
    let mut by_person: BTreeMap<[u8; 16], Vec<usize>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        if let Some(partner) = &record.partner {
            by_partner.entry(partner).or_default().push(record.clone());
        }
        if let Some(person) = record.person {
            by_person.entry(person).or_default().push(index);
        }
    }
    let withheld: Vec<&Fact> = facts.facts.iter().filter(|fact| fact.value == Value::Withheld).collect();
    let mut several: BTreeSet<[u8; 16]> = BTreeSet::new();
    for fact in &withheld {
        let mut own: BTreeMap<[u8; 16], u64> = BTreeMap::new();
        for record in records.iter().filter(|record| is_in(record, fact, facts)) {
            if let Some(person) = record.person {
                *own.entry(person).or_default() += record.amounts.get(&fact.column).copied().unwrap_or(0);
            }
        }
        several.extend(own.into_iter().filter(|(_, amount)| *amount > 1).map(|(person, _)| person));
    }
    let partners = by_partner.into_iter().map(|(name, records)| Group { name: format!("{PARTNER} {name}"), records });
    let people = several.iter().zip(1..).map(|(person, number)| Group {
        name: format!("person {number}"),
        records: by_person[person].iter().map(|index| records[*index].clone()).collect(),
    });
    partners.chain(people).collect()
}

fn is_in(record: &Record, fact: &Fact, facts: &Facts) -> bool {
    let category = |name: &String| record.categories.get(name).map_or("unknown", String::as_str);
    facts.areas[&fact.area_type][&fact.area].contains(&record.area)
        && fact.period.contains(record.month)
        && fact.categories.iter().all(|(name, wanted)| category(name) == wanted)
        && fact.filter.iter().all(|(name, accepted)| accepted.iter().any(|wanted| wanted == category(name)))
}
