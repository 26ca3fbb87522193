//! RFC 768, RFC 1122 §4.1.

use crate::drill::kernel::testing::World;
use crate::drill::pattern;
use crate::drill::script::Direction;
use crate::host::{UdpBind, UdpId, UdpOptions, UdpSend};

const CONNECTED: &[&str] = &["socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3", "connect(3, ..., ...) = 0"];

/// The peer has a socket for what `...` stands for.
fn peer(world: &mut World) -> UdpId {
    world.peer.udp_bind(UdpBind::Port(8080), UdpOptions::default()).unwrap()
}

#[test]
fn a_datagram_has_the_pattern_from_its_start() {
    let mut world = World::linux();
    let id = peer(&mut world);
    world.calls(CONNECTED).calls(&["write(3, ..., 100) = 100", "send(3, ..., 50, 0) = 50"]).carry();
    for len in [100, 50] {
        let came = world.peer.udp(id).unwrap().recv_from().unwrap().unwrap();
        assert_eq!(came.data, pattern::octets(Direction::Out, 0, len));
    }
}

#[test]
fn a_datagram_with_other_octets_than_the_pattern_fails_the_call_that_reads_it() {
    let mut world = World::linux();
    let id = peer(&mut world);
    world.calls(CONNECTED).call("write(3, \"abc\", 3) = 3").carry();
    let came = world.peer.udp(id).unwrap().recv_from().unwrap().unwrap();
    assert_eq!(came.data, &b"abc"[..]);
    let now = world.now;
    world.peer.udp(id).unwrap().send_to(now, b"abc", came.from, &UdpSend::default()).unwrap();
    world.carry();
    let read = crate::drill::kernel::testing::call("recv(3, ..., 100, 0) = 3");
    let failure = world.kernel.start(now, &read).unwrap_err();
    assert!(matches!(failure, crate::drill::kernel::CallFailure::Failed(_)), "{failure:?}");
}

#[test]
fn what_is_not_done_for_datagrams_is_refused_by_name() {
    let mut world = World::linux();
    world.calls(CONNECTED);
    for (call, what) in [
        ("setsockopt(3, SOL_SOCKET, SO_RCVBUF, [4096], 4) = 0", "SO_RCVBUF of a datagram socket"),
        ("getsockopt(3, SOL_IP, IP_MTU, [1500], [4]) = 0", "IP_MTU of a datagram socket"),
        ("setsockopt(3, SOL_IP, IP_MTU_DISCOVER, [3], 4) = 0", "IP_MTU_DISCOVER 3"),
        ("send(3, ..., 10, MSG_MORE) = 10", "MSG_MORE of a datagram socket"),
        ("recv(3, ..., 10, MSG_OOB) = 10", "MSG_OOB of a datagram socket"),
        ("recv(3, ..., 10, MSG_ERRQUEUE) = 10", "flags"),
        ("ioctl(3, SIOCATMARK, [0]) = 0", "SIOCATMARK of a datagram socket"),
    ] {
        world.refuses(call, what);
    }
}

#[test]
fn a_datagram_that_is_not_to_be_cut_up_and_is_too_large_for_the_path_is_refused() {
    let mut world = World::linux();
    world.calls(CONNECTED).calls(&[
        "setsockopt(3, SOL_IP, IP_MTU_DISCOVER, [2], 4) = 0",
        "write(3, ..., 1473) = -1 EMSGSIZE (Message too long)",
        "write(3, ..., 1472) = 1472",
    ]);
}

#[test]
fn a_broadcast_has_to_be_meant() {
    let to = "{sa_family=AF_INET, sin_port=htons(67), sin_addr=inet_addr(\"255.255.255.255\")}, 16";
    World::linux().calls(&[
        "socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3",
        &alloc::format!("sendto(3, ..., 10, 0, {to}) = -1 EACCES (Permission denied)"),
        "setsockopt(3, SOL_SOCKET, SO_BROADCAST, [1], 4) = 0",
        &alloc::format!("sendto(3, ..., 10, 0, {to}) = 10"),
    ]);
}

#[test]
fn a_port_that_nobody_has_named_is_given_back_when_the_socket_is_disconnected() {
    let mut world = World::linux();
    world.calls(CONNECTED).calls(&[
        "connect(3, {sa_family=AF_UNSPEC}, 16) = 0",
        "getsockname(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr(\"0.0.0.0\")}, [16]) = 0",
        "bind(3, ..., ...) = 0",
    ]);
    assert_eq!(world.kernel.host.udp_ids().count(), 1);
    world.call("close(3) = 0");
    assert_eq!(world.kernel.host.udp_ids().count(), 0);
}

#[test]
fn two_sockets_of_one_port_that_agree_to_that_are_not_supported() {
    let mut world = World::linux();
    for fd in [3, 4] {
        world.call(&alloc::format!("socket(..., SOCK_DGRAM, IPPROTO_UDP) = {fd}"));
        world.call(&alloc::format!("setsockopt({fd}, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0"));
    }
    world.call("bind(3, ..., ...) = 0").refuses("bind(4, ..., ...) = 0", "share");
}

#[test]
fn an_octet_of_a_datagram_that_no_call_has_sent_is_found() {
    use crate::drill::pattern::octets;
    use crate::drill::script::Direction::Out;

    let mut world = World::linux();
    let plain = octets(Out, 0, 100);
    assert_eq!(world.kernel.unsent_octet(&plain), None);
    let said = [b"heart".as_slice(), &octets(Out, 5, 20)].concat();
    assert_eq!(world.kernel.unsent_octet(&said), Some(0));
    world.kernel.said.push(b"heart".to_vec());
    assert_eq!(world.kernel.unsent_octet(&said), None);
    for wrong in [&octets(Out, 1, 100)[..], b"heartbeat", b"hear"] {
        assert!(world.kernel.unsent_octet(wrong).is_some(), "{wrong:?}");
    }
}
