//! What scripts written for Linux assume.

use super::{Personality, Profile};

pub(super) fn profile() -> Profile {
    Profile { name: "linux", personality: Personality::Linux, ..Profile::library() }
}
