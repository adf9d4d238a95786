//! Whether what an indicator asks for can be in its datasets. A definition that can only give zeros, or sums of what
//! cannot be added, is refused when it is read: nothing in a table would show that it is wrong.

use std::collections::BTreeMap;

use model::contract::{ColumnType, DatasetContract, Level, LinkScheme, Links};
use model::indicator::{Indicator, IndicatorType, Measure, View};
use model::{AgeBand, AreaType, DatasetId, PeriodType, Tier};

use super::ages::{self, Ages};
use crate::publish::carries_over;
use crate::requests::classifications;

/// What a dimension of a dataset holds, beside `unknown`.
enum Values {
    /// These categories.
    Listed(Vec<String>),
    /// Ages, in years or in bands.
    Ages(Ages),
    /// The contract does not say.
    Unlisted,
}

/// Checks an indicator against the contracts of its numerator and of its denominator.
///
/// # Errors
/// What cannot be answered, why, and what to do.
pub(super) fn indicator(
    indicator: &Indicator,
    numerator: &DatasetContract,
    denominator: Option<&DatasetContract>,
) -> Result<(), String> {
    not_divided(numerator)?;
    denominator.map_or(Ok(()), not_divided)?;
    measure(&indicator.numerator, numerator)?;
    if let (Some(of), Some(contract)) = (&indicator.denominator, denominator) {
        measure(of, contract)?;
    }
    if let (IndicatorType::Proportion, Some(of)) = (indicator.indicator_type, &indicator.denominator) {
        part_of(&indicator.numerator, of, numerator)?;
    }
    match indicator.indicator_type {
        IndicatorType::Score => score(indicator, numerator)?,
        IndicatorType::Count | IndicatorType::CrudeRate | IndicatorType::Proportion => {
            whole_numbers(&indicator.numerator, numerator)?;
            if let (Some(of), Some(contract)) = (&indicator.denominator, denominator) {
                whole_numbers(of, contract)?;
            }
        }
    }
    linked_people(indicator, numerator, denominator)?;
    for view in &indicator.views {
        let foreign = denominator.filter(|contract| contract.id != numerator.id);
        dimensions(view, numerator)
            .and_then(|()| areas_and_periods(view, numerator))
            .and_then(|()| filtered(view, indicator, numerator, denominator))
            .and_then(|()| foreign.map_or(Ok(()), |contract| over(view, numerator, contract)))
            .map_err(|problem| format!("view `{}` {problem}", view.name))?;
    }
    Ok(())
}

/// What can be said of people whose records are linked: how many there are, by the areas and the period that are registered.
fn linked_people(
    indicator: &Indicator,
    numerator: &DatasetContract,
    denominator: Option<&DatasetContract>,
) -> Result<(), String> {
    if let Some(of) = denominator.filter(|of| of.links.is_some()) {
        return Err(format!(
            "`{}` has noise, so that every rate over it would move: take a denominator that is open",
            of.id
        ));
    }
    let Some(links) = &numerator.links else { return Ok(()) };
    if !indicator.numerator.filter.is_empty() {
        return Err(format!(
            "`{}` counts people by how many services know them, and everybody is counted: leave the filter out, and break a view down by `{}`",
            numerator.id,
            Links::DIMENSION
        ));
    }
    if indicator.indicator_type == IndicatorType::Proportion {
        return Err("people known to services are no part of a whole that is counted with them: make it a crude rate"
            .to_owned());
    }
    if indicator.tier == Tier::Public {
        return Err("linked records are for partners: say `tier = \"partners\"`".to_owned());
    }
    if let Some(view) = indicator.views.iter().find(|view| view.period_type != links.period) {
        return Err(format!(
            "view `{}` is by {}, and people of `{}` are counted by {}: who is in several of these would be counted several times",
            view.name, view.period_type, numerator.id, links.period
        ));
    }
    match indicator.views.iter().find(|view| !links.areas.contains(&view.area_type)) {
        Some(view) => Err(format!(
            "view `{}` is by {}, which `links.areas` of `{}` does not register: noise was made for those that it does",
            view.name, view.area_type, numerator.id
        )),
        None => Ok(()),
    }
}

/// Checks over which datasets people are counted: all must say who people are in the same way, and none may be counted twice.
///
/// # Errors
/// As [`indicator`].
pub(super) fn linked<'a>(
    contract: &DatasetContract,
    contracts: &BTreeMap<DatasetId, DatasetContract>,
    mut others: impl Iterator<Item = &'a DatasetContract>,
) -> Result<(), String> {
    let Some(links) = &contract.links else { return Ok(()) };
    if let Some(other) = others.next() {
        return Err(format!(
            "people are counted by `{}` already: what both say of somebody together is more than either may, whichever datasets they are of; keep one",
            other.id
        ));
    }
    let mut area_type = None;
    for id in &links.datasets {
        let of = contracts.get(id).ok_or_else(|| format!("`links.datasets` names `{id}`, which has no contract"))?;
        let scheme = of.link().and_then(|column| column.scheme);
        if of.exposure.is_open() || of.level == Level::Aggregate || scheme.is_none() {
            return Err(format!(
                "`links.datasets` names `{id}`, whose rows do not say who they are about: leave it out"
            ));
        }
        if scheme != Some(LinkScheme::NhsNumber) {
            return Err(format!(
                "`links.datasets` names `{id}`, which identifies people in a way of its own, so that nobody in it is found elsewhere: leave it out, or have it supplied with `scheme = \"nhs-number\"`"
            ));
        }
        if *area_type.get_or_insert(of.geography.area_type) != of.geography.area_type {
            return Err(format!(
                "`links.datasets` names `{id}`, whose rows are by {}, and others are not: leave it out",
                of.geography.area_type
            ));
        }
        if !made_of(links.period, of.finest_period()) {
            return Err(format!(
                "`links.period` is {}, and `{id}` can be told apart by {} only",
                links.period,
                of.finest_period()
            ));
        }
    }
    let finer = |kind: &&AreaType| area_type.is_some_and(|of| of > **kind);
    match links.areas.iter().find(finer) {
        Some(kind) => Err(format!("`links.areas` names {kind}, finer than the areas of the rows")),
        None => Ok(()),
    }
}

/// Checks what a contract registers to be crossed: areas and periods that its data can be told apart by.
///
/// # Errors
/// As [`indicator`].
pub(super) fn crossings(contract: &DatasetContract) -> Result<(), String> {
    let Some(crossings) = &contract.crossings else { return Ok(()) };
    not_divided(contract)?;
    for area_type in &crossings.areas {
        for period_type in &crossings.periods {
            let (area_type, period_type, by) = (*area_type, *period_type, crossings.by.clone());
            let view = View { name: "crossings".to_owned(), area_type, period_type, by, age_bands: Vec::new() };
            let checked = dimensions(&view, contract).and_then(|()| areas_and_periods(&view, contract));
            checked
                .map_err(|problem| format!("a crossing of `[crossings]` by {area_type} and {period_type} {problem}"))?;
        }
    }
    Ok(())
}

/// Figures of areas that are divided between others when they are taken in: of a part that is shown its withheld neighbour
/// follows, as the division is public.
fn not_divided(contract: &DatasetContract) -> Result<(), String> {
    if contract.exposure.is_open() || !carries_over(contract) {
        return Ok(());
    }
    Err(format!(
        "`{}` is controlled and may state LSOAs of 2011, which are divided between those of 2021 by a rule that everybody knows: have it supplied for areas of 2021, or by postcode or point",
        contract.id
    ))
}

/// A measure and its filter.
fn measure(measure: &Measure, contract: &DatasetContract) -> Result<(), String> {
    let id = &contract.id;
    if !contract.measures().contains(&measure.measure.as_str()) {
        return Err(format!("`{id}` has no measure `{}`: it has {}", measure.measure, contract.measures().join(", ")));
    }
    for (dimension, accepted) in &measure.filter {
        if !contract.dimensions().contains(&dimension.as_str()) {
            let known = contract.dimensions().join(", ");
            return Err(format!("`{id}` has no dimension `{dimension}` to filter by: it has {known}"));
        }
        if accepted.is_empty() {
            return Err(format!(
                "the filter on `{dimension}` accepts no value, so that every figure is 0: name values, or leave it out"
            ));
        }
        for value in accepted {
            holds(contract, dimension, value).map_err(|why| format!("the filter on `{dimension}` of `{id}` {why}"))?;
        }
    }
    Ok(())
}

/// A proportion is a part of a whole: whatever is counted above is counted below.
fn part_of(part: &Measure, whole: &Measure, contract: &DatasetContract) -> Result<(), String> {
    if part.dataset != whole.dataset {
        return Err(format!(
            "a proportion is a part of a whole, but `{}` and `{}` are two datasets: make it a crude rate",
            part.dataset, whole.dataset
        ));
    }
    if !contract.exposure.is_open() {
        related(part, whole, contract)?;
    }
    for (dimension, accepted) in &whole.filter {
        let inside = |value: &String| accepted.iter().any(|other| ages::within_and_share(value, other).0);
        if !part.filter.get(dimension).is_some_and(|values| values.iter().all(inside)) {
            return Err(format!(
                "a proportion is a part of a whole, but the numerator takes more of `{dimension}` than the denominator: filter it by {}, or make it a crude rate",
                accepted.join(", ")
            ));
        }
    }
    Ok(())
}

/// Whether the contract says of a proportion's columns that one is part of the other. What is protected needs it.
fn related(part: &Measure, whole: &Measure, contract: &DatasetContract) -> Result<(), String> {
    let (column, of) = (&part.measure, &whole.measure);
    if column == of || contract.is_part(column, of) {
        return Ok(());
    }
    Err(format!(
        "a proportion is a part of a whole, but the contract of `{}` does not say that `{column}` is part of `{of}`, and what is protected must be protected against their difference: say `part_of = \"{of}\"` of the column, or make it a crude rate",
        contract.id
    ))
}

/// Why a dataset cannot be protected with these indicators, where an agreement protects what its contract calls open.
pub(crate) fn unrelated<'a>(
    mut indicators: impl Iterator<Item = &'a Indicator>,
    contract: &DatasetContract,
) -> Option<String> {
    indicators.find_map(|indicator| {
        let of = indicator.denominator.as_ref().filter(|of| of.dataset == contract.id)?;
        let proportion = indicator.indicator_type == IndicatorType::Proportion;
        related(&indicator.numerator, of, contract).err().filter(|_| proportion)
    })
}

/// Whether rows of a dataset can have a category, wholly or not at all.
pub(crate) fn holds(contract: &DatasetContract, dimension: &str, value: &str) -> Result<(), String> {
    if value == engine::UNKNOWN {
        return Ok(());
    }
    match values(contract, dimension) {
        Values::Ages(ages) => ages.hold(value),
        Values::Listed(known) if known.iter().any(|category| category == value) => Ok(()),
        Values::Listed(known) => {
            Err(format!("names `{value}`, which no row has: the contract has {}", known.join(", ")))
        }
        Values::Unlisted => Err(format!(
            "names `{value}`, but the contract does not say which categories there are: list them in `allowed`"
        )),
    }
}

fn values(contract: &DatasetContract, dimension: &str) -> Values {
    let mut listed = classifications(contract).remove(dimension).unwrap_or_default();
    let column = contract.columns.iter().find(|column| column.name == dimension);
    match dimension {
        "age" => match ages::of(&listed, column) {
            Some(ages) => Values::Ages(ages),
            None => Values::Unlisted,
        },
        "sex" if listed.is_empty() => Values::Listed(vec!["female".to_owned(), "male".to_owned()]),
        _ if listed.is_empty() => Values::Unlisted,
        _ => {
            // What the contract does not list is stored under this name.
            if dimension != "sex" && column.is_some_and(|column| column.column_type == ColumnType::Text) {
                listed.push("other".to_owned());
            }
            Values::Listed(listed)
        }
    }
}

/// What a view is broken down by.
fn dimensions(view: &View, contract: &DatasetContract) -> Result<(), String> {
    let id = &contract.id;
    for dimension in &view.by {
        if !contract.dimensions().contains(&dimension.as_str()) {
            let known = contract.dimensions().join(", ");
            return Err(format!("is broken down by `{dimension}`, which `{id}` does not have: it has {known}"));
        }
        if dimension == "age" && !view.age_bands.is_empty() {
            for band in &view.age_bands {
                holds(contract, dimension, &band.to_string()).map_err(|why| format!("by age in `{id}` {why}"))?;
            }
            continue;
        }
        let categories = classifications(contract).remove(dimension).unwrap_or_default();
        if categories.is_empty() {
            return Err(format!(
                "is broken down by `{dimension}`, but the contract of `{id}` does not say which categories there are: give `allowed` or `bands`"
            ));
        }
        if dimension == "age" && categories.iter().any(|age| age.parse::<AgeBand>().is_err()) {
            return Err(format!("is broken down by age, and `{id}` has single years: give the view `age_bands`"));
        }
    }
    Ok(())
}

/// A category that a filter leaves out is 0 everywhere, above or below.
fn filtered(
    view: &View,
    indicator: &Indicator,
    contract: &DatasetContract,
    denominator: Option<&DatasetContract>,
) -> Result<(), String> {
    for dimension in &view.by {
        let categories = categories(view, contract, dimension);
        let mut shown = categories.iter().filter(|category| *category != engine::UNKNOWN);
        if let Some(accepted) = indicator.numerator.filter.get(dimension) {
            let inside = |category: &str| accepted.iter().any(|other| ages::within_and_share(category, other).0);
            if let Some(left_out) = shown.clone().find(|category| !inside(category)) {
                return Err(format!(
                    "shows `{left_out}`, which the numerator's filter on `{dimension}` leaves out: leave `{dimension}` out of `by`, or out of the filter"
                ));
            }
        }
        let shares = denominator.is_some_and(|of| of.dimensions().contains(&dimension.as_str()));
        let below = indicator.denominator.as_ref().filter(|_| shares).and_then(|of| of.filter.get(dimension));
        if let Some(accepted) = below {
            let meets = |category: &str| accepted.iter().any(|other| ages::within_and_share(category, other).1);
            if let Some(left_out) = shown.find(|category| !meets(category)) {
                return Err(format!(
                    "shows `{left_out}`, of which the denominator's filter on `{dimension}` leaves nothing: widen the filter"
                ));
            }
        }
    }
    Ok(())
}

/// The categories that a view shows of a dimension.
fn categories(view: &View, contract: &DatasetContract, dimension: &str) -> Vec<String> {
    if dimension == "age" && !view.age_bands.is_empty() {
        return view.age_bands.iter().map(ToString::to_string).collect();
    }
    classifications(contract).remove(dimension).unwrap_or_default()
}

fn areas_and_periods(view: &View, contract: &DatasetContract) -> Result<(), String> {
    let (id, kind) = (&contract.id, view.period_type);
    if contract.geography.area_type > view.area_type {
        return Err(format!("is by {}, finer than the {} of `{id}`", view.area_type, contract.geography.area_type));
    }
    if contract.stock && kind != contract.partition {
        return Err(format!(
            "is by {kind}, but `{id}` is a state at one date of each {} (`stock`), and states are not added: use that period",
            contract.partition
        ));
    }
    let finest = contract.finest_period();
    if !made_of(kind, finest) {
        return Err(format!(
            "is by {kind}, but the figures of `{id}` can be told apart by {finest} only, which does not make up every {kind}: use another period, or a contract whose rows are events dated by month"
        ));
    }
    Ok(())
}

/// Whether every period of one type is made up of whole periods of another.
fn made_of(kind: PeriodType, finest: PeriodType) -> bool {
    match finest {
        PeriodType::Month => true,
        PeriodType::Quarter => {
            matches!(kind, PeriodType::Quarter | PeriodType::CalendarYear | PeriodType::FinancialYear)
        }
        _ => kind == finest,
    }
}

/// A denominator of another dataset: it is taken for one of its partitions, by the categories that both have.
fn over(view: &View, numerator: &DatasetContract, of: &DatasetContract) -> Result<(), String> {
    let id = &of.id;
    if of.geography.area_type > view.area_type {
        return Err(format!("is by {}, finer than the {} of `{id}`", view.area_type, of.geography.area_type));
    }
    if !of.stock && of.partition != view.period_type {
        return Err(format!(
            "is by {}, but its denominator in `{id}` is of one {}: use that period or, if it is a state at one date, say `stock = true` in the contract",
            view.period_type, of.partition
        ));
    }
    for dimension in view.by.iter().filter(|dimension| of.dimensions().contains(&dimension.as_str())) {
        for category in &categories(view, numerator, dimension) {
            holds(of, dimension, category)
                .map_err(|why| format!("by `{dimension}` in its denominator `{id}` {why}"))?;
        }
    }
    Ok(())
}

/// Scores cannot be added: every figure shown must be one figure of the source.
fn score(indicator: &Indicator, contract: &DatasetContract) -> Result<(), String> {
    let (id, measure) = (&contract.id, &indicator.numerator);
    if !is_decimal(measure, contract) {
        return Err(format!(
            "`{}` of `{id}` is a whole number, which is counted: make the indicator a count, or the column `decimal`",
            measure.measure
        ));
    }
    if contract.level != Level::Aggregate || !contract.stock {
        return Err(format!(
            "a score is a state of an area: say `level = \"aggregate\"` and `stock = true` in the contract of `{id}`, or use another type"
        ));
    }
    for dimension in contract.dimensions() {
        let one = measure.filter.get(dimension).is_some_and(|accepted| accepted.len() == 1);
        if !one {
            return Err(format!(
                "`{id}` has a score for each `{dimension}`, and scores cannot be added: filter by one value of it"
            ));
        }
    }
    for view in &indicator.views {
        if view.area_type != contract.geography.area_type || !view.by.is_empty() {
            return Err(format!(
                "view `{}` would add scores of `{id}`, which cannot be added: show them by {} and without a breakdown",
                view.name, contract.geography.area_type
            ));
        }
    }
    Ok(())
}

/// Counts, rates and proportions are of whole numbers.
fn whole_numbers(measure: &Measure, contract: &DatasetContract) -> Result<(), String> {
    if is_decimal(measure, contract) {
        return Err(format!(
            "`{}` of `{}` is a decimal, which cannot be counted: use the type `score`, or a measure of whole numbers",
            measure.measure, contract.id
        ));
    }
    Ok(())
}

fn is_decimal(measure: &Measure, contract: &DatasetContract) -> bool {
    let mut columns = contract.columns.iter().filter(|column| column.name == measure.measure);
    columns.any(|column| column.column_type == ColumnType::Decimal)
}
