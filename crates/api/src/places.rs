//! Places for uploads: so many at once, and so many of them for one organisation, so that none can take them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::OrganisationId;

/// The places, and who has taken how many.
#[derive(Debug)]
pub(crate) struct UploadPlaces {
    taken: Mutex<BTreeMap<OrganisationId, usize>>,
    all: usize,
    each: usize,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<UploadPlaces>,
    organisation: OrganisationId,
}

impl UploadPlaces {
    /// So many places for all together, and for each organisation.
    pub(crate) const fn new(all: usize, each: usize) -> Self {
        Self { taken: Mutex::new(BTreeMap::new()), all, each }
    }

    /// A place for an organisation.
    ///
    /// # Errors
    /// With why there is none, in words that say nothing about other organisations.
    pub(crate) fn take(self: &Arc<Self>, organisation: &OrganisationId) -> Result<Place, String> {
        let mut taken = self.taken();
        if taken.get(organisation).is_some_and(|own| *own >= self.each) || self.each == 0 {
            return Err(format!("your organisation has {} uploads under way, the most it may have", self.each));
        }
        if taken.values().sum::<usize>() >= self.all {
            return Err("all upload places are taken".to_owned());
        }
        *taken.entry(organisation.clone()).or_default() += 1;
        Ok(Place { places: Arc::clone(self), organisation: organisation.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<OrganisationId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(own) = taken.get_mut(&self.organisation) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.organisation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organisation_never_takes_every_place() {
        let places = Arc::new(UploadPlaces::new(3, 2));
        let [fire, police, health] = ["fire-service", "police-force", "health-trust"].map(|id| id.parse().unwrap());
        let first = places.take(&fire).unwrap();
        let second = places.take(&fire).unwrap();
        assert!(places.take(&fire).unwrap_err().contains("your organisation has 2"));
        let third = places.take(&police).unwrap();
        assert_eq!(places.take(&health).unwrap_err(), "all upload places are taken");
        drop(first);
        drop(places.take(&health).unwrap());
        drop((second, third));
        assert!(places.taken().is_empty());
    }
}
