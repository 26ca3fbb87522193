use super::*;
use crate::sim::{BurstLoss, Ending, Pace, Probability, Reorder, Sends};
use core::num::NonZeroU64;
use core::time::Duration;
use std::format;
use std::string::String;
use std::vec::Vec;

const MS: Duration = Duration::from_millis(1);

fn sockets() -> [EndpointConfig; 2] {
    let mut a = EndpointConfig::new("192.0.2.1:49152".parse().unwrap());
    let b = EndpointConfig::new("192.0.2.2:80".parse().unwrap());
    a.remote = Some(b.local);
    [a, b]
}

fn delayed() -> LinkConfig {
    LinkConfig { delay: 20 * MS, ..LinkConfig::default() }
}

fn changes(pair: &mut Pair) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(entry) = pair.world_mut().poll_change() {
        let end = ["a", "b"][entry.node.index()];
        let frame = entry.frame.map_or("-".into(), |frame| format!("{frame}"));
        told.push(format!("{} {frame} {end} {} {}", entry.time, entry.event, entry.to));
    }
    told
}

#[test]
fn a_simple_transfer() {
    let [mut a, b] = sockets();
    a.app.sends = Sends::Octets(100_000);
    a.app.ending = Ending::CloseWhenSent;
    let mut pair = Pair::new(1, [a, b], [delayed(); 2]).unwrap();
    pair.run().unwrap();
    std::println!("{:#?}", changes(&mut pair));
    std::println!("{} {:?}", pair.world().now(), pair.ends().map(|end| end.stats().clone()));
    pair.finished().unwrap();
}
