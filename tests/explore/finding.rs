//! What is told when a property is broken: the shortest way there.

use std::fmt;

use super::checks::Moment;
use super::rules::Rules;
use super::step::Step;

/// A property that is broken, and how it comes to that.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rules: Rules,
    pub property: String,
    pub why: String,
    /// No shorter one leads to it.
    pub path: Vec<Moment>,
    /// The step after the path, if it is the one that panics.
    pub panics: Option<Step>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VIOLATION {}: {}", self.property, self.why)?;
        writeln!(f, "in the world `{}`, after {} steps:", self.rules.name, self.path.len())?;
        for Moment { step, happened, after } in &self.path {
            let [a, b] = after.ends.each_ref().map(|end| end.state().to_string());
            writeln!(
                f,
                "{:>12}  {:<12} {:<12} {step:?}",
                after.now.as_nanos() as i64 - super::world::START.as_nanos() as i64,
                a,
                b
            )?;
            for sent in &happened.sent {
                let meta = &sent.packet.meta;
                writeln!(
                    f,
                    "              {} sends {} seq {} ack {} len {}",
                    sent.from, meta.flags, meta.seq, meta.ack, meta.len
                )?;
            }
        }
        if let Some(step) = self.panics {
            writeln!(f, "and then {step:?}")?;
        }
        Ok(())
    }
}
