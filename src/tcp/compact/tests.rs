use core::hash::{BuildHasher, BuildHasherDefault};
use std::hash::DefaultHasher;

use super::*;

#[test]
fn what_may_be_missing_takes_eight_octets() {
    assert_eq!([size_of::<Maybe>(), size_of::<MaybeInstant>(), size_of::<Seldom<[u64; 9]>>()], [8; 3]);
    assert_eq!((Maybe::NONE.get(), Maybe::some(7).get()), (None, Some(7)));
    let at = Instant::from_nanos(7);
    assert_eq!((MaybeInstant::NONE.get(), MaybeInstant::some(at).get()), (None, Some(at)));
    assert_eq!(MaybeInstant::default(), MaybeInstant::NONE);
}

#[test]
fn whether_a_default_takes_memory_makes_no_difference() {
    let (none, mut some) = (Seldom::<[u64; 3]>::new(), Seldom::new());
    assert_eq!(some.make(), &[0; 3]);
    assert_eq!((none.memory(), some.memory()), (0, 24));
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    assert_eq!(none, some);
    assert_eq!(hasher.hash_one(&none), hasher.hash_one(&some));
    assert_eq!(none.read(|all| all.len()), some.read(|all| all.len()));
    some.rest();
    assert!(some.get().is_none());

    some.make()[1] = 5;
    assert_ne!(none, some);
    some.rest();
    assert_eq!(some.read(|all| all[1]), 5);
}
