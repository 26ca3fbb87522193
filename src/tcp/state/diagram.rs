//! The table drawn: Mermaid, Graphviz DOT, and plain text.

use super::{Event, State, TRANSITIONS, Transition};
use alloc::string::String;
use core::fmt::Write;

/// What a transition is labelled with in a diagram: the event, and what it sends.
struct Label<'a>(&'a Transition);

impl core::fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0.event)?;
        if !self.0.sends.is_empty() {
            write!(f, " / snd {}", self.0.sends)?;
        }
        Ok(())
    }
}

/// Giving up is possible nearly everywhere and says little; a picture is easier to read without it.
const fn belongs_in_a_picture(row: &Transition) -> bool {
    !matches!(row.event, Event::Abort | Event::UserTimeout)
        && !matches!((row.from, row.event), (_, Event::Rst) if !matches!(row.from, State::SynSent))
}

impl State {
    /// The table as a Mermaid `stateDiagram-v2`.
    ///
    /// ABORT, the user timeout and RST lead to CLOSED from nearly every state; as in the RFC's own figure
    /// they are left out of pictures (RST is drawn from SYN-SENT, where it means "refused").
    /// [`text_table`](Self::text_table) has every row.
    #[must_use]
    pub fn mermaid() -> String {
        let mut out = String::from("stateDiagram-v2\n");
        for state in Self::ALL {
            // Mermaid's identifiers have no hyphen: the name is given as a description.
            // Writing to a String cannot fail.
            let _ = writeln!(out, "    state \"{}\" as {state:?}", state.name());
        }
        let _ = writeln!(out, "    [*] --> {:?}", Self::Closed);
        for row in TRANSITIONS.iter().filter(|row| belongs_in_a_picture(row)) {
            let _ = writeln!(out, "    {:?} --> {:?}: {}", row.from, row.to, Label(row));
        }
        out
    }

    /// The table as a Graphviz digraph (`dot -Tsvg`), with the same rows as [`mermaid`](Self::mermaid).
    #[must_use]
    pub fn dot() -> String {
        let mut out = String::from(
            "digraph tcp {\n    rankdir=TB;\n    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n    edge [fontname=\"sans-serif\", fontsize=10];\n",
        );
        for state in Self::ALL {
            let _ = writeln!(out, "    {state:?} [label=\"{}\"];", state.name());
        }
        for row in TRANSITIONS.iter().filter(|row| belongs_in_a_picture(row)) {
            let _ = writeln!(out, "    {:?} -> {:?} [label=\"{}\"];", row.from, row.to, Label(row));
        }
        out.push_str("}\n");
        out
    }

    /// Every row of the table as aligned plain text, under 80 columns.
    #[must_use]
    pub fn text_table() -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{:<13} {:<23} {:<13} sends", "state", "event", "next state");
        let mut last = None;
        for row in TRANSITIONS {
            if last.is_some_and(|state| state != row.from) {
                out.push('\n');
            }
            last = Some(row.from);
            let line = alloc::format!("{:<13} {:<23} {:<13} {}", row.from, row.event, row.to, row.sends);
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }
}
