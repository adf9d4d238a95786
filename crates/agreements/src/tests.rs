mod files;
mod invariants;
mod random;
mod rebinding;
mod reference;
mod samples;
mod validity;
mod world;
