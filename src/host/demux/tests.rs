use alloc::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::wire::IpProtocol;

proptest! {
    /// With hashes that meet often.
    #[test]
    fn it_finds_what_a_map_finds(calls in prop::collection::vec((0..3_u8, 0..40_u64), 0..400)) {
        let mut demux = Demux::new();
        // Name to index; the hash of a name is a quarter of it.
        let mut model = BTreeMap::<u64, u32>::new();
        let mut names = alloc::vec::Vec::new();
        for (call, name) in calls {
            let hash = (name / 4) << 16;
            let is_it = |index: u32| names[index as usize] == name;
            let found = demux.find(hash, is_it);
            prop_assert_eq!(found, model.get(&name).copied());
            match (call, found) {
                (0, Some(index)) => {
                    prop_assert!(demux.remove(hash, index));
                    prop_assert!(!demux.remove(hash, index));
                    model.remove(&name);
                }
                (1, None) => {
                    let index = names.len() as u32;
                    names.push(name);
                    demux.insert(hash, index);
                    model.insert(name, index);
                }
                _ => {}
            }
            prop_assert_eq!(demux.len(), model.len());
        }
    }
}

fn of_rows(count: u32) -> Demux {
    let mut demux = Demux::new();
    for index in 0..count {
        demux.insert(u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15), index);
    }
    demux
}

#[test]
fn a_thousand_rows_take_9_to_24_octets_each() {
    let memory = of_rows(1_000).memory();
    assert!((9_000..24_000).contains(&memory), "{memory}");
}

#[test]
fn a_million_rows_take_9_to_24_octets_each() {
    let demux = of_rows(1_000_000);
    assert!((9..24).contains(&(demux.memory() / demux.len())), "{}", demux.memory() / demux.len());
    let found = demux.find(999_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15), |index| index == 999);
    assert_eq!(found, Some(999));
}

#[test]
fn protocol_and_link_count_for_the_hash() {
    let hash = |protocol, link: u32| {
        let end = |ip, port| alloc::format!("[fe80::{ip}%{link}]:{port}").parse().unwrap();
        hash(&Secret::new([7; 32]), &FiveTuple::new(protocol, end(1, 80), end(2, 5)))
    };
    let [tcp, other_link, udp] =
        [hash(IpProtocol::TCP, 1), hash(IpProtocol::TCP, 2), hash(IpProtocol::UDP, 1)];
    assert!(tcp != other_link && tcp != udp && other_link != udp);
}
