//! The vocabulary every part of Commonground shares: ids, areas, periods, classifications, and the
//! definitions of datasets (contracts), indicators and views.
//!
//! **Architecture invariant:** this crate does no IO, reads no clock and draws no randomness.

pub mod area;
pub mod classification;
pub mod contract;
pub mod digest;
pub mod id;
pub mod indicator;
pub mod load;
pub mod period;
pub mod table;
pub mod tidy;

pub use area::{AreaCode, AreaType, BoundaryYear};
pub use classification::{AgeBand, Sex};
pub use contract::{DatasetContract, Exposure, Level};
pub use digest::Digest;
pub use id::{AgreementId, DatasetId, IdError, IndicatorId, Label, OrganisationId, PurposeId, ViewId};
pub use indicator::{Indicator, Tier, View};
pub use load::DefinitionError;
pub use period::{Month, Period, PeriodType};
pub use table::{CellKey, Mark};
pub use tidy::{Status, TidyRow};
