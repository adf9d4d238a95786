//! Groups whose agreements have noise added to their figures. What may ever be asked of one is registered by its contract, and judged as a
//! whole before any of its data are looked at; figures of views and answers to questions follow from one release.

mod grammar;
mod release;

pub(crate) use grammar::Grammar;
pub(crate) use release::{counted, in_order_of_counts};
pub(super) use release::{lasting, state_of};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreements::{Method, NoiseTerms, PrimaryRules, Terms, Zeros};
use disclosure::{Judged, Noise, SumNoise};
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
pub(crate) fn noise_of(terms: &Terms) -> Result<Option<NoiseTerms>, PlatformError> {
    match Method::used(&terms.methods) {
        Some(Method::Suppress) => return Ok(None),
        Some(Method::Perturb) => {}
        None => {
            let reason = "its agreements share no method of protection: all must accept `suppress`, or all `perturb`";
            return refused(reason.to_owned());
        }
    }
    let primary = &terms.primary;
    let others = [
        ("zeros = \"protect\"", terms.zeros == Zeros::Protect, "noise leaves zeros as they are"),
        ("rounding", terms.rounding > 1, "what noise and rounding say together was not judged"),
        ("primary.dominance", primary.dominance.is_some(), "noise of this size does not hide a large share"),
        ("primary.p_percent", primary.p_percent.is_some(), "noise of this size does not hide a large share"),
        (
            "primary.partner_p_percent",
            primary.partner_p_percent.is_some(),
            "noise of this size does not hide a large share",
        ),
        ("primary.decoys_per_thousand", primary.decoys_per_thousand > 0, "nothing is withheld beside noise"),
    ];
    if let Some((clause, _, why)) = others.into_iter().find(|(_, is_asked, _)| *is_asked) {
        return refused(format!(
            "its agreements, taken together, accept `perturb` alone and ask for `terms.{clause}`, but {why}: agree on `suppress`, or leave it out"
        ));
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

fn sums(grammar: &Grammar) -> Result<BTreeMap<String, SumNoise>, PlatformError> {
    let sum = |(name, most): (&String, &u64)| {
        SumNoise::new(*most)
            .map(|noise| (name.clone(), noise))
            .or_else(|error| refused(format!("`crossings.sums.{name}`: {error}")))
    };
    grammar.sums.iter().map(sum).collect()
}

/// Why a view cannot be shown with noise, if it cannot: it follows from what is registered, or not at all.
pub(super) fn not_registered(contract: &DatasetContract, indicator: &Indicator, view: &View) -> Option<String> {
    let Some(grammar) = Grammar::of(contract) else {
        return Some(format!(
            "noise is added to figures of `{}`, and its contract registers no `[crossings]`",
            contract.id
        ));
    };
    if indicator.denominator.as_ref().is_some_and(|of| of.dataset == contract.id) {
        return Some("a denominator with noise would move every rate: take one that is open".to_owned());
    }
    let measure = &indicator.numerator;
    if measure.measure != COUNT || !measure.filter.is_empty() {
        return Some(format!(
            "noise is added to counts of all rows, by registered dimensions: `{}` is something else; count rows, and break them down (sums that `crossings.sums` registers are asked for as tables)",
            measure.identity()
        ));
    }
    let by = requests::dimensions(contract, view);
    let by = by.iter().map(|dimension| (dimension.name.as_str(), dimension.categories.as_slice()));
    (!grammar.has(view.area_type, view.period_type, by)).then(|| {
        format!("noise is added to registered crossings: `[crossings]` of `{}` has not all that it is by", contract.id)
    })
}

/// Refuses crossings whose areas are too small or not made up of those of the rows, or that are by what is sensitive; and areas that
/// differ by slivers, also from what was registered before. What was out together is out.
pub(crate) fn check_primary(
    state: &State,
    (grammar, before): (&Grammar, Option<&Grammar>),
    primary: &PrimaryRules,
) -> Result<(), PlatformError> {
    let gazetteer = &state.geography()?.gazetteer;
    if let Some(area_type) = grammar.areas.iter().find(|of| !requests::resolves(gazetteer, grammar.stored, **of)) {
        return refused(format!(
            "rows are by {}, which does not make up every {area_type} of `[crossings]`",
            grammar.stored
        ));
    }
    let mut counted = grammar.by.keys().chain(grammar.sums.keys()).map(String::as_str).chain([COUNT]);
    if let Some(name) = counted.find(|name| primary.sensitive.contains(*name)) {
        return refused(format!(
            "`{name}` is sensitive, and noise does not hide that a group is alike in it: take it out of `[crossings]`, or agree on `suppress`"
        ));
    }
    let small = too_small(state, grammar.areas.iter().copied(), primary.minimum_population)?;
    if let Some((area_type, why)) = small.into_iter().next() {
        return refused(format!("`[crossings]` by {area_type}: {why}"));
    }
    let was = |area_type: AreaType| before.is_some_and(|before| before.areas.contains(&area_type));
    let crossed = |(one, other): (AreaType, AreaType)| {
        let known = |area_type: AreaType| was(area_type) || grammar.areas.contains(&area_type);
        known(one) && known(other) && !(was(one) && was(other))
    };
    let geographies = &state.geography()?.registered;
    match geographies.refusals().find(|(types, _)| crossed(*types)) {
        Some(((one, other), why)) => refused(format!("`[crossings]` by {one} and {other}: {why}")),
        None => Ok(()),
    }
}

impl Platform {
    /// Judges all that was ever registered of a group; the same is judged once.
    pub(crate) fn judged(
        &self,
        state: &State,
        grammar: &Grammar,
        noise: &NoiseTerms,
    ) -> Result<Arc<Judged>, PlatformError> {
        let registered = grammar.registered(&state.geography()?.gazetteer);
        let text = serde_json::to_vec(&(&registered, &grammar.sums, noise));
        let of = digest_of([text.map_err(PlatformError::failed("write a registration"))?.as_slice()]);
        if let Some(known) = self.judgements().get(&of) {
            return known.clone().or_else(refused);
        }
        let cap = f64::from(noise.guess_per_thousand) / 1000.0;
        let judged = Judged::with_sums(&registered, sums(grammar)?, &parameters(noise)?, cap);
        let judged = judged.map(Arc::new).map_err(|why| format!("`[crossings]` are refused: {why}"));
        self.judgements().insert(of, judged.clone());
        judged.or_else(refused)
    }

    /// Why the crossings that a contract registers are refused, under what its agreements ask for at this moment, beside what was registered before.
    pub(crate) fn refused_crossings(&self, state: &State, contract: &DatasetContract) -> Option<String> {
        let governing = state.snapshot.governing(&contract.id, self.now());
        let agreements = governing.agreements.iter().filter_map(|digest| state.snapshot.agreement(digest));
        let terms =
            agreements.filter_map(|agreement| agreement.grants().next().map(|(of, to)| agreement.terms(of, to)));
        let terms = terms.reduce(|one, other| agreements::meet(&one, &other))?;
        let registered = Grammar::of(contract)?;
        let listed = |name: &&String| {
            let of = governing.agreements.iter().filter_map(|digest| state.snapshot.agreement(digest));
            of.filter_map(|agreement| agreement.dataset(&contract.id))
                .all(|of| of.columns.iter().any(|column| column.name == **name))
        };
        if let Some(name) = registered.sums.keys().find(|name| !listed(name)) {
            return Some(format!(
                "`{}`: `crossings.sums` names `{name}`, which not all of its agreements list: nothing of it is kept or added up",
                contract.id
            ));
        }
        let check = || {
            let Some(noise) = noise_of(&terms)? else { return Ok(()) };
            let before = state.out.get(&contract.id).and_then(|group| group.basis.grammar.as_ref());
            let grammar = before.map_or(Ok(registered.clone()), |before| registered.clone().after(before));
            let grammar = grammar.or_else(refused)?;
            check_primary(state, (&registered, before), &terms.primary)?;
            self.judged(state, &grammar, &noise).map(drop)
        };
        let refusal: PlatformError = check().err()?;
        Some(format!("`{}`: {refusal}", contract.id))
    }
}

/// The types of areas that crossings are by.
pub(super) fn area_types(grammar: Option<&Grammar>) -> BTreeSet<AreaType> {
    grammar.iter().flat_map(|grammar| grammar.areas.iter().copied().chain([grammar.stored])).collect()
}

#[cfg(test)]
mod tests;
