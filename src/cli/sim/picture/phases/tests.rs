use super::*;
use Phase::{Disorder, Loss, Open, Recovery};

fn all(phases: &Phases, end: u64) -> Vec<(u64, u64, Phase)> {
    phases.list(end).collect()
}

#[test]
fn a_phase_lasts_until_the_next_one() {
    let mut phases = Phases::new(Span { from: 0, to: u64::MAX });
    for (at, phase) in
        [(1, Open), (3, Disorder), (5, Recovery), (7, Recovery), (9, Loss), (12, Open), (20, Recovery)]
    {
        phases.set(at, phase);
    }
    assert_eq!(all(&phases, 30), [(5, 9, Recovery), (9, 12, Loss), (20, 30, Recovery)]);
    assert_eq!(all(&phases, 10)[2], (20, 20, Recovery), "it began after the end");
}

#[test]
fn phases_are_cut_to_the_span() {
    let mut phases = Phases::new(Span { from: 10, to: 20 });
    for (at, phase) in
        [(1, Recovery), (2, Open), (5, Recovery), (12, Open), (15, Loss), (25, Open), (30, Loss)]
    {
        phases.set(at, phase);
    }
    assert_eq!(all(&phases, 40), [(10, 12, Recovery), (15, 20, Loss)]);
}

#[test]
fn many_phases_are_bounded() {
    let mut phases = Phases::new(Span { from: 0, to: u64::MAX });
    for n in 0..100_000_u64 {
        let phase = [Open, Recovery, Open, Loss, Recovery][n as usize % 5];
        phases.set(n * n, phase);
        assert!(phases.list.len() <= Phases::MOST);
    }
    let list = all(&phases, u64::MAX);
    assert!(list.len() > 100, "{}", list.len());
    assert!(list.is_sorted_by_key(|(from, ..)| *from));
}
