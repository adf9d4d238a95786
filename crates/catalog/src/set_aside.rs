//! Objects that nothing names: kept for a while, by the day on which they were set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

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

    /// Removes what was set aside before a day; returns how many days' objects.
    ///
    /// # Errors
    /// If the folder cannot be read or something in it not be removed.
    pub fn remove_before(&self, first: Date) -> Result<usize, CatalogError> {
        let mut removed = 0;
        for day in days(&self.folder).map_err(failed("list", &self.folder))? {
            if day < first {
                let path = self.folder.join(day.to_string());
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The days that a folder has something of. Whatever else somebody put there is left alone.
fn days(folder: &Path) -> io::Result<Vec<Date>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut days = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        days.extend(name.to_str().and_then(|name| name.parse::<Date>().ok().filter(|day| day.to_string() == name)));
    }
    Ok(days)
}
