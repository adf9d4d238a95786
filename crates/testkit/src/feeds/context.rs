//! What every feed is made from, and where the planted truths are.

use model::Month;

use super::canary::Carries;
use super::dirt::{self, Fault, Plan};
use super::people::People;
use super::postcodes::Postcodes;
use crate::random::{Random, Seed};
use crate::world::World;

/// The month in which the falls project begins.
const PROJECT_BEGINS: i32 = 18;

/// Everything a feed is made from.
pub(super) struct Context<'a> {
    pub(super) seed: Seed,
    pub(super) world: &'a World,
    pub(super) postcodes: Postcodes,
    pub(super) people: People,
    pub(super) places: Places,
}

/// Where the planted truths are: positions in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Neighbourhood with a falls project from July 2024.
    pub(super) project: usize,
    /// Neighbourhood in which emergency attendances fall.
    pub(super) falling: usize,
    /// Neighbourhood in which emergency attendances rise.
    pub(super) rising: usize,
    /// Neighbourhood with many deliberate fires.
    pub(super) fires: usize,
    /// LSOA of each district in which anti-social behaviour gathers.
    pub(super) nuisance: Vec<usize>,
    /// LSOA with hardly any ambulance call-outs; in 2024 all of them are one person's.
    pub(super) quiet: usize,
}

impl Places {
    fn choose(world: &World) -> Self {
        let people_of = |neighbourhood: usize| -> u32 {
            let own = world.lsoas.iter().filter(|lsoa| lsoa.neighbourhood == Some(neighbourhood));
            own.map(|lsoa| lsoa.people(2023).total()).sum()
        };
        let mut by_size: Vec<usize> = (0..world.neighbourhoods.len()).collect();
        by_size.sort_by_key(|position| (std::cmp::Reverse(people_of(*position)), *position));
        let sized = |rank: usize| by_size.get(rank).copied().unwrap_or_default();
        let positions = || world.lsoas.iter().enumerate();
        let nuisance = (0..world.districts.len())
            .filter_map(|district| {
                let own = positions().filter(|(_, lsoa)| lsoa.district == district);
                own.max_by_key(|(position, lsoa)| (lsoa.centre, std::cmp::Reverse(*position))).map(|(at, _)| at)
            })
            .collect();
        let outside = positions().filter(|(_, lsoa)| lsoa.neighbourhood.is_none());
        let quiet = outside.min_by_key(|(position, lsoa)| (lsoa.need + lsoa.centre, *position)).map(|(at, _)| at);
        Self {
            project: sized(0),
            falling: sized(1),
            rising: sized(2),
            fires: sized(3),
            nuisance,
            quiet: quiet.unwrap_or_default(),
        }
    }
}

/// Whether the falls project runs in a month.
pub(super) const fn project_runs(month: Month) -> bool {
    super::calendar::index(month) >= PROJECT_BEGINS
}

impl<'a> Context<'a> {
    pub(super) fn new(seed: Seed, world: &'a World) -> Self {
        let postcodes = Postcodes::new(world);
        let people = People::make(seed, world, &postcodes);
        Self { seed, world, postcodes, people, places: Places::choose(world) }
    }

    /// What is wrong with a row of an area, unless a canary decides it.
    pub(super) fn fault(&self, random: &mut Random, plan: Plan, lsoa: usize, carries: Carries<'_>) -> Fault {
        match (carries, dirt::draw(random, plan)) {
            (Carries::Kept(..), _) => Fault::None,
            (Carries::Refused(_), _) => Fault::BadDate,
            (Carries::Nothing, Fault::TerminatedPostcode) if !self.postcodes.has_ended(lsoa) => Fault::None,
            (Carries::Nothing, fault) => fault,
        }
    }
}
