//! Contracts and indicators, loaded from text and checked against each other.

mod ages;
pub(crate) mod check;

use std::collections::BTreeMap;

use model::contract::{Counts, DatasetContract};
use model::indicator::{Indicator, Measure, View};
use model::{DatasetId, DefinitionError, IndicatorId, ViewId};

/// A definition file: its name as the reader knows it, and its text.
#[derive(Debug, Clone)]
pub struct DefinitionFile {
    /// Relative path.
    pub name: String,
    /// TOML text.
    pub text: String,
}

/// Every contract and indicator that is in order.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    contracts: BTreeMap<DatasetId, DatasetContract>,
    /// Datasets that nobody uploads: people counted over others.
    linked: BTreeMap<DatasetId, DatasetContract>,
    indicators: BTreeMap<IndicatorId, Indicator>,
}

impl Definitions {
    /// Reads contracts and indicators. A file with a mistake is left out and reported; the others stand.
    #[must_use]
    pub fn load(contracts: &[DefinitionFile], indicators: &[DefinitionFile]) -> (Self, Vec<DefinitionError>) {
        let mut definitions = Self::default();
        let mut errors = Vec::new();
        let mut linked = Vec::new();
        for file in contracts {
            let result = DatasetContract::parse(&file.name, &file.text).and_then(|contract| match contract.links {
                None => definitions.add_contract(file, contract),
                Some(_) => {
                    linked.push((file, contract));
                    Ok(())
                }
            });
            errors.extend(result.err());
        }
        // After those that they are counted over.
        errors.extend(linked.into_iter().filter_map(|(file, contract)| definitions.add_linked(file, contract).err()));
        for file in indicators {
            let result = Indicator::parse(&file.name, &file.text)
                .and_then(|indicator| definitions.add_indicator(file, indicator));
            errors.extend(result.err());
        }
        (definitions, errors)
    }

    /// The contract of a dataset, or what is known of one that is counted over others.
    #[must_use]
    pub fn contract(&self, dataset: &DatasetId) -> Option<&DatasetContract> {
        self.contracts.get(dataset).or_else(|| self.linked.get(dataset))
    }

    /// What is known of datasets that are counted over others, by dataset.
    pub fn linked(&self) -> impl Iterator<Item = &DatasetContract> {
        self.linked.values()
    }

    /// The datasets whose records are linked for an indicator, if any are.
    pub(crate) fn linked_by(&self, indicator: &Indicator) -> &[DatasetId] {
        let links = self.linked.get(&indicator.numerator.dataset).and_then(|contract| contract.links.as_ref());
        links.map_or(&[], |links| &links.datasets)
    }

    /// The datasets whose rows an indicator's numbers are made of.
    pub(crate) fn sources(&self, indicator: &Indicator) -> Vec<DatasetId> {
        let of = |dataset: &DatasetId| match self.linked.get(dataset).and_then(|contract| contract.links.as_ref()) {
            Some(links) => links.datasets.clone(),
            None => vec![dataset.clone()],
        };
        indicator.datasets().flat_map(of).collect()
    }

    /// The contracts of all datasets that are uploaded, by dataset.
    pub fn contracts(&self) -> impl Iterator<Item = &DatasetContract> {
        self.contracts.values()
    }

    /// The open dataset that says how many people live where.
    #[must_use]
    pub fn residents(&self) -> Option<&DatasetContract> {
        self.contracts.values().find(|contract| contract.counts == Counts::Residents)
    }

    /// One indicator.
    #[must_use]
    pub fn indicator(&self, id: &IndicatorId) -> Option<&Indicator> {
        self.indicators.get(id)
    }

    /// All indicators, by id.
    pub fn indicators(&self) -> impl Iterator<Item = &Indicator> {
        self.indicators.values()
    }

    /// The indicator and the view of a view id.
    #[must_use]
    pub fn view(&self, id: &ViewId) -> Option<(&Indicator, &View)> {
        let indicator = self.indicators.get(&id.indicator().parse().ok()?)?;
        Some((indicator, indicator.views.iter().find(|view| view.name == id.view())?))
    }

    /// The indicators whose numbers stand on a dataset.
    pub fn indicators_on<'a>(&'a self, dataset: &'a DatasetId) -> impl Iterator<Item = &'a Indicator> {
        self.indicators.values().filter(move |indicator| indicator.datasets().any(|used| used == dataset))
    }

    /// Puts an indicator in the place of the one with its id.
    pub(crate) fn replace(&mut self, indicator: Indicator) {
        self.indicators.insert(indicator.id.clone(), indicator);
    }

    pub(crate) fn remove(&mut self, indicator: &IndicatorId) {
        self.indicators.remove(indicator);
    }

    fn add_contract(&mut self, file: &DefinitionFile, contract: DatasetContract) -> Result<(), DefinitionError> {
        if self.contracts.contains_key(&contract.id) {
            let message = format!("dataset `{}` already has a contract: keep one file", contract.id);
            return Err(DefinitionError::whole(&file.name, message));
        }
        if let Some(other) = self.residents().filter(|_| contract.counts == Counts::Residents) {
            let message = format!(
                "`{}` counts residents already, and it must be clear how many live in an area: say `counts = \"residents\"` of one dataset",
                other.id
            );
            return Err(DefinitionError::whole(&file.name, message));
        }
        check::crossings(&contract).map_err(|message| DefinitionError::whole(&file.name, message))?;
        self.contracts.insert(contract.id.clone(), contract);
        Ok(())
    }

    fn add_linked(&mut self, file: &DefinitionFile, mut contract: DatasetContract) -> Result<(), DefinitionError> {
        let wrong = |message: String| DefinitionError::whole(&file.name, message);
        if self.contract(&contract.id).is_some() {
            return Err(wrong(format!("dataset `{}` already has a contract: keep one file", contract.id)));
        }
        check::linked(&contract, &self.contracts, self.linked.values()).map_err(wrong)?;
        let first = contract.links.iter().flat_map(|links| &links.datasets).find_map(|of| self.contracts.get(of));
        if let Some(first) = first {
            contract.geography = first.geography.clone();
        }
        self.linked.insert(contract.id.clone(), contract);
        Ok(())
    }

    fn add_indicator(&mut self, file: &DefinitionFile, indicator: Indicator) -> Result<(), DefinitionError> {
        if self.indicators.contains_key(&indicator.id) {
            let message = format!("indicator `{}` is already defined: keep one file", indicator.id);
            return Err(DefinitionError::whole(&file.name, message));
        }
        self.check(&indicator).map_err(|message| DefinitionError::whole(&file.name, message))?;
        self.indicators.insert(indicator.id.clone(), indicator);
        Ok(())
    }

    fn check(&self, indicator: &Indicator) -> Result<(), String> {
        let contract = |measure: &Measure| {
            self.contract(&measure.dataset)
                .ok_or_else(|| format!("dataset `{}` has no contract: add one, or correct the name", measure.dataset))
        };
        let denominator = indicator.denominator.as_ref().map(contract).transpose()?;
        check::indicator(indicator, contract(&indicator.numerator)?, denominator)
    }
}

#[cfg(test)]
mod tests;
