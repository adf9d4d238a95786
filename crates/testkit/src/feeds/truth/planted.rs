//! The planted truths, measured on the rows that intake keeps.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::context::{Context, project_runs};
use super::super::sheet::{FeedMade, Place, Record};
use crate::world::Lsoa;

/// Everything planted.
#[derive(Debug, Serialize)]
pub(super) struct Planted {
    pub(super) nuisance_hot_spots: Vec<HotSpot>,
    pub(super) deliberate_fires: HotNeighbourhood,
    pub(super) emergency_falling: Trend,
    pub(super) emergency_rising: Trend,
    pub(super) inequality: Inequality,
    pub(super) falls_project: Project,
    pub(super) wellbeing_stages: Vec<Stages>,
    pub(super) one_person_six_call_outs: OnePerson,
    pub(super) known_to_services: Vec<Known>,
    pub(super) relief_duties: Relief,
    pub(super) casework: Vec<Cases>,
}

/// Anti-social behaviour gathers in one small area.
#[derive(Debug, Serialize)]
pub(super) struct HotSpot {
    pub(super) lsoa: String,
    pub(super) incidents: u64,
    /// Incidents in the median LSOA.
    pub(super) median: u64,
}

/// Deliberate fires gather in one neighbourhood.
#[derive(Debug, Serialize)]
pub(super) struct HotNeighbourhood {
    pub(super) neighbourhood: String,
    pub(super) fires: u64,
    /// Per 100,000 people a year there, and in the rest of the partnership.
    pub(super) rate: u64,
    pub(super) rate_elsewhere: u64,
}

/// Attendances of a neighbourhood year by year.
#[derive(Debug, Serialize)]
pub(super) struct Trend {
    pub(super) neighbourhood: String,
    pub(super) by_year: BTreeMap<i32, u64>,
}

/// Attendances in 2024 per 1,000 people in the most and the least deprived decile that occur here.
#[derive(Debug, Serialize)]
pub(super) struct Inequality {
    pub(super) most_deprived_decile: u32,
    pub(super) rate_there: u64,
    pub(super) least_deprived_decile: u32,
    pub(super) rate_here: u64,
}

/// Call-outs in the eighteen months before July 2024 and the eighteen from then.
#[derive(Debug, Serialize)]
pub(super) struct Project {
    pub(super) neighbourhood: String,
    pub(super) begins: &'static str,
    pub(super) before: u64,
    pub(super) after: u64,
    pub(super) before_elsewhere: u64,
    pub(super) after_elsewhere: u64,
    /// After over before there, divided by the same elsewhere, in thousandths; planted as 700.
    pub(super) ratio_of_ratios_milli: u64,
}

/// Referrals of a year by stage of need.
#[derive(Debug, Serialize)]
pub(super) struct Stages {
    pub(super) year: i32,
    pub(super) referrals: BTreeMap<&'static str, u64>,
}

/// Passes a threshold of five rows and fails one of five people.
#[derive(Debug, Serialize)]
pub(super) struct OnePerson {
    pub(super) lsoa: String,
    pub(super) year: i32,
    pub(super) call_outs: u64,
    pub(super) people: u64,
    pub(super) by_year: BTreeMap<i32, u64>,
}

/// Distinct people of a district known to one, two, and three or more of ambulance, hospital, wellbeing and casework.
#[derive(Debug, Serialize)]
pub(super) struct Known {
    pub(super) year: i32,
    pub(super) district: String,
    pub(super) one: u64,
    pub(super) two: u64,
    pub(super) three_or_more: u64,
}

/// Relief duties in Chorley by year: fewer from 2024.
#[derive(Debug, Serialize)]
pub(super) struct Relief {
    pub(super) by_year: BTreeMap<i32, u64>,
}

/// Casework of a year.
#[derive(Debug, Serialize)]
pub(super) struct Cases {
    pub(super) year: i32,
    pub(super) cases: u64,
    pub(super) men: u64,
    pub(super) aged_40_to_59: u64,
    pub(super) contacts_before: u64,
    pub(super) contacts_after: u64,
}

/// Finds rows and areas.
struct Finder<'a> {
    context: &'a Context<'a>,
    feeds: &'a [FeedMade],
}

impl Planted {
    pub(super) fn of(context: &Context<'_>, feeds: &[FeedMade]) -> Self {
        let find = Finder { context, feeds };
        let places = &context.places;
        Self {
            nuisance_hot_spots: find.hot_spots(),
            deliberate_fires: find.deliberate_fires(),
            emergency_falling: find.trend(places.falling),
            emergency_rising: find.trend(places.rising),
            inequality: find.inequality(),
            falls_project: find.project(),
            wellbeing_stages: find.stages(),
            one_person_six_call_outs: find.one_person(),
            known_to_services: find.known(),
            relief_duties: find.relief(),
            casework: find.casework(),
        }
    }
}

fn years() -> impl Iterator<Item = i32> {
    2023..=2025
}

impl Finder<'_> {
    fn records(&self, dataset: &str) -> impl Iterator<Item = &Record> {
        let own = self.feeds.iter().filter(move |feed| feed.feed.dataset == dataset);
        own.flat_map(|feed| &feed.records)
    }

    fn lsoa(&self, record: &Record) -> Option<&Lsoa> {
        let Place::Lsoa(position) = record.place else { return None };
        self.context.world.lsoas.get(position)
    }

    fn count(&self, dataset: &str, test: impl Fn(&Record, &Lsoa) -> bool) -> u64 {
        let met = self.records(dataset).filter(|record| self.lsoa(record).is_some_and(|lsoa| test(record, lsoa)));
        u64::try_from(met.count()).unwrap_or_default()
    }

    fn residents(&self, year: i32, test: impl Fn(&Lsoa) -> bool) -> u64 {
        let own = self.context.world.lsoas.iter().filter(|lsoa| test(lsoa));
        own.map(|lsoa| u64::from(lsoa.people(year).total())).sum()
    }

    fn neighbourhood(&self, position: usize) -> String {
        self.context.world.neighbourhoods.get(position).map(|area| area.code.clone()).unwrap_or_default()
    }

    fn lsoa_code(&self, position: usize) -> String {
        self.context.world.lsoas.get(position).map(|lsoa| lsoa.code.clone()).unwrap_or_default()
    }

    fn hot_spots(&self) -> Vec<HotSpot> {
        let mut by_area: BTreeMap<Place, u64> = BTreeMap::new();
        for record in self.records("anti-social-behaviour") {
            *by_area.entry(record.place).or_default() += 1;
        }
        let mut counts: Vec<u64> = by_area.values().copied().collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or_default();
        let spots = self.context.places.nuisance.iter().map(|position| HotSpot {
            lsoa: self.lsoa_code(*position),
            incidents: by_area.get(&Place::Lsoa(*position)).copied().unwrap_or_default(),
            median,
        });
        spots.collect()
    }

    fn deliberate_fires(&self) -> HotNeighbourhood {
        let at = Some(self.context.places.fires);
        let set = |record: &Record| record.dims.first() == Some(&"deliberate fire");
        let there = self.count("incidents", |record, lsoa| set(record) && lsoa.neighbourhood == at);
        let elsewhere = self.count("incidents", |record, lsoa| set(record) && lsoa.neighbourhood != at);
        let people = |inside: bool| -> u64 {
            years().map(|year| self.residents(year, |lsoa| (lsoa.neighbourhood == at) == inside)).sum()
        };
        HotNeighbourhood {
            neighbourhood: self.neighbourhood(self.context.places.fires),
            fires: there,
            rate: there * 100_000 / people(true).max(1),
            rate_elsewhere: elsewhere * 100_000 / people(false).max(1),
        }
    }

    fn trend(&self, position: usize) -> Trend {
        let in_year = |year: i32| {
            self.count("emergency-attendances", |record, lsoa| {
                record.month.year() == year && lsoa.neighbourhood == Some(position)
            })
        };
        Trend {
            neighbourhood: self.neighbourhood(position),
            by_year: years().map(|year| (year, in_year(year))).collect(),
        }
    }

    fn inequality(&self) -> Inequality {
        let deciles = || self.context.world.lsoas.iter().map(|lsoa| lsoa.deprivation_decile);
        let (most, least) = (deciles().min().unwrap_or_default(), deciles().max().unwrap_or_default());
        let rate = |decile: u32| {
            let count = self.count("emergency-attendances", |record, lsoa| {
                record.month.year() == 2024 && lsoa.deprivation_decile == decile
            });
            count * 1_000 / self.residents(2024, |lsoa| lsoa.deprivation_decile == decile).max(1)
        };
        Inequality {
            most_deprived_decile: most,
            rate_there: rate(most),
            least_deprived_decile: least,
            rate_here: rate(least),
        }
    }

    fn project(&self) -> Project {
        let place = self.context.places.project;
        let sum = |running: bool, inside: bool| {
            self.count("call-outs", |record, lsoa| {
                project_runs(record.month) == running && (lsoa.neighbourhood == Some(place)) == inside
            })
        };
        let (before, after) = (sum(false, true), sum(true, true));
        let (before_elsewhere, after_elsewhere) = (sum(false, false), sum(true, false));
        Project {
            neighbourhood: self.neighbourhood(place),
            begins: "2024-07",
            before,
            after,
            before_elsewhere,
            after_elsewhere,
            ratio_of_ratios_milli: after * before_elsewhere * 1_000 / (before * after_elsewhere).max(1),
        }
    }

    fn stages(&self) -> Vec<Stages> {
        let of = |year: i32| {
            let mut referrals: BTreeMap<&'static str, u64> = BTreeMap::new();
            for record in self.records("wellbeing-referrals").filter(|record| record.month.year() == year) {
                *referrals.entry(record.dims.get(2).copied().unwrap_or_default()).or_default() += 1;
            }
            Stages { year, referrals }
        };
        years().map(of).collect()
    }

    fn one_person(&self) -> OnePerson {
        let quiet = Place::Lsoa(self.context.places.quiet);
        let mut by_year: BTreeMap<i32, u64> = BTreeMap::new();
        let mut people: Vec<u64> = Vec::new();
        for record in self.records("call-outs").filter(|record| record.place == quiet) {
            *by_year.entry(record.month.year()).or_default() += 1;
            people.extend(record.contributor.filter(|_| record.month.year() == 2024));
        }
        people.sort_unstable();
        people.dedup();
        OnePerson {
            lsoa: self.lsoa_code(self.context.places.quiet),
            year: 2024,
            call_outs: by_year.get(&2024).copied().unwrap_or_default(),
            people: u64::try_from(people.len()).unwrap_or_default(),
            by_year,
        }
    }

    fn known(&self) -> Vec<Known> {
        let mut known = Vec::new();
        for year in years() {
            // Person to services and home district; a person has one home.
            let mut people: BTreeMap<u64, (u8, usize)> = BTreeMap::new();
            let services = ["call-outs", "emergency-attendances", "wellbeing-referrals", "integrated-action-team"];
            for (bit, dataset) in services.into_iter().enumerate() {
                for record in self.records(dataset).filter(|record| record.month.year() == year) {
                    let (Some(person), Some(lsoa)) = (record.contributor, self.lsoa(record)) else { continue };
                    people.entry(person).or_insert((0, lsoa.district)).0 |= 1 << bit;
                }
            }
            for (position, district) in self.context.world.districts.iter().enumerate() {
                let with = |test: fn(u32) -> bool| {
                    let own =
                        people.values().filter(|(services, home)| *home == position && test(services.count_ones()));
                    u64::try_from(own.count()).unwrap_or_default()
                };
                known.push(Known {
                    year,
                    district: district.code.clone(),
                    one: with(|services| services == 1),
                    two: with(|services| services == 2),
                    three_or_more: with(|services| services >= 3),
                });
            }
        }
        known
    }

    fn relief(&self) -> Relief {
        let mut by_year: BTreeMap<i32, u64> = BTreeMap::new();
        let own = self.records("homelessness").filter(|record| record.place == Place::District(0));
        for record in own.filter(|record| record.dims.first() == Some(&"relief duty")) {
            *by_year.entry(record.month.year()).or_default() +=
                record.values.first().copied().flatten().unwrap_or_default();
        }
        Relief { by_year }
    }

    fn casework(&self) -> Vec<Cases> {
        let of = |year: i32| {
            let own: Vec<&Record> =
                self.records("integrated-action-team").filter(|record| record.month.year() == year).collect();
            let having = |position: usize, value: &str| {
                let met = own.iter().filter(|record| record.dims.get(position) == Some(&value));
                u64::try_from(met.count()).unwrap_or_default()
            };
            let sum =
                |position: usize| own.iter().filter_map(|record| record.values.get(position).copied().flatten()).sum();
            Cases {
                year,
                cases: u64::try_from(own.len()).unwrap_or_default(),
                men: having(0, "male"),
                aged_40_to_59: having(1, "40-59"),
                contacts_before: sum(1),
                contacts_after: sum(2),
            }
        };
        years().map(of).collect()
    }
}
