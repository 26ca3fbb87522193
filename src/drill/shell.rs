//! Shell lines of scripts: what they ask of the system is done to the configuration, or looked up, in place of a shell.

use alloc::format;

use super::kernel::{Kernel, Unsupported};
use crate::Instant;

/// What has become of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drill) enum ShellOutcome {
    /// It would have left with zero.
    Done,
    /// It would not; why.
    Failed(alloc::string::String),
}

/// Runs a line.
pub(in crate::drill) fn run(
    _kernel: &mut Kernel,
    _now: Instant,
    line: &str,
) -> Result<ShellOutcome, Unsupported> {
    Err(Unsupported(format!("the shell line {line:?}")))
}
