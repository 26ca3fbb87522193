use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const fn id(index: u32) -> ConnId {
    ConnId { index, generation: 0 }
}

proptest! {
    #[test]
    fn the_first_is_who_came_first_of_those_who_are_left(calls in prop::collection::vec(any::<Option<u8>>(), 0..500)) {
        let (mut roll, mut model, mut left) = (Roll::default(), Vec::new(), BTreeSet::new());
        for (at, call) in (0..).zip(calls) {
            match call {
                Some(which) if !model.is_empty() => {
                    let gone: u32 = model.remove(usize::from(which) % model.len());
                    left.insert(gone);
                    roll.leave(|id| !left.contains(&id.index));
                }
                _ => {
                    roll.push(id(at), Instant::from_nanos(u64::from(at)));
                    model.push(at);
                }
            }
            prop_assert_eq!(roll.len(), model.len());
            let first = roll.first(|id| !left.contains(&id.index)).map(|(id, _)| id.index);
            prop_assert_eq!(first, model.first().copied());
        }
    }
}

#[test]
fn memory_follows_those_who_are_in_it() {
    let mut roll = Roll::default();
    roll.push(id(0), Instant::ZERO);
    // The first stays, and hundreds of thousands come and go behind it.
    for at in 1..300_000 {
        roll.push(id(at), Instant::ZERO);
        roll.leave(|id| id.index == 0);
    }
    assert!(roll.memory() < 8_192, "{}", roll.memory());
}
