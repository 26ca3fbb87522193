//! getsockopt and setsockopt.

use super::*;

#[test]
fn what_was_set_is_read_back_as_the_system_has_it() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "setsockopt(3, SOL_SOCKET, SO_RCVBUF, [5000], 4) = 0",
        "getsockopt(3, SOL_SOCKET, SO_RCVBUF, [10000], [4]) = 0",
        "setsockopt(3, SOL_TCP, TCP_NODELAY, [5], 4) = 0",
        "getsockopt(3, SOL_TCP, TCP_NODELAY, [1], [4]) = 0",
        "setsockopt(3, SOL_TCP, TCP_MAXSEG, [1000], 4) = 0",
        "getsockopt(3, SOL_TCP, TCP_MAXSEG, [1000], [4]) = 0",
        "setsockopt(3, SOL_TCP, TCP_MAXSEG, [10], 4) = -1 EINVAL",
        "setsockopt(3, SOL_SOCKET, SO_PRIORITY, [6], 4) = 0",
        "getsockopt(3, SOL_SOCKET, SO_PRIORITY, [6], [4]) = 0",
        "setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}, 8) = 0",
        "getsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}, [8]) = 0",
        "getsockopt(3, SOL_SOCKET, SO_TYPE, [SOCK_STREAM], [4]) = 0",
        "getsockopt(3, SOL_SOCKET, SO_PROTOCOL, [IPPROTO_TCP], [4]) = 0",
        "getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, [0], [4]) = 0",
        "setsockopt(3, IPPROTO_IP, IP_TOS, [0x2f], 4) = 0",
        "getsockopt(3, IPPROTO_IP, IP_TOS, [0x2c], [4]) = 0",
        "setsockopt(3, SOL_SOCKET, SO_ERROR, [1], 4) = -1 ENOPROTOOPT",
        "setsockopt(3, SOL_TCP, TCP_CONGESTION, \"reno\", 4) = 0",
        "getsockopt(3, SOL_TCP, TCP_CONGESTION, \"reno\", [16]) = 0",
    ]);
    world.refuses("setsockopt(3, SOL_TCP, TCP_CONGESTION, \"bbr\", 3) = 0", "bbr");
    let mut world = World::freebsd();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "setsockopt(3, SOL_SOCKET, SO_RCVBUF, [5000], 4) = 0",
        "getsockopt(3, SOL_SOCKET, SO_RCVBUF, [5000], [4]) = 0",
        "setsockopt(3, IPPROTO_TCP, TCP_FUNCTION_BLK, {function_set_name=\"freebsd\", pcbcnt=0}, 36) = 0",
    ]);
    world.refuses(
        "setsockopt(3, IPPROTO_TCP, TCP_FUNCTION_BLK, {function_set_name=\"rack\", pcbcnt=0}, 36) = 0",
        "rack",
    );
}

#[test]
fn a_listeners_options_are_those_of_who_is_accepted() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "setsockopt(3, SOL_TCP, TCP_MAXSEG, [1000], 4) = 0",
        "setsockopt(3, SOL_SOCKET, SO_RCVBUF, [5000], 4) = 0",
        "bind(3, ..., ...) = 0",
        "listen(3, 1) = 0",
        "setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0",
    ]);
    let id = world.peer_connects();
    world.call("accept(3, ..., ...) = 4");
    world.call("getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0");
    let config = *world.kernel.machine(4).unwrap().config();
    assert_eq!((config.mss, config.receive_window, config.nagle), (1000, 5000, false));
    let info = world.peer.connection(id).unwrap().info(world.now).unwrap();
    assert_eq!(info.mss, 1000 - 12);
}

#[test]
fn a_cork_holds_a_partial_segment_back_until_it_is_out() {
    for (mut world, name) in [(World::linux(), "TCP_CORK"), (World::freebsd(), "TCP_NOPUSH")] {
        let id = world.accepted();
        world.call(&alloc::format!("setsockopt(4, IPPROTO_TCP, {name}, [1], 4) = 0"));
        world.call("write(4, ..., 100) = 100").carry();
        assert_eq!(world.state(id), Received::Empty);
        world.call(&alloc::format!("setsockopt(4, IPPROTO_TCP, {name}, [0], 4) = 0"));
        world.carry().peer_reads(id, 0, 100);
    }
}

#[test]
fn an_option_of_a_living_connection_counts_from_then_on() {
    let mut world = World::linux();
    world.accepted();
    world.calls(&[
        "setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0",
        "setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [10], 4) = 0",
        "setsockopt(4, SOL_TCP, TCP_KEEPCNT, [3], 4) = 0",
        "setsockopt(4, IPPROTO_IP, IP_TTL, [7], 4) = 0",
    ]);
    let keepalive = world.kernel.machine(4).unwrap().config().keepalive.unwrap();
    assert_eq!((keepalive.idle.as_secs(), keepalive.count), (10, 3));
    world.call("write(4, ..., 10) = 10");
    let packet = packets(&mut world.kernel.host, world.now).pop().unwrap();
    assert_eq!(packet[8], 7);
}
