use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::bind::name;
use super::super::tests::addr;
use super::*;

fn waiting(octets: Octets) -> Waiting {
    let tuple = name(addr("10.0.0.1:7"));
    Waiting { tuple, octets, hop_limit: 64, traffic_class: 0, dont_fragment: false, no_checksum: false }
}

#[test]
fn a_datagram_that_waits_takes_so_many_octets_besides_its_own() {
    const { assert!(NODE <= 128) };
    let mut nodes = Slab::new();
    for _ in 0..64 {
        nodes.insert(Node { waiting: waiting(Octets::Copied(Vec::new())), next: NONE });
    }
    assert!(nodes.memory() <= 64 * NODE + 64, "what is counted is what there is");
}

#[test]
fn the_largest_datagram_is_the_largest() {
    let cost = |len: usize| cost_of(&Payload::Slice(&vec![0; len]));
    for memory in [0, 100, 200, 1000, 2200, 5000, 16_000, 17_000, 40_000, 70_000] {
        let largest = largest(memory);
        assert!(largest == 0 || cost(largest) <= memory);
        assert!(cost(largest + 1) > memory);
    }
}

#[test]
fn buffers_are_used_again_without_asking_for_memory() {
    let mut pool = Pool::new(1 << 20);
    let mut queue = Queue::new();
    let mut places = Vec::new();
    for round in 0..10_u8 {
        let octets = pool.store(Payload::Slice(&[round; 1000]));
        places.push(octets.as_slice().as_ptr());
        pool.push(&mut queue, waiting(octets));
        let waiting = pool.pop(&mut queue).unwrap();
        assert_eq!(waiting.octets.as_slice(), [round; 1000]);
        pool.recycle(waiting.octets);
    }
    places.dedup();
    assert_eq!(places.len(), 1);
}

#[test]
fn there_is_room_while_a_third_is_free() {
    let (mut pool, mut queue) = (Pool::new(30_000), Queue::new());
    while pool.room() >= 10_000 {
        assert!(pool.has_room(0) && !pool.has_room(pool.room() + 1));
        let octets = pool.store(Payload::Slice(&[0; 1000]));
        pool.push(&mut queue, waiting(octets));
    }
    assert!(!pool.has_room(0));
}

#[test]
fn spare_buffers_never_push_the_whole_over_its_limit() {
    let mut pool = Pool::new(50_000);
    let mut queue = Queue::new();
    for len in [100, 300, 1000, 2000, 5000] {
        while pool.room() >= cost_of(&Payload::Slice(&vec![0; len])) {
            let octets = pool.store(Payload::Slice(&vec![0; len]));
            pool.push(&mut queue, waiting(octets));
            assert!(pool.held + pool.spare_held <= 50_000);
        }
        pool.clear(&mut queue);
        assert!(pool.spare_held <= 50_000);
    }
}

proptest! {
    /// Two queues in one pool: each gives back what went in, in order, and the memory adds up.
    #[test]
    fn queues_keep_what_model_queues_keep(
        calls in prop::collection::vec((any::<bool>(), 0_u8..5, 0_usize..3000), 0..200),
    ) {
        let mut pool = Pool::new(1 << 20);
        let mut queues = [Queue::new(), Queue::new()];
        let mut models: [VecDeque<Vec<u8>>; 2] = Default::default();
        for (which, call, len) in calls {
            let (queue, model) = (&mut queues[usize::from(which)], &mut models[usize::from(which)]);
            match call {
                0..2 => {
                    let data = vec![len as u8; len];
                    let payload = Payload::Slice(&data);
                    let cost = cost_of(&payload);
                    if cost <= pool.room() {
                        let waiting = waiting(pool.store(payload));
                        prop_assert_eq!(waiting.cost(), cost);
                        pool.push(queue, waiting);
                        model.push_back(data);
                    }
                }
                2..4 => {
                    prop_assert_eq!(
                        pool.front(queue).map(|waiting| waiting.octets.as_slice()),
                        model.front().map(Vec::as_slice)
                    );
                    let popped = pool.pop(queue);
                    prop_assert_eq!(popped.as_ref().map(|waiting| waiting.octets.as_slice().to_vec()), model.pop_front());
                    if let Some(waiting) = popped {
                        pool.recycle(waiting.octets);
                    }
                }
                _ => {
                    prop_assert_eq!(pool.clear(queue), model.len() as u64);
                    model.clear();
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            let [first, second] = &queues;
            prop_assert_eq!(pool.held(), first.held() + second.held());
        }
    }
}
