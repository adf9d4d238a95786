//! Whatever the bytes: no panic, every row accounted for, and the order of rows leaves no trace.

use proptest::prelude::*;

use super::Setting;
use super::feeds::police;
use super::people::CONTRACT;
use crate::{Counts, IngestError};

/// Counts of a file that was taken or refused for its rows.
fn counts(setting: &Setting, file: &[u8]) -> Option<Counts> {
    match setting.clean(file) {
        Ok(cleaned) => Some(cleaned.findings.counts),
        Err(IngestError::OverTolerance { findings, .. }) => Some(findings.counts),
        Err(_) => None,
    }
}

fn person_row() -> impl Strategy<Value = String> {
    let dates =
        prop::sample::select(vec!["01/02/2024", "31/03/2024", "2024-01-15", "31/02/2024", "01/02/2023", "", "x"]);
    let numbers = prop::sample::select(vec!["9434765919", "9990000018", "943 476 5919", "9434765918", "", "NULL"]);
    let postcodes = prop::sample::select(vec!["ZZ1 1AA", "zz11ab", "ZZ9 9ZZ", "M1 1AA", "ZZ1 1XX", "?", "", "É"]);
    let sexes = prop::sample::select(vec!["F", "M", "female", "", "other"]);
    let ages = prop::sample::select(vec!["0", "15", "16", "64", "65", "120", "121", "-1", "", "x", "1,0"]);
    let contacts = prop::sample::select(vec!["0", "1", "2", "500", "501", "", "\"1,000\"", "y"]);
    let tails = prop::sample::select(vec!["", "", "", "", ",", ",extra", "\"broken"]);
    (dates, numbers, postcodes, sexes, ages, contacts, tails)
        .prop_map(|(d, n, p, s, a, c, tail)| format!("{d},{n},{p},{s},{a},{c}{tail}"))
}

fn person_file(rows: &[String]) -> String {
    format!("CallDate,NHSNumber,Postcode,Gender,Age,Contacts\n{}\n", rows.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..60) {
        let header = b"Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Outcome\n";
        let setting = Setting::new(&police(), "2018-12");
        let mut file = header.get(cut.min(header.len())..).unwrap_or_default().to_vec();
        file.extend(&bytes);
        let _ = setting.clean(&file);
        let mut whole = header.to_vec();
        whole.extend(&bytes);
        if let Some(counts) = counts(&setting, &whole) {
            prop_assert!(counts.add_up(), "{counts:?}");
        }
        let mut compressed = vec![0x1f, 0x8b, 8];
        compressed.extend(&bytes);
        let _ = setting.clean(&compressed);
    }

    #[test]
    fn any_text_in_any_cell_is_accounted_for(cells in prop::collection::vec("[ -~é\n\"]{0,12}", 0..60)) {
        let setting = Setting::new(&police(), "2018-12");
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let rows: Vec<String> = quoted.chunks(7).map(|row| row.join(",")).collect();
        let file = format!("Crime ID,Month,Longitude,Latitude,LSOA code,Crime type,Outcome\n{}\n", rows.join("\n"));
        let counts = counts(&setting, file.as_bytes());
        prop_assert!(counts.is_some_and(|counts| counts.add_up()));
    }

    #[test]
    fn order_leaves_no_trace(
        rows in prop::collection::vec(person_row(), 0..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let setting = Setting::new(CONTRACT, "2024-01");
        let rows: Vec<String> = rows.into_iter().filter(|row| !row.ends_with("\"broken")).collect();
        let mut shuffled = rows.clone();
        for (from, to) in order.iter().enumerate().take(rows.len()) {
            shuffled.swap(from, to.index(rows.len()));
        }
        let (a, b) = (setting.ok(person_file(&rows)), setting.ok(person_file(&shuffled)));
        prop_assert_eq!(&a.batch, &b.batch);
        prop_assert_eq!(a.findings.counts, b.findings.counts);
        prop_assert_eq!(a.findings.tallies, b.findings.tallies);
        prop_assert_eq!(a.findings.methods, b.findings.methods);
        prop_assert_eq!(a.batch.num_rows() as u64, a.findings.counts.kept);
    }

    #[test]
    fn broken_quotes_are_refused_or_accounted_for(rows in prop::collection::vec(person_row(), 0..20)) {
        let setting = Setting::new(CONTRACT, "2024-01");
        if let Some(counts) = counts(&setting, person_file(&rows).as_bytes()) {
            prop_assert!(counts.add_up(), "{counts:?}");
        }
    }
}
