//! The explorer.
//!
//! | file | what |
//! |---|---|
//! | `world.rs` | two ends and what is between them |
//! | `rules.rs` | the bounds: who may do what, how often |
//! | `step.rs` | what may happen next, and what becomes of it |
//! | `checks.rs` | what a property is |

mod checks;
mod properties;
mod rules;
mod step;
mod world;
