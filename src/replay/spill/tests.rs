use super::{FileSpill, MemorySpill, NumberList, Spill, TAIL_LIMIT};
use proptest::prelude::*;
use std::io::Cursor;
use std::vec::Vec;

fn fill(numbers: &[u64], spill: &mut dyn Spill) -> NumberList {
    let mut list = NumberList::default();
    for &number in numbers {
        list.push(number, spill).unwrap();
    }
    list
}

proptest! {
    #[test]
    fn a_list_gives_back_what_was_pushed(numbers in proptest::collection::vec(any::<u64>(), 0..200)) {
        let mut memory = MemorySpill::default();
        let mut file = FileSpill::new(Cursor::new(Vec::new()));
        for spill in [&mut memory as &mut dyn Spill, &mut file] {
            let list = fill(&numbers, spill);
            prop_assert_eq!(list.read(spill).unwrap(), numbers.clone());
            prop_assert!(list.tail.capacity() <= 2 * TAIL_LIMIT);
        }
    }
}

#[test]
fn lists_share_a_store_without_mixing() {
    let mut spill = FileSpill::new(Cursor::new(Vec::new()));
    let (mut even, mut odd) = (NumberList::default(), NumberList::default());
    for n in 0..100_000 {
        if n % 2 == 0 { &mut even } else { &mut odd }.push(n, &mut spill).unwrap();
    }
    assert_eq!(even.read(&mut spill).unwrap(), (0..100_000).step_by(2).collect::<Vec<_>>());
    even.push(7, &mut spill).unwrap();
    assert_eq!(odd.read(&mut spill).unwrap(), (1..100_000).step_by(2).collect::<Vec<_>>());
    assert_eq!(even.read(&mut spill).unwrap().last(), Some(&7));
}

#[test]
fn reading_past_the_end_of_a_store_is_an_error() {
    let mut spill = MemorySpill::default();
    spill.append(b"abc").unwrap();
    assert!(spill.read_at(1, &mut [0; 3]).is_err());
    assert!(spill.read_at(u64::MAX, &mut [0; 1]).is_err());
}
