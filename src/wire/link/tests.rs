use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

/// The first octets of an IPv4 packet, and something to find behind them.
const PACKET: [u8; 6] = [0x45, 0, 0, 0x28, 0xaa, 0xbb];

fn ethernet(rest: &[&[u8]]) -> Vec<u8> {
    let mut frame = std::vec![2; 12];
    frame.extend(rest.concat());
    frame
}

fn unwrap(link: LinkType, frame: &[u8]) -> Result<Network<'_>, LinkError> {
    network_layer(link, frame, frame.len())
}

fn found<'a>(wire_len: usize) -> Result<Network<'a>, LinkError> {
    Ok(Network::Ip { bytes: &PACKET, wire_len })
}

fn other<'a>(ethertype: u16) -> Result<Network<'a>, LinkError> {
    Ok(Network::Other { ethertype })
}

#[test]
fn link_types_keep_their_numbers() {
    for dlt in 0..400 {
        let link = LinkType::from_dlt(dlt);
        let expected = if matches!(dlt, 12 | 14) { 101 } else { dlt };
        assert_eq!(link.dlt(), expected);
    }
    assert_eq!(LinkType::from_dlt(147).to_string(), "link type 147");
    assert_eq!(LinkType::Ethernet.to_string(), "Ethernet");
}

#[test]
fn ethernet_ii_carries_ip_by_its_ethertype() {
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&[8, 0], &PACKET])), found(6));
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&[0x86, 0xdd], &PACKET])), found(6));
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&[8, 6], &PACKET])), other(ethertype::ARP));
}

#[test]
fn the_wire_length_is_what_the_headers_leave_of_it() {
    let frame = ethernet(&[&[0x81, 0, 0, 1, 8, 0], &PACKET]);
    assert_eq!(network_layer(LinkType::Ethernet, &frame, 1518), found(1500));
    assert_eq!(network_layer(LinkType::Ethernet, &frame, 3), found(6));
}

#[test]
fn vlan_tags_of_all_three_kinds_are_stacked() {
    let tags = [0x88, 0xa8, 0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3, 8, 0];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&tags, &PACKET])), found(6));
}

#[test]
fn eight_vlan_tags_are_enough_for_anybody() {
    let tags = |n| core::iter::repeat_n([0x81, 0, 0, 1], n).flatten().collect::<Vec<u8>>();
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&tags(8), &[8, 0], &PACKET])), found(6));
    assert_eq!(
        unwrap(LinkType::Ethernet, &ethernet(&[&tags(9), &[8, 0], &PACKET])),
        Err(LinkError::TooManyTags)
    );
}

#[test]
fn a_length_in_place_of_an_ethertype_bounds_an_llc_frame() {
    let snap = [0, 12, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let frame = ethernet(&[&snap, &PACKET, &[0xee; 20]]);
    assert_eq!(unwrap(LinkType::Ethernet, &frame), Ok(Network::Ip { bytes: &PACKET[..4], wire_len: 4 }));
    let bridged = [0, 14, 0xaa, 0xaa, 3, 0, 0, 0xf8, 0x86, 0xdd];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&bridged, &PACKET])), found(6));
    let ip_sap = [0, 9, 6, 6, 3];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&ip_sap, &PACKET])), found(6));
    let spanning_tree = [0, 38, 0x42, 0x42, 3, 0, 0];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&spanning_tree, &[0; 40]])), other(ethertype::LLC));
    let discovery_protocol = [0, 20, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0];
    assert_eq!(
        unwrap(LinkType::Ethernet, &ethernet(&[&discovery_protocol, &[0; 40]])),
        other(ethertype::LLC)
    );
    let arp = [0, 20, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&arp, &[0; 40]])), other(ethertype::ARP));
}

#[test]
fn a_length_too_small_for_llc_is_refused() {
    let error = LinkError::TooShort { needed: 17, wire_len: 16 };
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&[0, 2], &[0xaa; 44]])), Err(error));
}

#[test]
fn pppoe_sessions_bound_the_packet_by_their_length() {
    let session = [0x88, 0x64, 0x11, 0, 0, 1, 0, 8, 0, 0x21];
    let frame = ethernet(&[&session, &PACKET, &[0xee; 30]]);
    assert_eq!(unwrap(LinkType::Ethernet, &frame), found(6));
    let compressed = [0x11, 0, 0, 1, 0, 7, 0x57];
    assert_eq!(unwrap(LinkType::PppEther, &[&compressed[..], &PACKET].concat()), found(6));
    let control = [0x88, 0x64, 0x11, 0, 0, 1, 0, 8, 0xc0, 0x21];
    assert_eq!(unwrap(LinkType::Ethernet, &ethernet(&[&control, &PACKET])), other(ethertype::PPPOE_SESSION));
    let terminated = [0x88, 0x64, 0x11, 0xa7, 0, 1, 0, 8, 0, 0x21];
    assert_eq!(
        unwrap(LinkType::Ethernet, &ethernet(&[&terminated, &PACKET])),
        other(ethertype::PPPOE_SESSION)
    );
    let discovery = [0x88, 0x63, 0x11, 9, 0, 0];
    assert_eq!(
        unwrap(LinkType::Ethernet, &ethernet(&[&discovery, &PACKET])),
        other(ethertype::PPPOE_DISCOVERY)
    );
}

#[test]
fn ppp_comes_with_and_without_address_and_compression() {
    for prefix in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0xff, 3, 0x21], &[0x21], &[0, 0x57], &[0x57]] {
        let frame = [prefix, &PACKET].concat();
        assert_eq!(unwrap(LinkType::Ppp, &frame), found(6));
        assert_eq!(unwrap(LinkType::PppHdlc, &frame), found(6));
    }
    assert_eq!(unwrap(LinkType::Ppp, &[0xff, 3, 0xc0, 0x21, 1]), other(ethertype::PPP));
    assert_eq!(unwrap(LinkType::PppHdlc, &[&[0x0f, 0, 8, 0][..], &PACKET].concat()), found(6));
}

#[test]
fn linux_cooked_frames_have_their_protocol_at_the_end_or_at_the_start() {
    let mut v1 = std::vec![0; 14];
    v1.extend([8, 0]);
    assert_eq!(unwrap(LinkType::LinuxSll, &[&v1[..], &PACKET].concat()), found(6));
    v1[14..].copy_from_slice(&[0x81, 0]);
    assert_eq!(unwrap(LinkType::LinuxSll, &[&v1[..], &[0, 5, 0x86, 0xdd], &PACKET].concat()), found(6));
    v1[14..].copy_from_slice(&[0, 4]);
    assert_eq!(
        unwrap(LinkType::LinuxSll, &[&v1[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &PACKET].concat()),
        found(6)
    );
    v1[14..].copy_from_slice(&[0, 12]);
    assert_eq!(unwrap(LinkType::LinuxSll, &[&v1[..], &PACKET].concat()), other(12));
    let mut v2 = std::vec![0x86, 0xdd];
    v2.extend([0; 18]);
    assert_eq!(unwrap(LinkType::LinuxSll2, &[&v2[..], &PACKET].concat()), found(6));
}

#[test]
fn loopback_families_are_read_in_either_byte_order() {
    for family in [2, 10, 24, 28, 30] {
        let (little, big) = ([family, 0, 0, 0], [0, 0, 0, family]);
        assert_eq!(unwrap(LinkType::Null, &[&little[..], &PACKET].concat()), found(6));
        assert_eq!(unwrap(LinkType::Null, &[&big[..], &PACKET].concat()), found(6));
        assert_eq!(unwrap(LinkType::Loop, &[&big[..], &PACKET].concat()), found(6));
        let error = LinkError::UnknownFamily { family: u32::from(family) << 24 };
        assert_eq!(unwrap(LinkType::Loop, &[&little[..], &PACKET].concat()), Err(error));
    }
    assert_eq!(unwrap(LinkType::Null, &[0, 0, 0, 7, 1]), Err(LinkError::UnknownFamily { family: 7 }));
}

#[test]
fn raw_links_begin_with_ip() {
    for link in [LinkType::RawIp, LinkType::Ipv4, LinkType::Ipv6] {
        assert_eq!(network_layer(link, &PACKET, 40), found(40));
    }
}

#[test]
fn short_frames_say_whether_the_capture_or_the_frame_ends() {
    let frame = ethernet(&[&[0x81, 0, 0]]);
    let cut = LinkError::HeaderCut { needed: 18, captured: 15 };
    assert_eq!(network_layer(LinkType::Ethernet, &frame, 60), Err(cut));
    assert_eq!(cut.to_string(), "the capture ends inside the link header: 15 octets of at least 18");
    let short = LinkError::TooShort { needed: 18, wire_len: 15 };
    assert_eq!(network_layer(LinkType::Ethernet, &frame, 15), Err(short));
}

#[test]
fn an_unknown_link_type_is_not_guessed_at() {
    let link = LinkType::Other(147);
    assert_eq!(unwrap(link, &PACKET), Err(LinkError::Unsupported { link }));
}

fn any_link() -> impl Strategy<Value = LinkType> {
    prop_oneof![0_u32..300, Just(1), Just(9), Just(50), Just(51), Just(113), Just(276)]
        .prop_map(LinkType::from_dlt)
}

proptest! {
    #[test]
    fn any_octets_leave_consistent_lengths(
        link in any_link(),
        bytes in proptest::collection::vec(prop_oneof![
            Just(0x81_u8), Just(0), Just(0x88), Just(0x64), Just(0xaa), Just(3), Just(8), any::<u8>()
        ], 0..80),
        wire_len in 0_usize..2000,
    ) {
        if let Ok(Network::Ip { bytes: ip, wire_len: left }) = network_layer(link, &bytes, wire_len) {
            prop_assert!(ip.len() <= left);
            let passed = ip.as_ptr() as usize - bytes.as_ptr() as usize;
            prop_assert!(left <= wire_len.max(bytes.len()) - passed);
        }
    }
}
