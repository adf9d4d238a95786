//! Cells of published tables and the marks on withheld ones.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::area::{AreaCode, AreaType};
use crate::classification::{AgeBand, Sex};
use crate::period::Period;

/// Where a cell stands in its table. The same key in two views is the same cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// Level of the area.
    pub area_type: AreaType,
    /// The area.
    pub area: AreaCode,
    /// The period.
    pub period: Period,
    /// Sex, or all.
    pub sex: Sex,
    /// Age band, or all.
    pub age: AgeBand,
    /// Another dimension and its category; `None` is the total over it.
    pub breakdown: Option<Breakdown>,
}

/// A category of a dimension other than sex and age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Breakdown {
    /// The dimension, for example `stage_of_need`.
    pub dimension: String,
    /// The category, for example `prevention`; `all` never appears here.
    pub category: String,
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} sex={} age={}", self.area_type, self.area, self.period, self.sex, self.age)?;
        if let Some(breakdown) = &self.breakdown {
            write!(f, " {}={}", breakdown.dimension, breakdown.category)?;
        }
        Ok(())
    }
}

/// The mark on a cell that has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// `[c]`: withheld to protect people; primary, secondary and decoy look the same, and so does what its supplier withholds.
    C,
    /// `[low]`: rounds to zero.
    Low,
    /// `[x]`: not available.
    X,
    /// `[z]`: not applicable.
    Z,
}
