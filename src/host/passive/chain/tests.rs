use alloc::collections::VecDeque;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

struct Row([Link; 2]);

impl Linked for Row {
    fn link(&mut self, list: usize) -> Option<&mut Link> {
        self.0.get_mut(list)
    }
}

fn walk(chain: &Chain, rows: &mut Slab<Row>) -> Vec<u32> {
    let mut seen = Vec::new();
    let mut at = chain.first();
    while let Some(index) = at {
        seen.push(index);
        let after = rows.get_mut(index).unwrap().link(chain.list).unwrap().after;
        at = (after != NONE).then_some(after);
    }
    seen
}

proptest! {
    /// Both lists hold what a queue would hold, whichever rows come and go.
    #[test]
    fn a_chain_is_a_queue_that_one_can_leave(acts in prop::collection::vec((0..2usize, 0..3u8, 0..8u32), 0..100)) {
        let mut rows = Slab::new();
        (0..8).for_each(|_| { rows.insert(Row([Link::new(); 2])); });
        let mut chains = [Chain::new(0), Chain::new(1)];
        let mut model = [VecDeque::new(), VecDeque::new()];
        for (list, act, index) in acts {
            let (chain, queue) = (&mut chains[list], &mut model[list]);
            match act {
                0 => {
                    chain.push(&mut rows, index);
                    if !queue.contains(&index) {
                        queue.push_back(index);
                    }
                }
                1 => {
                    let had = queue.contains(&index);
                    queue.retain(|&other| other != index);
                    prop_assert_eq!(chain.remove(&mut rows, index), had);
                }
                _ => {
                    prop_assert_eq!(chain.first(), queue.pop_front());
                    if let Some(first) = chain.first() {
                        chain.remove(&mut rows, first);
                    }
                }
            }
            for (chain, queue) in chains.iter().zip(&model) {
                prop_assert_eq!(walk(chain, &mut rows), queue.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(chain.len() as usize, queue.len());
            }
        }
    }
}
