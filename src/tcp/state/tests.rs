use super::{Event, State, TRANSITIONS};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::string::String;
use std::vec::Vec;

/// The permitted edges, typed from RFC 9293 and not from the table: Figure 5 first, then each sentence of
/// §3.6.1 and §3.10 that names a change (or a "remain") which the figure leaves out.
fn edges_of_the_rfc() -> BTreeSet<(State, Event, State)> {
    use Event as E;
    use State::*;
    let figure_5 = [
        (Closed, E::PassiveOpen, Listen),
        (Closed, E::ActiveOpen, SynSent),
        (Listen, E::Close, Closed),
        (Listen, E::Send, SynSent),
        (Listen, E::Syn, SynReceived),
        (SynSent, E::Close, Closed),
        (SynSent, E::Syn, SynReceived),
        (SynSent, E::SynAck, Established),
        (SynReceived, E::BackToListen, Listen), // "rcv RST (note 1)"
        (SynReceived, E::AckOfSyn, Established),
        (SynReceived, E::Close, FinWait1),
        (Established, E::Close, FinWait1),
        (Established, E::Fin, CloseWait),
        (FinWait1, E::AckOfFin, FinWait2),
        (FinWait1, E::Fin, Closing),
        (FinWait2, E::Fin, TimeWait),
        (CloseWait, E::Close, LastAck),
        (Closing, E::AckOfFin, TimeWait),
        (LastAck, E::AckOfFin, Closed),
        (TimeWait, E::TimeWaitTimeout, Closed),
    ];
    let mut edges: BTreeSet<_> = figure_5.into();

    // §3.10.1, OPEN in LISTEN: "change the connection from passive to active".
    edges.insert((Listen, E::ActiveOpen, SynSent));
    // §3.6.1, MAY-2: a new SYN may reopen the connection directly from TIME-WAIT.
    edges.insert((TimeWait, E::Syn, SynReceived));
    // §3.10.5, ABORT: every state that has a connection record deletes it.
    // §3.10.8, USER TIMEOUT: "for any state".
    for state in
        [Listen, SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait]
    {
        edges.insert((state, E::Abort, Closed));
        edges.insert((state, E::UserTimeout, Closed));
    }
    // §3.10.7.3 (second check) and §3.10.7.4 (second check): RST. LISTEN ignores it (§3.10.7.2).
    for state in
        [SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait]
    {
        edges.insert((state, E::Rst, Closed));
    }
    // §3.10.7.4 (eighth check), FIN: SYN-RECEIVED goes where ESTABLISHED goes; four states "remain".
    edges.insert((SynReceived, E::Fin, CloseWait));
    for state in [CloseWait, Closing, LastAck, TimeWait] {
        edges.insert((state, E::Fin, state));
    }
    edges
}

// RFC 1122-1
#[test]
fn the_table_has_exactly_the_edges_of_the_rfc() {
    let table: BTreeSet<_> = TRANSITIONS.iter().map(|row| (row.from, row.event, row.to)).collect();
    let rfc = edges_of_the_rfc();
    assert_eq!(table.difference(&rfc).collect::<Vec<_>>(), Vec::<&_>::new(), "only in the table");
    assert_eq!(rfc.difference(&table).collect::<Vec<_>>(), Vec::<&_>::new(), "only in the RFC");
    assert_eq!(table.len(), TRANSITIONS.len(), "no row stands twice");
}

#[test]
fn on_answers_what_the_rows_say_and_none_elsewhere() {
    let rfc = edges_of_the_rfc();
    for from in State::ALL {
        for event in Event::ALL {
            let expected: Vec<_> = rfc.iter().filter(|(f, e, _)| (*f, *e) == (from, event)).collect();
            assert!(expected.len() <= 1, "{from} on {event} has one outcome");
            assert_eq!(from.on(event), expected.first().map(|(_, _, to)| *to), "{from} on {event}");
        }
    }
}

#[test]
fn every_state_and_event_pair_is_as_in_the_snapshot() {
    let mut matrix = String::new();
    for from in State::ALL {
        for event in Event::ALL {
            let next = from.on(event).map_or("-", State::name);
            writeln!(matrix, "{from:<13} {event:<23} {next}").unwrap();
        }
    }
    insta::assert_snapshot!(matrix);
}

#[test]
fn all_lists_each_state_and_event_once() {
    assert_eq!(State::ALL.iter().collect::<BTreeSet<_>>().len(), 11);
    let events: BTreeSet<_> = Event::ALL.iter().collect();
    assert_eq!(events.len(), Event::ALL.len());
    let used: BTreeSet<_> = TRANSITIONS.iter().map(|row| &row.event).collect();
    assert_eq!(used, events, "no event is without a use");
}

#[test]
fn every_state_can_be_reached_and_left() {
    for state in State::ALL {
        assert!(TRANSITIONS.iter().any(|row| row.to == state && row.from != state), "{state} is reached");
        assert!(TRANSITIONS.iter().any(|row| row.from == state && row.to != state), "{state} is left");
    }
}

#[test]
fn fin_predicates_agree_with_the_paths_that_lead_to_a_state() {
    for row in TRANSITIONS.iter().filter(|row| row.to != State::Closed && row.event == Event::Fin) {
        assert!(row.to.has_received_fin(), "{} after {}", row.to, row.event);
    }
    for row in TRANSITIONS.iter().filter(|row| row.to != State::Closed && row.event == Event::Close) {
        assert!(row.to.has_sent_fin(), "{} after {}", row.to, row.event);
    }
}

#[test]
fn the_diagram_in_the_docs_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
    let page = std::fs::read_to_string(path).expect("docs/states.md is there");
    for (kind, generated) in
        [("mermaid", State::mermaid()), ("dot", State::dot()), ("text", State::text_table())]
    {
        let block = std::format!("```{kind}\n{generated}```\n");
        assert!(
            page.contains(&block),
            "docs/states.md has drifted: put in the output of `tcpstate states` ({kind}):\n{generated}"
        );
    }
}
