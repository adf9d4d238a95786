//! The reading side: what exists, where it is, and the published figures.

use std::collections::BTreeSet;
use std::sync::Arc;

use agreements::Role;
use model::contract::DatasetContract;
use model::indicator::{Indicator, View};
use model::{AgeBand, AreaCode, AreaType, Exposure, Period, PurposeId, Sex, TidyRow};

use crate::caller::Caller;
use crate::cube::{Cube, visible};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::read::{
    AreaCard, AreasRequest, Boundaries, DataAnswer, DataRequest, IndicatorCard, Me, ParentCard, PeriodChoice, ViewCard,
};
use crate::state::State;

impl Platform {
    /// What the caller may do.
    #[must_use]
    pub fn me(&self, caller: &Caller) -> Me {
        let state = self.state();
        let may_upload = state
            .definitions
            .contracts()
            .filter(|contract| self.may_ingest(&state, caller, contract))
            .map(|contract| contract.id.clone())
            .collect();
        Me {
            organisation: caller.principal.organisation.clone(),
            role: caller.principal.role.as_str().to_owned(),
            purposes: caller.principal.purposes.iter().map(ToString::to_string).collect(),
            may_upload,
            may_read: self.indicators(caller).into_iter().map(|card| card.id).collect(),
        }
    }

    /// The published indicators that the caller may read.
    #[must_use]
    pub fn indicators(&self, caller: &Caller) -> Vec<IndicatorCard> {
        let state = self.state();
        let readable = state.definitions.indicators().filter(|indicator| {
            first_cube(&state, indicator).is_some() && self.may_read(&state, caller, indicator, None).is_ok()
        });
        readable.map(|indicator| card(&state, indicator)).collect()
    }

    /// Areas of the partnership, in order of type and code.
    ///
    /// # Errors
    /// If a type or the enclosing area is not registered.
    pub fn areas(&self, request: &AreasRequest) -> Result<Vec<AreaCard>, PlatformError> {
        let state = self.state();
        let gazetteer = &state.geography()?.gazetteer;
        let types: Vec<AreaType> = match request.area_type {
            Some(area_type) if gazetteer.areas(area_type).is_empty() => {
                return Err(PlatformError::no_area_type(area_type));
            }
            Some(area_type) => vec![area_type],
            None => gazetteer.area_types().collect(),
        };
        let within = request.within.as_ref().map(|code| atoms_of(&state, code)).transpose()?;
        let mut cards = Vec::new();
        for area_type in types {
            for area in gazetteer.areas(area_type) {
                let card = area_card(gazetteer, area_type, area);
                let inside = |enclosing: &BTreeSet<AreaCode>| card.atoms.iter().all(|atom| enclosing.contains(atom));
                if within.as_ref().is_none_or(inside) {
                    cards.push(card);
                }
            }
        }
        Ok(cards)
    }

    /// Display boundaries of a type of area.
    ///
    /// # Errors
    /// If the type is not registered.
    pub fn boundaries(&self, area_type: AreaType) -> Result<Boundaries, PlatformError> {
        let state = self.state();
        let boundaries = state.geography()?.boundaries.get(&area_type).cloned();
        boundaries.ok_or_else(|| PlatformError::no_area_type(area_type))
    }

    /// Published figures. Nothing is computed from unreleased data here.
    ///
    /// # Errors
    /// If the indicator does not exist for this caller, the agreements do not allow it, or a parameter fits no view.
    pub fn data(&self, caller: &Caller, request: &DataRequest) -> Result<DataAnswer, PlatformError> {
        let state = self.state();
        let missing = || PlatformError::NotFound { what: format!("indicator `{}`", request.indicator) };
        // Before anything that depends on whether the indicator exists.
        let purpose = request.purpose.as_deref().map(str::parse::<PurposeId>).transpose()?;
        let Some(indicator) = state.definitions.indicator(&request.indicator) else {
            return Err(self.unregistered(caller, audit::Work::Query, request.indicator.as_str(), missing()));
        };
        let closed = match self.may_read(&state, caller, indicator, purpose.as_ref()) {
            Ok(closed) => closed,
            // Without a credential, what is not public does not exist.
            Err(_) if caller.is_public() => return Err(missing()),
            Err(denial) => return Err(self.denied(caller, audit::Work::Query, indicator.id.as_str(), &denial)),
        };
        if let Some(unknown) = purpose.filter(|purpose| !state.snapshot.partnership().has_purpose(purpose)) {
            let problem = format!("`{unknown}` is not in the partnership's register");
            return Err(PlatformError::BadParameter { parameter: "purpose", problem });
        }
        if first_cube(&state, indicator).is_none() {
            let distrusted = indicator.datasets().any(|dataset| state.distrusted.contains_key(dataset));
            let reason =
                "it could not be shown for sure that this is what was released: the service's log says why".to_owned();
            return Err(if distrusted { PlatformError::Unavailable { reason } } else { missing() });
        }
        let views: Vec<(&View, Arc<Cube>)> =
            published(&state, indicator).map(|(view, cube)| (view, cube.without(&closed))).collect();
        let views: Vec<(&View, &Arc<Cube>)> = views.iter().map(|(view, cube)| (*view, cube)).collect();
        let (view, cube) = choose_view(indicator, &views, request)?;
        let chosen = Chosen::new(&state, view, cube, request)?;
        #[expect(clippy::disallowed_methods, reason = "a selection of released rows")]
        let rows =
            cube.rows.as_ref().map(|rows| rows.iter().filter(|row| chosen.takes(row)).cloned().collect::<Vec<_>>());
        let notes = if rows.get().is_empty() { chosen.what_exists(cube) } else { cube.noise.iter().cloned().collect() };
        self.accesses().count(cube.view.clone(), caller.actor.clone());
        Ok(DataAnswer {
            rows,
            etag: chosen.etag(cube),
            view: cube.view.to_string(),
            agreements: cube.basis.governing.iter().flat_map(|g| g.agreements.iter().copied()).collect(),
            notes,
            synthetic: is_synthetic(&state, indicator),
        })
    }

    fn may_ingest(&self, state: &State, caller: &Caller, contract: &DatasetContract) -> bool {
        matches!(caller.principal.role, Role::PartnerOfficer | Role::Operator)
            // Whether they may once they have declared what the agreements want declared with each file.
            && self.decide_ingest(state, caller, contract, None, Some(self.now())).is_ok()
    }
}

/// The views of an indicator that have a table, with it.
pub(crate) fn published<'a>(
    state: &'a State,
    indicator: &'a Indicator,
) -> impl Iterator<Item = (&'a View, &'a Arc<Cube>)> {
    let table = |view: &'a View| Some((view, state.cubes.get(&indicator.view_id(view).ok()?)?));
    indicator.views.iter().filter_map(table)
}

fn first_cube<'a>(state: &'a State, indicator: &'a Indicator) -> Option<&'a Arc<Cube>> {
    published(state, indicator).next().map(|(_, cube)| cube)
}

fn is_synthetic(state: &State, indicator: &Indicator) -> bool {
    indicator.datasets().any(|dataset| state.definitions.contract(dataset).is_some_and(|contract| contract.synthetic))
}

fn card(state: &State, indicator: &Indicator) -> IndicatorCard {
    let contracts = || indicator.datasets().filter_map(|dataset| state.definitions.contract(dataset));
    let sources = state.definitions.sources(indicator);
    let mut partners: Vec<_> = sources.iter().filter_map(|dataset| dataset.organisation().ok()).collect();
    partners.dedup();
    IndicatorCard {
        id: indicator.id.clone(),
        title: indicator.title.clone(),
        definition: indicator.definition.clone(),
        rationale: indicator.rationale.clone(),
        theme: indicator.theme.clone(),
        owner: indicator.owner.clone(),
        version: indicator.version.clone(),
        indicator_type: indicator.indicator_type,
        unit: indicator.unit.clone(),
        multiplier: indicator.multiplier,
        decimals: indicator.decimals,
        polarity: indicator.polarity,
        tier: indicator.tier,
        stage_of_need: indicator.stage_of_need,
        caveats: indicator.caveats.clone(),
        partners,
        source: contracts().map(source).collect::<Vec<_>>().join("; "),
        synthetic: is_synthetic(state, indicator),
        views: indicator.views.iter().filter_map(|view| view_card(state, indicator, view)).collect(),
    }
}

fn source(contract: &DatasetContract) -> String {
    match &contract.exposure {
        Exposure::Open { source, licence } => format!("{} ({source}, {licence})", contract.title),
        Exposure::Controlled => format!("{} (shared under agreement)", contract.title),
    }
}

fn view_card(state: &State, indicator: &Indicator, view: &View) -> Option<ViewCard> {
    let cube = state.cubes.get(&indicator.view_id(view).ok()?)?;
    let rows = cube.rows.get();
    Some(ViewCard {
        name: view.name.clone(),
        area_type: view.area_type,
        period_type: view.period_type,
        by: view.by.clone(),
        periods: periods(rows),
        cells: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        visible: visible(rows),
    })
}

fn periods(rows: &[TidyRow]) -> Vec<Period> {
    rows.iter().map(|row| row.period).collect::<BTreeSet<_>>().into_iter().collect()
}

fn area_card(gazetteer: &geography::Gazetteer, area_type: AreaType, area: &geography::Area) -> AreaCard {
    let members = gazetteer.members(area_type, area.code.as_str());
    let atoms = members.iter().filter_map(|atom| gazetteer.atom_area(*atom)).map(|atom| atom.code.clone()).collect();
    // A larger area holds this one if it holds all of its atoms.
    let mut parents = Vec::new();
    for parent in members.first().map(|atom| gazetteer.parents(*atom)).unwrap_or_default() {
        let parent_type = parent.area.area_type;
        let larger = gazetteer.members(parent_type, parent.area.code.as_str());
        if parent_type != area_type && larger.len() >= members.len() && members.iter().all(|atom| larger.contains(atom))
        {
            parents.push(ParentCard {
                code: parent.area.code.clone(),
                name: parent.area.name.clone(),
                area_type: parent_type,
                method: parent.method.to_string(),
            });
        }
    }
    AreaCard {
        code: area.code.clone(),
        name: area.name.clone(),
        area_type,
        boundary_year: area.boundary_year,
        parents,
        atoms,
    }
}

fn atoms_of(state: &State, code: &AreaCode) -> Result<BTreeSet<AreaCode>, PlatformError> {
    let gazetteer = &state.geography()?.gazetteer;
    let area_type = gazetteer
        .area_types()
        .find(|area_type| gazetteer.area(*area_type, code.as_str()).is_some())
        .ok_or_else(|| PlatformError::NotFound { what: format!("area `{code}`") })?;
    let members = gazetteer.members(area_type, code.as_str());
    Ok(members.iter().filter_map(|atom| gazetteer.atom_area(*atom)).map(|atom| atom.code.clone()).collect())
}

/// The first published view of the indicator that has what is asked for. Of others, nothing is said.
fn choose_view<'a>(
    indicator: &Indicator,
    views: &[(&'a View, &'a Arc<Cube>)],
    request: &DataRequest,
) -> Result<(&'a View, &'a Arc<Cube>), PlatformError> {
    let mut needed: Vec<&str> = request.breakdown.as_deref().into_iter().collect();
    if request.sex.is_some_and(|sex| sex != Sex::All) {
        needed.push("sex");
    }
    if request.age.is_some_and(|age| age != AgeBand::All) {
        needed.push("age");
    }
    let fits = |(view, _): &&(&View, &Arc<Cube>)| {
        request.area_type.is_none_or(|wanted| wanted == view.area_type)
            && request.period_type.is_none_or(|wanted| wanted == view.period_type)
            && needed.iter().all(|dimension| view.by.iter().any(|by| by == dimension))
    };
    views.iter().find(fits).copied().ok_or_else(|| {
        let list: Vec<String> = views
            .iter()
            .map(|(view, _)| {
                let by =
                    if view.by.is_empty() { String::new() } else { format!(" with breakdown {}", view.by.join(", ")) };
                format!("area_type={} period_type={}{by}", view.area_type, view.period_type)
            })
            .collect();
        PlatformError::BadParameter {
            parameter: "area_type, period_type or breakdown",
            problem: format!("`{}` has no such view; it has: {}", indicator.id, list.join("; ")),
        }
    })
}

/// A request, made definite for one view.
struct Chosen<'a> {
    request: &'a DataRequest,
    period: Option<Period>,
    within: Option<BTreeSet<AreaCode>>,
    geography: &'a geography::Gazetteer,
}

impl<'a> Chosen<'a> {
    fn new(state: &'a State, view: &View, cube: &Cube, request: &'a DataRequest) -> Result<Self, PlatformError> {
        let period = match &request.period {
            PeriodChoice::All => None,
            PeriodChoice::Latest => periods(cube.rows.get()).pop(),
            PeriodChoice::Interval(text) => {
                Some(Period::parse(text, view.period_type).map_err(|error| PlatformError::BadParameter {
                    parameter: "period",
                    problem: format!("{error}; this view is by {}", view.period_type),
                })?)
            }
        };
        let within = request.within.as_ref().map(|code| atoms_of(state, code)).transpose()?;
        Ok(Self { request, period, within, geography: &state.geography()?.gazetteer })
    }

    fn takes(&self, row: &TidyRow) -> bool {
        let breakdown = self.request.breakdown.as_deref();
        let category = match (&row.breakdown_type, &row.breakdown) {
            (Some(dimension), Some(category)) => breakdown == Some(dimension.as_str()) || category == "all",
            _ => true,
        };
        category && self.agrees(row).into_iter().all(|agrees| agrees)
    }

    /// Whether a row is what each of [`Self::PARAMETERS`] asks for.
    fn agrees(&self, row: &TidyRow) -> [bool; 5] {
        let request = self.request;
        let breakdown = request.breakdown.as_deref();
        [
            self.period.is_none_or(|period| period == row.period),
            request.areas.is_empty() || request.areas.contains(&row.area_code),
            self.within.as_ref().is_none_or(|enclosing| self.inside(row, enclosing)),
            request.sex.map_or(breakdown == Some("sex") || row.sex == Sex::All, |sex| row.sex == sex),
            request.age.map_or(breakdown == Some("age") || row.age == AgeBand::All, |age| row.age == age),
        ]
    }

    const PARAMETERS: [&'static str; 5] = ["period", "area", "within", "sex", "age"];

    /// What was asked by each of [`Self::PARAMETERS`]; `None` where nothing was.
    fn asked(&self) -> [Option<String>; 5] {
        let request = self.request;
        let areas = request.areas.first().map(|first| match request.areas.len() {
            1 => first.to_string(),
            more => format!("{first} and {} more", more - 1),
        });
        [
            self.period
                .filter(|_| matches!(request.period, PeriodChoice::Interval(_)))
                .map(|period| period.to_string()),
            areas,
            request.within.as_ref().map(ToString::to_string),
            request.sex.map(|sex| sex.to_string()),
            request.age.map(|age| age.to_string()),
        ]
    }

    fn inside(&self, row: &TidyRow, enclosing: &BTreeSet<AreaCode>) -> bool {
        let members = self.geography.members(row.area_type, row.area_code.as_str());
        members.iter().filter_map(|atom| self.geography.atom_area(*atom)).all(|atom| enclosing.contains(&atom.code))
    }

    /// Changes with what is published and with what is asked.
    fn etag(&self, cube: &Cube) -> String {
        let asked = format!("{:?}", self.request);
        crate::state::digest_of([cube.basis.etag.as_bytes(), asked.as_bytes()]).to_string().chars().take(32).collect()
    }

    /// Why nothing matches, and what there is.
    fn what_exists(&self, cube: &Cube) -> Vec<String> {
        let rows = cube.rows.get();
        let mut somewhere = [false; 5];
        for row in rows {
            for (found, agrees) in somewhere.iter_mut().zip(self.agrees(row)) {
                *found |= agrees;
            }
        }
        let asked: Vec<(String, bool)> = Self::PARAMETERS
            .into_iter()
            .zip(self.asked())
            .zip(somewhere)
            .filter_map(|((name, asked), found)| Some((format!("`{name}={}`", asked?), found)))
            .collect();
        let alone: Vec<&str> = asked.iter().filter(|(_, found)| !found).map(|(asked, _)| asked.as_str()).collect();
        let together: Vec<&str> = asked.iter().map(|(asked, _)| asked.as_str()).collect();
        let reason = match (alone.is_empty(), together.is_empty()) {
            (false, _) => format!("nothing matches {}", alone.join(", nor ")),
            (true, false) => format!("nothing matches {} together, though each does alone", together.join(", ")),
            (true, true) => "nothing matches".to_owned(),
        };
        let all = periods(rows);
        let range = match (all.first(), all.last()) {
            (Some(first), Some(last)) => format!("periods {first} to {last}"),
            _ => "no period yet".to_owned(),
        };
        let areas = rows.iter().map(|row| &row.area_code).collect::<BTreeSet<_>>().len();
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" ");
        let sexes = list(rows.iter().map(|row| row.sex.to_string()).collect());
        let ages = list(rows.iter().map(|row| row.age.to_string()).collect());
        vec![format!("{reason}; `{}` has {range}, {areas} areas, sex {sexes}, age {ages}", cube.view)]
    }
}
