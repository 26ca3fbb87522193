//! What scripts written for FreeBSD assume.

use super::{Personality, Profile};

pub(super) fn profile() -> Profile {
    Profile { name: "freebsd", personality: Personality::FreeBsd, ..Profile::library() }
}
