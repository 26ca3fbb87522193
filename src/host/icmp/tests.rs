use super::testing::*;
use proptest::prelude::*;

/// A host that complains of everything that it can complain of, as often as it likes.
struct Grumbler {
    icmp: Icmp,
    fragments: Fragments,
    addresses: (Ipv4Addr, Ipv6Addr),
}

impl Grumbler {
    fn new(addresses: (Ipv4Addr, Ipv6Addr)) -> Self {
        let config = IcmpConfig {
            echo_to_groups: true,
            protocol_unreachable: true,
            echo_limit: RateLimit::UNLIMITED,
            error_limit: RateLimit::UNLIMITED,
            error_limit_each: RateLimit::UNLIMITED,
            queue: 1 << 20,
            ..IcmpConfig::default()
        };
        Self { icmp: with(config), fragments: Fragments::new(default_limits()), addresses }
    }

    fn take(&mut self, now: Instant, bytes: &[u8]) {
        let Ok(packet) = IpPacket::parse(bytes, bytes.len()) else { return };
        let (v4, v6) = self.addresses;
        let local: IpAddr = if packet.dst.is_ipv4() { v4.into() } else { v6.into() };
        if packet.dst != local && !is_group(packet.dst) {
            return;
        }
        let about = About { speaker: Some(local), ..about(bytes) };
        if packet.fragment.is_some() {
            match self.fragments.take(now, bytes, &packet) {
                Taken::Whole(whole) => {
                    let packet = IpPacket {
                        fragment: None,
                        payload: &whole.payload,
                        payload_len: whole.payload.len(),
                        protocol: whole.protocol,
                        ..packet
                    };
                    if !self.is_heard(now, &packet, local) {
                        let _ = self.icmp.complain_about_whole(now, &whole, &about, Complaint::Port);
                    }
                }
                Taken::Waiting => {}
                Taken::Dropped(_, problem) => self.problem(now, &about, problem),
            }
            return;
        }
        if let Ok(Examined { duty: Duty::Problem(problem), .. }) = Examined::of(bytes) {
            return self.problem(now, &about, Some(problem));
        }
        if !self.is_heard(now, &packet, local) {
            let complaint =
                if packet.protocol == IpProtocol::UDP { Complaint::Port } else { Complaint::Protocol };
            let _ = self.icmp.complain(now, &about, complaint);
        }
    }

    fn problem(&mut self, now: Instant, about: &About<'_>, problem: Option<Problem>) {
        if let Some(problem) = problem {
            let _ = self.icmp.complain(now, about, Complaint::Parameter(problem));
        }
    }

    /// Of ICMP that means nothing to it, or that it does not believe, it complains as well: worse than any host.
    fn is_heard(&mut self, now: Instant, packet: &IpPacket<'_>, local: IpAddr) -> bool {
        let icmp = if packet.dst.is_ipv4() { IpProtocol::ICMP } else { IpProtocol::ICMPV6 };
        let arrived = Arrived { packet, origin: Origin::Wire, scope: 0, local, mtu: 1280, id: 1 };
        packet.protocol == icmp && !matches!(self.icmp.hear(now, &arrived), Heard::Raw | Heard::Unheeded(_))
    }

    fn late(&mut self, now: Instant) {
        self.fragments.handle_timeout(now);
        while let Some(first) = self.fragments.poll_expired() {
            let _ = self.icmp.complain(now, &about(&first), Complaint::Reassembly);
        }
    }
}

/// A packet that may have come from either host, or claims to.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let v4_addr =
        || prop::sample::select(vec![OURS, THEIRS, Ipv4Addr::BROADCAST, Ipv4Addr::new(224, 0, 0, 1)]);
    let v6_addr = || prop::sample::select(vec![OURS_6, THEIRS_6, GROUP_6]);
    let protocol = || prop::sample::select(vec![1_u8, 6, 17, 58, 200, 60, 43, 44, 0]);
    let octets = || prop::collection::vec(any::<u8>(), 0..120);
    let kind = prop::sample::select(vec![0_u8, 3, 5, 8, 11, 12, 13, 1, 2, 4, 128, 129, 135, 137]);
    prop_oneof![
        (v4_addr(), v4_addr(), protocol(), octets(), any::<u16>()).prop_map(
            |(src, dst, protocol, octets, piece)| {
                let mut packet = v4(src, dst, IpProtocol(protocol), &octets);
                packet[6..8].copy_from_slice(&(piece & 0x2003).to_be_bytes());
                packet
            }
        ),
        (v6_addr(), v6_addr(), protocol(), octets()).prop_map(|(src, dst, protocol, octets)| v6(
            src,
            dst,
            IpProtocol(protocol),
            &octets
        )),
        (v4_addr(), v4_addr(), kind.clone(), any::<u8>(), octets()).prop_map(
            |(src, dst, kind, code, body)| {
                let code = code % 6;
                icmpv4_packet(
                    src,
                    dst,
                    &Icmpv4Message::Unknown { kind, code, word: [0, 0, 5, 0], body: &body },
                )
            }
        ),
        (v6_addr(), v6_addr(), kind, any::<u8>(), octets()).prop_map(|(src, dst, kind, code, body)| {
            let code = code % 6;
            icmpv6_packet(src, dst, &Icmpv6Message::Unknown { kind, code, word: [0, 0, 5, 0], body: &body })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_hosts_that_hear_each_other_fall_silent(packets in prop::collection::vec(any_packet(), 1..100)) {
        let mut hosts = [Grumbler::new((OURS, OURS_6)), Grumbler::new((THEIRS, THEIRS_6))];
        let mut now = NOW;
        for packet in &packets {
            hosts.iter_mut().for_each(|host| host.take(now, packet));
        }
        let mut last_heard = 0;
        for round in 0..1000 {
            now = now + Duration::from_millis(100);
            let said: Vec<_> = hosts.iter_mut().flat_map(|host| drain(&mut host.icmp)).collect();
            if !said.is_empty() {
                last_heard = round;
            }
            for packet in &said {
                prop_assert!(packet.len() <= 1280);
                hosts.iter_mut().for_each(|host| host.take(now, packet));
            }
            hosts.iter_mut().for_each(|host| host.late(now));
        }
        // A question, an answer, an error about the answer; and the late errors about fragments a minute after.
        prop_assert!(last_heard < 3 || (600..605).contains(&last_heard), "still talking in round {}", last_heard);
    }
}
