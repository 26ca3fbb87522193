use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn it_keeps_what_a_map_keeps(calls in prop::collection::vec((any::<bool>(), any::<u16>()), 0..400)) {
        let (mut slab, mut model) = (Slab::new(), BTreeMap::new());
        for (insert, value) in calls {
            if insert || model.is_empty() {
                let index = slab.insert(value);
                prop_assert!(model.insert(index, value).is_none(), "the place was taken");
            } else {
                let index = *model.keys().nth(usize::from(value) % model.len()).unwrap();
                let before = slab.generation(index);
                prop_assert_eq!(slab.remove(index), model.remove(&index));
                prop_assert_eq!(slab.remove(index), None);
                prop_assert_ne!(slab.generation(index), before);
            }
            prop_assert_eq!(slab.len(), model.len());
        }
        let rows: Vec<_> = slab.iter().map(|(index, row)| (index, *row)).collect();
        prop_assert_eq!(rows, model.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_place_that_was_given_back_is_taken_first() {
    let mut slab = Slab::new();
    let places: Vec<u32> = (0..200).map(|row| slab.insert(row)).collect();
    let memory = slab.memory();
    for &place in &places {
        slab.remove(place);
    }
    for row in 0..200 {
        slab.insert(row);
    }
    assert_eq!(slab.memory(), memory);
}

#[test]
fn there_is_no_row_at_an_index_that_never_was() {
    let mut slab = Slab::<u8>::new();
    assert_eq!((slab.get(0), slab.get(u32::MAX)), (None, None));
    assert_eq!(slab.remove(5), None);
    slab.insert(1);
    assert_eq!((slab.get(1), slab.get(64)), (None, None));
    assert_eq!(slab.get_mut(63), None);
}
