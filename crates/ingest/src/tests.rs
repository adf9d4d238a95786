//! Whole files through `clean`, with a small invented gazetteer and keyless pseudonyms.

mod accounting;
mod agreement;
pub(crate) mod feeds;
mod gaps;
mod people;
mod samples;

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, UInt64Type};
use model::area::{AreaCode, AreaType, BoundaryYear};
use model::contract::{DatasetContract, Treatment};
use model::id::DatasetId;
use model::period::{Month, Period};
use sha2::Digest as _;

use crate::{
    AgreedColumn, Answer, Change, CleanRequest, Cleaned, CodeAnswer, IngestError, Limits, Locator, Piece,
    PostcodeAnswer, Pseudonymiser, WorkbookReader,
};

/// Three areas side by side along a line of longitude; 2011 areas that were split and merged.
pub(crate) struct Gazetteer;

fn area(code: &str) -> AreaCode {
    code.parse().unwrap()
}

impl Locator for Gazetteer {
    fn postcode(&self, text: &str, _: Month) -> PostcodeAnswer {
        let key: String = text.to_uppercase().chars().filter(|c| !c.is_whitespace()).collect();
        let place = match key.as_str() {
            "ZZ11AA" => Answer::Inside(area("E01990001")),
            "ZZ11AB" | "ZZ99ZZ" => Answer::Inside(area("E01990002")),
            "M11AA" => Answer::Outside,
            _ if key.len() < 5 || !key.is_ascii() => return PostcodeAnswer::Malformed,
            _ => Answer::Unknown,
        };
        PostcodeAnswer::Read { place, terminated: key == "ZZ99ZZ" }
    }

    fn locate_lonlat(&self, longitude: f64, _: f64) -> Answer {
        match longitude {
            x if (-2.8..-2.7).contains(&x) => Answer::Inside(area("E01990001")),
            x if (-2.7..-2.6).contains(&x) => Answer::Inside(area("E01990002")),
            _ => Answer::Outside,
        }
    }

    fn locate_bng(&self, easting: f64, _: f64) -> Answer {
        if (350_000.0..360_000.0).contains(&easting) { Answer::Inside(area("E01990003")) } else { Answer::Outside }
    }

    fn area_code(&self, area_type: AreaType, year: BoundaryYear, code: &str) -> CodeAnswer {
        let converted = |change, pieces: &[(&str, u64)]| CodeAnswer::Converted {
            change,
            pieces: pieces
                .iter()
                .map(|(code, weight)| Piece { area: (*code != "-").then(|| area(code)), weight: *weight })
                .collect(),
        };
        match (area_type, year.get(), code) {
            (AreaType::Lsoa, 2021, "E01990001" | "E01990002" | "E01990003")
            | (AreaType::District, _, "E07990118" | "E07990126") => CodeAnswer::Current(area(code)),
            (AreaType::Lsoa, 2011, "E01980001") => converted(Change::Unchanged, &[("E01990001", 1_500)]),
            (AreaType::Lsoa, 2011, "E01980002") => {
                converted(Change::Split, &[("E01990003", 400), ("E01990002", 600), ("-", 1_000)])
            }
            (AreaType::Lsoa, 2011, "E01980003") => converted(Change::Merged, &[("E01990004", 1_500)]),
            (AreaType::Lsoa, 2011, "E01980004") => converted(Change::Merged, &[("E01990004", 500)]),
            _ if code.len() == 9 && code.starts_with('E') => CodeAnswer::Outside,
            _ => CodeAnswer::Unknown,
        }
    }

    fn practice(&self, code: &str) -> Answer {
        match code {
            "P99001" | "P99002" => Answer::Inside(area("U99001")),
            "P99003" => Answer::Inside(area("U99002")),
            _ => Answer::Unknown,
        }
    }
}

/// Pseudonyms without a key, for tests only.
pub(crate) struct Plain;

impl Pseudonymiser for Plain {
    fn pseudonym(&self, domain: &str, text: &str) -> [u8; 16] {
        *sha2::Sha256::digest(format!("{domain}/{text}")).first_chunk().unwrap()
    }

    fn record_key(&self, dataset: &DatasetId, text: &str) -> u64 {
        u64::from_le_bytes(*sha2::Sha256::digest(format!("{dataset}/{text}")).first_chunk().unwrap())
    }
}

/// What a test reads a file with; the agreement allows everything as the contract treats it, unless changed.
pub(crate) struct Setting {
    pub(crate) contract: DatasetContract,
    pub(crate) agreed: BTreeMap<String, AgreedColumn>,
    pub(crate) period: Period,
    pub(crate) limits: Limits,
    pub(crate) empty: bool,
    pub(crate) opt_outs: BTreeSet<[u8; 16]>,
    pub(crate) file_name: Option<&'static str>,
    pub(crate) workbook: Option<WorkbookReader>,
}

impl Setting {
    pub(crate) fn new(contract: &str, start: &str) -> Self {
        let contract = DatasetContract::parse("contract.toml", contract).unwrap();
        let clause = || "clause 1".to_owned();
        let mut agreed: BTreeMap<String, AgreedColumn> = contract
            .columns
            .iter()
            .map(|c| (c.name.clone(), AgreedColumn { treatment: c.treatment, clause: clause() }))
            .collect();
        for unpivot in &contract.unpivots {
            for name in [&unpivot.into, &unpivot.value].into_iter().chain(unpivot.set.keys()) {
                agreed.insert(name.clone(), AgreedColumn { treatment: Treatment::Keep, clause: clause() });
            }
        }
        let period = Period::new(contract.partition, start.parse().unwrap()).unwrap();
        Self {
            contract,
            agreed,
            period,
            limits: Limits::default(),
            empty: false,
            opt_outs: BTreeSet::new(),
            file_name: None,
            workbook: None,
        }
    }

    pub(crate) fn request<'a>(&'a self, gazetteer: &'a dyn Locator) -> CleanRequest<'a> {
        CleanRequest {
            contract: &self.contract,
            agreed: &self.agreed,
            gazetteer,
            pseudonymiser: &Plain,
            period: self.period,
            limits: &self.limits,
            empty: self.empty,
            opt_outs: &self.opt_outs,
            file_name: self.file_name,
            workbook: self.workbook.as_ref(),
        }
    }

    pub(crate) fn clean(&self, file: impl AsRef<[u8]>) -> Result<Cleaned, IngestError> {
        let request = self.request(&Gazetteer);
        let result = crate::clean(file.as_ref(), &request);
        if let Ok(cleaned) = &result {
            assert!(cleaned.findings.counts.add_up(), "{:?}", cleaned.findings.counts);
        }
        result
    }

    /// Cleans a file that must be accepted.
    pub(crate) fn ok(&self, file: impl AsRef<[u8]>) -> Cleaned {
        self.clean(file).unwrap_or_else(|error| panic!("{error}: {:#?}", error.findings()))
    }

    /// The error of a file that must be refused.
    pub(crate) fn refusal(&self, file: impl AsRef<[u8]>) -> String {
        self.clean(file).map(|cleaned| format!("{:?}", cleaned.findings)).unwrap_err().to_string()
    }
}

/// The batch as text, one line a row: every column but contributor and record key.
pub(crate) fn lines(batch: &RecordBatch) -> Vec<String> {
    let fields = batch.schema();
    let shown: Vec<&ArrayRef> = fields
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !["contributor", "record_key"].contains(&field.name().as_str()))
        .map(|(_, array)| array)
        .collect();
    (0..batch.num_rows()).map(|row| shown.iter().map(|array| cell(array, row)).collect::<Vec<_>>().join("|")).collect()
}

fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "-".to_owned();
    }
    match array.data_type() {
        DataType::Int32 => Month::from_ordinal(array.as_primitive::<Int32Type>().value(row)).unwrap().to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            dictionary.values().as_string::<i32>().value(dictionary.normalized_keys()[row]).to_owned()
        }
        other => panic!("{other}"),
    }
}

pub(crate) fn names(batch: &RecordBatch) -> Vec<String> {
    batch.schema().fields().iter().map(|field| field.name().clone()).collect()
}
