use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::bind::name;
use super::super::channel::Role;
use super::super::tests::addr;
use super::*;

fn order(ring: &Ring, channels: &Slab<Channel>) -> Vec<u32> {
    let mut order = Vec::new();
    let mut next = ring.front();
    while let Some(index) = next {
        order.push(index);
        let after = channels.get(index).unwrap().links.get(ring.kind).1;
        next = (after != NONE).then_some(after);
    }
    order
}

proptest! {
    /// Two lists of different kinds through the same rows.
    #[test]
    fn a_ring_keeps_the_order_of_a_model(calls in prop::collection::vec((any::<bool>(), 0_u8..4, 0_u32..8), 0..200)) {
        let mut channels = Slab::new();
        for _ in 0..8 {
            channels.insert(Channel::new(name(addr("10.0.0.1:7")), 0, Role::Socket));
        }
        let mut rings = [Ring::new(Kind::Ready), Ring::new(Kind::Idle)];
        let mut models: [Vec<u32>; 2] = Default::default();
        for (which, call, index) in calls {
            let (ring, model) = (&mut rings[usize::from(which)], &mut models[usize::from(which)]);
            match call {
                0..2 => {
                    ring.push(&mut channels, index);
                    if !model.contains(&index) {
                        model.push(index);
                    }
                }
                2 => {
                    ring.remove(&mut channels, index);
                    model.retain(|&other| other != index);
                }
                _ => {
                    let first = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(ring.pop(&mut channels), first);
                }
            }
            prop_assert_eq!(&order(ring, &channels), model);
        }
    }
}
