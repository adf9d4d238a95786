//! Groups whose agreements have noise added to their figures. What may ever be asked of one is registered by its contract, and judged as a
//! whole before any of its data are looked at; figures of views and answers to questions follow from one release.

mod grammar;
mod release;

pub(crate) use grammar::Grammar;
pub(crate) use release::{count_request, counted, in_order_of_counts};

use std::collections::BTreeSet;
use std::sync::Arc;

use agreements::{Method, NoiseTerms, PrimaryRules, Terms};
use disclosure::{Judged, Noise};
use model::AreaType;
use model::contract::DatasetContract;
use model::indicator::{Indicator, View};

use super::residents::too_small;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{State, digest_of};

/// The measure that counts rows or, where it is known whose they are, people.
const COUNT: &str = "count";

fn refused<T>(reason: String) -> Result<T, PlatformError> {
    Err(PlatformError::Unpublishable { reason })
}

/// The noise of a group by its strictest terms; none where cells are withheld, which comes first wherever it is accepted.
pub(super) fn noise_of(terms: &Terms) -> Result<Option<NoiseTerms>, PlatformError> {
    match Method::used(&terms.methods) {
        Some(Method::Suppress) => return Ok(None),
        Some(Method::Perturb) => {}
        None => {
            let reason = "its agreements share no method of protection: all must accept `suppress`, or all `perturb`";
            return refused(reason.to_owned());
        }
    }
    match terms.noise {
        Some(noise) => Ok(Some(noise)),
        None => {
            refused("its agreements accept `perturb` alone and none says which noise: add `[terms.noise]`".to_owned())
        }
    }
}

/// The parameters as the method takes them.
pub(crate) fn parameters(terms: &NoiseTerms) -> Result<Noise, PlatformError> {
    let noise = Noise::new(
        terms.largest,
        f64::from(terms.variance),
        terms.least_shown,
        f64::from(terms.stays_per_thousand) / 1000.0,
    );
    noise.or_else(|error| {
        refused(format!("`[terms.noise]` of its agreements, taken together, is not possible: {error}"))
    })
}

/// Why a view cannot be shown with noise, if it cannot: it follows from what is registered, or not at all.
pub(super) fn not_registered(contract: &DatasetContract, indicator: &Indicator, view: &View) -> Option<String> {
    let Some(grammar) = Grammar::of(contract) else {
        return Some(format!(
            "noise is added to figures of `{}`, and its contract registers no `[crossings]`",
            contract.id
        ));
    };
    let own = [Some(&indicator.numerator), indicator.denominator.as_ref()];
    let mut own = own.into_iter().flatten().filter(|measure| measure.dataset == contract.id);
    if let Some(measure) = own.find(|measure| measure.measure != COUNT || !measure.filter.is_empty()) {
        return Some(format!(
            "noise is added to counts of all rows, by registered dimensions: `{}` is something else; count rows, and break them down",
            measure.identity()
        ));
    }
    if indicator.numerator.dataset != contract.id {
        return Some("a denominator with noise would move every rate: take one that is open".to_owned());
    }
    let by = requests::dimensions(contract, view);
    let by = by.iter().map(|dimension| (dimension.name.as_str(), dimension.categories.as_slice()));
    (!grammar.has(view.area_type, view.period_type, by)).then(|| {
        format!("noise is added to registered crossings: `[crossings]` of `{}` has not all that it is by", contract.id)
    })
}

/// Refuses to register crossings whose areas are too small or differ by slivers, or that are by what is sensitive.
pub(super) fn check_primary(
    state: &State,
    contract: &DatasetContract,
    primary: &PrimaryRules,
) -> Result<(), PlatformError> {
    let Some(grammar) = Grammar::of(contract) else { return Ok(()) };
    let mut counted = grammar.by.keys().map(String::as_str).chain([COUNT]);
    if let Some(name) = counted.find(|name| primary.sensitive.contains(*name)) {
        return refused(format!(
            "`{name}` is sensitive, and noise does not hide that a group is alike in it: take it out of `[crossings]`, or agree on `suppress`"
        ));
    }
    if let Some((area_type, why)) =
        too_small(state, grammar.areas.iter().copied(), primary.minimum_population)?.pop_first()
    {
        return refused(format!("`[crossings]` by {area_type}: {why}"));
    }
    let crossed = |(one, other): (AreaType, AreaType)| grammar.areas.contains(&one) && grammar.areas.contains(&other);
    let geographies = &state.geography()?.registered;
    match geographies.refusals().find(|(types, _)| crossed(*types)) {
        Some(((one, other), why)) => refused(format!("`[crossings]` by {one} and {other}: {why}")),
        None => Ok(()),
    }
}

impl Platform {
    /// Judges all that was ever registered of a group; the same is judged once.
    pub(super) fn judged(
        &self,
        state: &State,
        contract: &DatasetContract,
        grammar: &Grammar,
        (noise, protects_zeros): (&NoiseTerms, bool),
    ) -> Result<Arc<Judged>, PlatformError> {
        let registered = grammar.registered(&state.geography()?.gazetteer, contract.geography.area_type);
        let text = serde_json::to_vec(&(&registered, noise, protects_zeros));
        let of = digest_of([text.map_err(PlatformError::failed("write a registration"))?.as_slice()]);
        if let Some(known) = self.judgements().get(&of) {
            return known.clone().or_else(refused);
        }
        let cap = f64::from(noise.guess_per_thousand) / 1000.0;
        let judged = Judged::new(&registered, &parameters(noise)?, cap, protects_zeros);
        let judged = judged.map(Arc::new).map_err(|why| format!("`[crossings]` are refused: {why}"));
        self.judgements().insert(of, judged.clone());
        judged.or_else(refused)
    }
}

/// The types of areas that crossings are by.
pub(super) fn area_types(grammar: Option<&Grammar>) -> BTreeSet<AreaType> {
    grammar.map(|grammar| grammar.areas.clone()).unwrap_or_default()
}
