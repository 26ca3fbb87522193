//! The explorer.
//!
//! | file | what |
//! |---|---|
//! | `world.rs` | two ends and what is between them |
//! | `rules.rs` | the bounds: who may do what, how often |
//! | `step.rs` | what may happen next, and what becomes of it |
//! | `stranger.rs` | what a third party forges |
//! | `checks.rs` | what a property is |
//! | `visited.rs` | where the search has been |
//! | `engine.rs` | the search |
//! | `finding.rs` | what is told of a property that is broken |
//! | `bounds.rs` | the worlds that are explored |
//! | `planted.rs` | small worlds in which planted faults are to be found |

mod bounds;
mod checks;
mod engine;
mod finding;
mod planted;
mod properties;
mod rules;
mod step;
mod stranger;
mod visited;
mod world;
