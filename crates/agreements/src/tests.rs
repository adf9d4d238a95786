mod files;
mod invariants;
mod reference;
mod samples;
mod validity;
mod world;
