//! Objects that nothing names: kept for a while, by the day on which they were set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::CatalogError;
use crate::folder::{failed, make_folder};
use crate::objects::{ObjectName, ObjectStore};

/// The folder of what was set aside, with one folder for each day.
#[derive(Debug, Clone)]
pub struct SetAside {
    folder: PathBuf,
}

impl SetAside {
    /// In a folder that need not exist yet.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Moves an object here; says whether it was there.
    ///
    /// # Errors
    /// If it cannot be moved durably.
    pub fn keep(&self, store: &ObjectStore, name: ObjectName, today: Date) -> Result<bool, CatalogError> {
        let day = self.folder.join(today.to_string());
        make_folder(&day)?;
        store.move_to(name, &day)
    }

    /// Moves back into the store whatever is named again; returns it.
    ///
    /// # Errors
    /// If the folder cannot be read, or something not be moved durably.
    pub fn take_back(
        &self,
        store: &ObjectStore,
        named: impl Fn(ObjectName) -> bool,
    ) -> Result<Vec<ObjectName>, CatalogError> {
        let mut back = Vec::new();
        for day in self.days()? {
            let folder = self.folder.join(day.to_string());
            for name in objects(&folder).map_err(failed("list", &folder))? {
                if named(name) && store.move_from(name, &folder)? {
                    back.push(name);
                }
            }
        }
        Ok(back)
    }

    /// Removes what was set aside before a day, by its name and by the file system's own time: a clock that stood wrong when
    /// it was set aside removes nothing. Returns how many days' objects.
    ///
    /// # Errors
    /// If the folder cannot be read or something in it not be removed.
    pub fn remove_before(&self, first: Date) -> Result<usize, CatalogError> {
        let mut removed = 0;
        for day in self.days()?.into_iter().filter(|day| *day < first) {
            let path = self.folder.join(day.to_string());
            let changed = fs::metadata(&path).and_then(|found| found.modified()).map_err(failed("inspect", &path))?;
            let changed = Timestamp::try_from(changed).map(|at| at.to_zoned(TimeZone::UTC).date());
            if changed.is_ok_and(|changed| changed < first) {
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn days(&self) -> Result<Vec<Date>, CatalogError> {
        days(&self.folder).map_err(failed("list", &self.folder))
    }
}

fn objects(folder: &Path) -> io::Result<Vec<ObjectName>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().to_str().and_then(|name| name.parse::<ObjectName>().ok()));
    }
    Ok(names)
}

/// The days that a folder has something of. Whatever else somebody put there is left alone.
fn days(folder: &Path) -> io::Result<Vec<Date>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut days = Vec::new();
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name();
        days.extend(name.to_str().and_then(|name| name.parse::<Date>().ok().filter(|day| day.to_string() == name)));
    }
    Ok(days)
}
