//! What has to hold, as the engine sees it: of each step, of each calm walk, of each whole path.

use super::rules::Rules;
use super::step::{Happened, Step};
use super::world::World;

/// Of every step that is explored. Called for each: it has to be cheap.
#[derive(Clone, Copy)]
pub struct Property {
    /// Before, the step, after, and what happened.
    pub check: fn(&World, Step, &World, &Happened) -> Result<(), Violation>,
}

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the property.
    pub property: &'static str,
    /// What is wrong, in one sentence with the figures.
    pub why: String,
}

/// Of the way on from every state, once nothing goes wrong any more: one path, taken until it is over or comes to where
/// one has been that is good.
#[derive(Clone, Copy)]
pub struct Calm {
    pub name: &'static str,
    /// What both users do from now on, and that nothing is lost.
    pub begin: fn(&Rules, &World) -> World,
    /// The next of the path, whose step is checked like any other; none if nothing is left to happen.
    pub next: fn(&Rules, &World) -> Result<Option<World>, Violation>,
    /// Whether this is a good end.
    pub over: fn(&World) -> Result<bool, String>,
    /// A path with more steps is a loop.
    pub most: usize,
}

/// Of a whole path: of a fixed sample of states, and of all after which nothing happens.
#[derive(Clone, Copy)]
pub struct PathProperty {
    pub name: &'static str,
    pub check: fn(&Rules, &[Moment]) -> Result<(), String>,
}

/// One step of a path. The first begins with [`World::new`].
#[derive(Clone, Debug)]
pub struct Moment {
    pub step: Step,
    pub happened: Happened,
    pub after: World,
}

/// All that is asked.
#[derive(Clone, Copy)]
pub struct Checks {
    pub steps: &'static [Property],
    pub calm: &'static [Calm],
    pub paths: &'static [PathProperty],
}

impl Checks {
    /// Nothing is asked.
    pub const NONE: Self = Self { steps: &[], calm: &[], paths: &[] };
}
