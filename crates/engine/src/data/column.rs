//! Columns of stored rows as they are kept in memory.

use std::fmt;

use arrow::datatypes::DataType;
use crosstab::{Amounts, Codes};

/// What a stored column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A text: an area, a category, a partner.
    Text,
    /// A month.
    Month,
    /// A person or case, or what tells rows apart.
    Person,
    /// A whole number.
    Amount,
    /// A decimal, in thousandths.
    Decimal,
    /// A record key to be added up.
    Key,
}

impl Kind {
    /// Whether it is coded.
    pub(crate) const fn is_coded(self) -> bool {
        matches!(self, Self::Text | Self::Month | Self::Person)
    }

    /// What a column of this kind is read as where a file does not have it, if that may be: then nothing is known of any row.
    pub(crate) fn may_be_absent(self) -> Option<DataType> {
        match self {
            Self::Text => Some(DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8))),
            Self::Amount => Some(DataType::Int64),
            Self::Decimal => Some(DataType::Float64),
            // Without these nobody knows whose a row is, or when it was.
            Self::Month | Self::Person | Self::Key => None,
        }
    }

    /// Bytes that so many rows take at most, with their values where each row may have one of its own.
    pub(crate) fn bytes(self, rows: usize, values: usize) -> usize {
        let code = match values {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        match self {
            Self::Text | Self::Month => rows.saturating_mul(code),
            // Codes, and each person in the list and in the map.
            Self::Person => rows.saturating_mul(code).saturating_add(values.min(rows).saturating_mul(68)),
            Self::Amount | Self::Decimal => rows.saturating_mul(9),
            Self::Key => rows.saturating_mul(8),
        }
    }

    /// Whether it is summed as a measure.
    pub(crate) const fn is_amount(self) -> bool {
        matches!(self, Self::Amount | Self::Decimal)
    }
}

/// A column of some rows.
pub(crate) enum Column {
    /// Codes below 2^8.
    Narrow(Vec<u8>),
    /// Codes below 2^16.
    Middle(Vec<u16>),
    /// Any codes.
    Wide(Vec<u32>),
    /// Amounts, and whether each is known, if not all are.
    Amounts(Vec<i64>, Option<Vec<bool>>),
    /// Record keys.
    Keys(Vec<u64>),
}

/// Nothing of a row.
impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} bytes, redacted)", self.bytes())
    }
}

impl Column {
    /// Codes, as narrow as they are.
    pub(crate) fn coded(codes: Vec<u32>) -> Self {
        let greatest = codes.iter().fold(0, |greatest, code| greatest.max(*code));
        #[allow(clippy::cast_possible_truncation, reason = "none is greater than the greatest")]
        if greatest <= u32::from(u8::MAX) {
            Self::Narrow(codes.into_iter().map(|code| code as u8).collect())
        } else if greatest <= u32::from(u16::MAX) {
            Self::Middle(codes.into_iter().map(|code| code as u16).collect())
        } else {
            Self::Wide(codes)
        }
    }

    pub(crate) fn codes(&self) -> Option<Codes<'_>> {
        match self {
            Self::Narrow(codes) => Some(Codes::U8(codes)),
            Self::Middle(codes) => Some(Codes::U16(codes)),
            Self::Wide(codes) => Some(Codes::U32(codes)),
            Self::Amounts(..) | Self::Keys(_) => None,
        }
    }

    pub(crate) fn amounts(&self) -> Option<Amounts<'_>> {
        match self {
            Self::Amounts(amounts, known) => Some(Amounts { amounts, known: known.as_deref() }),
            _ => None,
        }
    }

    pub(crate) fn keys(&self) -> Option<&[u64]> {
        match self {
            Self::Keys(keys) => Some(keys),
            _ => None,
        }
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Narrow(codes) => codes.len(),
            Self::Middle(codes) => codes.len() * 2,
            Self::Wide(codes) => codes.len() * 4,
            Self::Amounts(amounts, known) => amounts.len() * 8 + known.as_ref().map_or(0, Vec::len),
            Self::Keys(keys) => keys.len() * 8,
        }
    }
}
