//! Rows as files of plain little-endian columns, so that every peer reads the same.

use std::path::Path;

use anyhow::Context as _;
use commonground_benches::Numbers;

/// People: 60 million, in 33,755 areas.
const PEOPLE: usize = 60_000_000;
const AREAS: u32 = 33_755;
/// Events: 10 million by 3 million contributors, over 12 months, sorted by area.
const EVENTS: usize = 10_000_000;
const CONTRIBUTORS: u32 = 3_000_000;
/// Records for the cell-key method: with all totals, 67 x 27 x 18 = 32,562 cells.
const RECORDS: usize = 200_000;

/// Writes all columns that a folder does not hold yet.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    if folder.join("made").exists() {
        return Ok(());
    }
    let mut numbers = Numbers::new(1);
    let people: Vec<(u16, [u8; 3])> = (0..PEOPLE)
        .map(|_| (area(&mut numbers), [numbers.below(2), numbers.below(18), numbers.below(5)].map(narrow)))
        .collect();
    write_people(&folder.join("unsorted"), &people)?;
    let mut sorted = people;
    sorted.sort_by_key(|(area, _)| *area);
    write_people(&folder.join("sorted"), &sorted)?;
    drop(sorted);
    let mut events: Vec<(u16, u8, u32)> =
        (0..EVENTS).map(|_| (area(&mut numbers), narrow(numbers.below(12)), numbers.below(CONTRIBUTORS))).collect();
    events.sort_by_key(|(area, ..)| *area);
    let events_in = folder.join("events");
    write(&events_in, "area.u16", events.iter().flat_map(|(area, ..)| area.to_le_bytes()))?;
    write(&events_in, "month.u8", events.iter().map(|(_, month, _)| *month))?;
    write(&events_in, "who.u32", events.iter().flat_map(|(.., who)| who.to_le_bytes()))?;
    let records = folder.join("records");
    for (name, bound) in [("one.u8", 66), ("two.u8", 26), ("three.u8", 17)] {
        write(&records, name, (0..RECORDS).map(|_| narrow(numbers.below(bound))))?;
    }
    write(&records, "key.u64", (0..RECORDS).flat_map(|_| numbers.next().to_le_bytes()))?;
    write(folder, "made", [])
}

fn area(numbers: &mut Numbers) -> u16 {
    u16::try_from(numbers.below(AREAS)).unwrap_or_default()
}

fn narrow(code: u32) -> u8 {
    u8::try_from(code).unwrap_or_default()
}

fn write_people(folder: &Path, people: &[(u16, [u8; 3])]) -> anyhow::Result<()> {
    write(folder, "area.u16", people.iter().flat_map(|(area, _)| area.to_le_bytes()))?;
    for (at, name) in ["sex.u8", "age.u8", "ethnicity.u8"].into_iter().enumerate() {
        write(folder, name, people.iter().filter_map(|(_, codes)| codes.get(at).copied()))?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: impl IntoIterator<Item = u8>) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let path = folder.join(name);
    std::fs::write(&path, bytes.into_iter().collect::<Vec<u8>>()).with_context(|| format!("write {}", path.display()))
}

/// A column of bytes.
pub(crate) fn narrow_column(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let path = folder.join(name);
    std::fs::read(&path).with_context(|| format!("read {}: run `tables make` first", path.display()))
}

/// A column of wider numbers.
pub(crate) fn column<T, const N: usize>(folder: &Path, name: &str, read: fn([u8; N]) -> T) -> anyhow::Result<Vec<T>> {
    let bytes = narrow_column(folder, name)?;
    Ok(bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect())
}
