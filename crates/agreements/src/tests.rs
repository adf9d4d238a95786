mod files;
mod invariants;
mod random;
mod reference;
mod samples;
mod validity;
mod world;
