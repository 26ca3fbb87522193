use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::tests::{A, B, host};
use super::super::*;
use super::*;
use crate::wire::{Checksum, IpPacket, checksum};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// All that a host is, but whom it has heard last.
fn picture(host: &Host) -> String {
    format!("{:?}", Host { recent: None, ..host.clone() })
}

/// Hands in a packet, and looks whether a host that knows no short way does the same with it.
fn hand_in(host: &mut Host, packet: Packet<'_>) -> Ingress {
    // Both are copies: a copy may have less room in its queues, which counts as memory.
    let [mut plain, mut quick] = [host.clone(), host.clone()];
    plain.stats.packets_in += 1;
    plain.stats.octets_in += packet.as_slice().len() as u64;
    let by_the_long_way = plain.take_in(NOW, &packet, Origin::Wire);
    let ingress = quick.handle_packet(NOW, packet);
    assert_eq!(ingress, by_the_long_way);
    assert!(picture(&quick) == picture(&plain), "both are told of {ingress:?}");
    *host = quick;
    ingress
}

/// Makes the sums fit what the headers say.
fn put_sums_right(packet: &mut [u8]) {
    if packet.len() < 20 || packet[0] != 0x45 {
        return;
    }
    let sum_of = |mut sum: Checksum, octets: &[u8]| {
        sum.add_bytes(octets);
        sum.finish().to_be_bytes()
    };
    packet[10..12].fill(0);
    let sum = sum_of(Checksum::new(), &packet[..20]);
    packet[10..12].copy_from_slice(&sum);
    let Ok(ip) = IpPacket::parse(packet, packet.len()) else { return };
    let (pseudo, len) =
        (checksum::pseudo_header(ip.src, ip.dst, ip.protocol, ip.payload.len() as u32), ip.payload.len());
    if len >= 20 {
        packet[36..38].fill(0);
        let sum = sum_of(pseudo, &packet[20..20 + len]);
        packet[36..38].copy_from_slice(&sum);
    }
}

/// Two hosts with connections between them, the second of which the first has opened; all is said.
fn pair(connections: u16) -> ([Host; 2], [Vec<ConnId>; 2]) {
    let (mut a, mut b) = (host(A), host(B));
    let listener = b.listen(ListenOn::ANYTHING, &ListenConfig::default()).unwrap();
    let opened =
        (1..=connections).map(|port| a.connect(NOW, (b.config.addresses[0].ip, port).into()).unwrap());
    let opened = opened.collect();
    super::super::tests::carry(NOW, &mut a, &mut b);
    let accepted = core::iter::from_fn(|| b.accept(listener)).collect();
    ([a, b], [opened, accepted])
}

#[derive(Clone, Debug)]
struct Step {
    /// Who sends, on which connection, how many octets.
    from: usize,
    connection: usize,
    octets: usize,
    changes: Vec<(usize, u8)>,
    sums_are_right: bool,
    checksums: Checksums,
    /// Whether it also comes as it was.
    also_plain: bool,
    handing: Handing,
}

/// How a packet is handed in.
#[derive(Clone, Copy, Debug)]
enum Handing {
    Slice,
    Reference,
    Own,
}

impl Handing {
    fn packet(self, octets: &Bytes) -> Packet<'_> {
        match self {
            Self::Slice => Packet::from(&octets[..]),
            Self::Reference => Packet::from(octets),
            Self::Own => Packet::from(octets.clone()),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let checksums = prop_oneof![4 => Just(Checksums::Unknown), 1 => Just(Checksums::Verified), 1 => Just(Checksums::Partial)];
    let change = (prop_oneof![3 => 0_usize..56, 1 => 0_usize..1500], any::<u8>());
    let changes = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(change, 1..3)];
    let sends = (0_usize..2, 0_usize..3, 0_usize..3_000);
    let handing = prop_oneof![Just(Handing::Slice), Just(Handing::Reference), Just(Handing::Own)];
    (sends, changes, any::<bool>(), checksums, any::<bool>(), handing).prop_map(
        |((from, connection, octets), changes, sums_are_right, checksums, also_plain, handing)| Step {
            from,
            connection,
            octets,
            changes,
            sums_are_right,
            checksums,
            also_plain,
            handing,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_short_way_leads_where_the_long_one_does(steps in prop::collection::vec(step(), 1..6)) {
        let (mut hosts, ids) = pair(3);
        for step in steps {
            let (from, to) = (step.from, 1 - step.from);
            if let Some(mut connection) = hosts[from].connection(ids[from][step.connection]) {
                let _ = connection.send(NOW, &[7; 3_000][..step.octets]);
            }
            let mut out = [0; 1500];
            for _ in 0..4 {
                let Some(transmit) = hosts[from].poll_transmit(NOW, &mut out) else { break };
                let packet = &out[..transmit.len];
                let mut changed = packet.to_vec();
                for (place, octet) in &step.changes {
                    let len = changed.len();
                    changed[place % len] = *octet;
                }
                if step.sums_are_right {
                    put_sums_right(&mut changed);
                }
                let [packet, changed] = [Bytes::copy_from_slice(packet), changed.into()];
                hand_in(&mut hosts[to], step.handing.packet(&changed).with_checksums(step.checksums));
                if step.also_plain {
                    hand_in(&mut hosts[to], step.handing.packet(&packet));
                }
            }
        }
    }
}

#[test]
fn a_connection_that_is_gone_is_not_remembered() {
    let ([mut a, mut b], [opened, accepted]) = pair(1);
    let mut out = [0; 1500];
    a.connection(opened[0]).unwrap().send(NOW, b"hello").unwrap();
    let len = a.poll_transmit(NOW, &mut out).unwrap().len;
    assert_eq!(hand_in(&mut b, Packet::from(&out[..len])), Ingress::Connection(accepted[0]));
    assert_eq!(b.recent, Some(accepted[0]));
    b.connection(accepted[0]).unwrap().abort(NOW).unwrap();
    assert!(b.poll_transmit(NOW, &mut [0; 1500]).is_some());
    b.release(NOW, accepted[0]);
    assert_eq!(hand_in(&mut b, Packet::from(&out[..len])), Ingress::Ignored(IgnoreReason::NoConnection));
}

/// RFC 9293 MUST-63: a connection of ours with ourselves is no reason to believe the wire.
#[test]
fn a_packet_in_our_own_name_does_not_come_by_the_short_way() {
    let mut a = host(A);
    let listener = a.listen(ListenOn::port(80), &ListenConfig::default()).unwrap();
    let client = a.connect(NOW, "10.0.0.1:80".parse().unwrap()).unwrap();
    assert_eq!(a.poll_transmit(NOW, &mut [0; 1500]), None);
    let server = a.accept(listener).unwrap();
    a.connection(client).unwrap().send(NOW, b"hello").unwrap();
    let mut out = [0; 1500];
    let plan = a.flows.get_mut(client.index).unwrap().connection.poll_segment(NOW).unwrap();
    let flow = a.flows.get(client.index).unwrap();
    let len = flow.framing().emit(&mut out, &plan.meta, flow.connection.payload(&plan)).unwrap();
    assert_eq!(hand_in(&mut a, Packet::from(&out[..len])), Ingress::Ignored(IgnoreReason::InvalidSource));
    assert_eq!(a.connection(server).unwrap().unread(), 0);
}

/// That it leads where the long way does, the other tests hold; but a short way that nobody went would be none.
#[test]
fn a_segment_of_a_connection_that_is_there_goes_the_short_way() {
    for (here, there) in [(A, B), ("2001:db8::1", "2001:db8::2")] {
        let (mut a, mut b) = (host(here), host(there));
        b.listen(ListenOn::ANYTHING, &ListenConfig::default()).unwrap();
        let clients = [80, 81].map(|port| a.connect(NOW, (b.config.addresses[0].ip, port).into()).unwrap());
        super::super::tests::carry(NOW, &mut a, &mut b);
        let mut out = [0; 1_500];
        // The other connection, the same again, and one whose checksum somebody has looked at.
        for (client, checksums) in [
            (0, Checksums::Unknown),
            (1, Checksums::Unknown),
            (1, Checksums::Unknown),
            (0, Checksums::Verified),
        ] {
            a.connection(clients[client]).unwrap().set_nagle(NOW, false).unwrap();
            a.connection(clients[client]).unwrap().send(NOW, b"octets").unwrap();
            let len = a.poll_transmit(NOW, &mut out).unwrap().len;
            let mut packet = Packet::from(&out[..len]).with_checksums(checksums);
            assert!(b.take_common(NOW, &mut packet).is_some(), "from {here} on {client}");
        }
        // No connection, and a wrong checksum: not this way.
        a.connect(NOW, (b.config.addresses[0].ip, 82).into()).unwrap();
        let len = a.poll_transmit(NOW, &mut out).unwrap().len;
        assert!(b.take_common(NOW, &mut Packet::from(&out[..len])).is_none());
        a.connection(clients[0]).unwrap().send(NOW, b"octets").unwrap();
        let len = a.poll_transmit(NOW, &mut out).unwrap().len;
        out[len - 1] ^= 1;
        assert!(b.take_common(NOW, &mut Packet::from(&out[..len])).is_none());
    }
}
