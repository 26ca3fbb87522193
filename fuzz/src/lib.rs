//! What the fuzz targets do with their inputs. The targets themselves are a few lines each, so that the engine, the
//! command `reproduce` and the one that makes the seeds run the same code.
//!
//! Every target is a function of its input's octets alone, and panics when something does not hold.

pub mod capture;
pub mod choice;
pub mod craft;
pub mod drill;
pub mod host;
pub mod options;
pub mod packet;
pub mod pair;
pub mod record;
pub mod replay;
pub mod reproduce;
pub mod seeds;
pub mod single;
pub mod tcb_ops;

use record::Recorder;

/// The names of all targets.
pub const TARGETS: [&str; 8] = ["packet", "options", "capture", "replay", "tcb_ops", "pair", "host", "drill"];

/// Runs an input as the target of that name does; `None` if there is no such target. Inputs of `packet`, `options`,
/// `capture`, `replay` and `drill` are what they are: nothing of them is recorded.
///
/// # Panics
///
/// When something does not hold that should.
pub fn run(target: &str, input: &[u8], recorder: &mut dyn Recorder) -> Option<()> {
    match target {
        "packet" => packet::run(input),
        "options" => options::run(input),
        "capture" => capture::run(input),
        "replay" => replay::run(input),
        "drill" => drill::run(input),
        "tcb_ops" => tcb_ops::run(input, recorder),
        "pair" => pair::run(input, recorder),
        "host" => host::run(input, recorder),
        _ => return None,
    }
    Some(())
}
