//! The values of a coded column, and their codes.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::EngineError;

/// Values in the order in which they were first seen; a value's code is its place. Codes never change, so that columns that were
/// coded early stay as they are when more values turn up.
pub(crate) struct Interner<T> {
    values: Vec<T>,
    codes: HashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), codes: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    fn code(&mut self, value: &T) -> Result<u32, EngineError> {
        if let Some(code) = self.codes.get(value) {
            return Ok(*code);
        }
        // One less than could be numbered, so that their number can be, too.
        let code = u32::try_from(self.values.len()).ok().filter(|code| *code < u32::MAX - 1);
        let code = code.ok_or(EngineError::TooLarge {
            needed: u64::from(u32::MAX),
            unit: "different values of a column",
            limit: u64::from(u32::MAX) - 1,
            setting: "the number of rows that are sent",
        })?;
        self.values.push(value.clone());
        self.codes.insert(value.clone(), code);
        Ok(code)
    }
}

/// The values of one column.
pub(crate) enum Values {
    /// Categories, areas, partners; a missing one is a value too.
    Texts(Interner<Option<Box<str>>>),
    /// Months since year 0.
    Months(Interner<i32>),
    /// Pseudonyms or record keys; who is behind rows without one may be one person.
    People(Interner<Option<[u8; 16]>>),
}

/// The values of one column, shared by everything that is coded with them.
#[derive(Clone)]
pub(crate) struct SharedValues(Arc<RwLock<Values>>);

/// Not who people are.
impl fmt::Debug for SharedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedValues({}, redacted)", self.len())
    }
}

impl SharedValues {
    pub(crate) fn new(values: Values) -> Self {
        Self(Arc::new(RwLock::new(values)))
    }

    /// Whether they are the same list.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// To be read. What a thread that panicked had added is no less true.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Values> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Values> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        self.read().len()
    }

    /// Bytes that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        match &*self.read() {
            Values::Texts(texts) => texts.values.len() * 96,
            Values::Months(months) => months.values.len() * 16,
            // In the list and in the map, of which a part is always empty.
            Values::People(people) => people.values.capacity() * 17 + people.codes.capacity() * 25,
        }
    }

    /// The codes of texts.
    pub(crate) fn of_texts<'a>(&self, texts: impl Iterator<Item = Option<&'a str>>) -> Result<Vec<u32>, EngineError> {
        let Values::Texts(known) = &mut *self.write() else { return Ok(Vec::new()) };
        texts.map(|text| known.code(&text.map(Box::from))).collect()
    }

    /// The codes of months, appended to a list.
    pub(crate) fn of_months(&self, months: &[i32], codes: &mut Vec<u32>) -> Result<(), EngineError> {
        let Values::Months(known) = &mut *self.write() else { return Ok(()) };
        // Rows are sorted by month: it hardly ever changes.
        let mut last = None;
        for month in months {
            let code = match last {
                Some((same, code)) if same == *month => code,
                _ => known.code(month)?,
            };
            last = Some((*month, code));
            codes.push(code);
        }
        Ok(())
    }

    /// The codes of people, appended to a list.
    pub(crate) fn of_people(
        &self,
        people: impl Iterator<Item = Option<[u8; 16]>>,
        codes: &mut Vec<u32>,
    ) -> Result<(), EngineError> {
        let Values::People(known) = &mut *self.write() else { return Ok(()) };
        for who in people {
            codes.push(known.code(&who)?);
        }
        Ok(())
    }
}

impl Values {
    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.values.len(),
            Self::Months(months) => months.values.len(),
            Self::People(people) => people.values.len(),
        }
    }

    /// The text of a code; `None` for a missing one.
    pub(crate) fn text(&self, code: u32) -> Option<&str> {
        match self {
            Self::Texts(texts) => texts.values.get(code as usize)?.as_deref(),
            _ => None,
        }
    }

    /// The month of a code.
    pub(crate) fn month(&self, code: u32) -> Option<i32> {
        match self {
            Self::Months(months) => months.values.get(code as usize).copied(),
            _ => None,
        }
    }

    /// Who a code stands for.
    pub(crate) fn who(&self, code: u32) -> Option<[u8; 16]> {
        match self {
            Self::People(people) => people.values.get(code as usize).copied().flatten(),
            _ => None,
        }
    }
}
