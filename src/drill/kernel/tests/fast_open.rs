//! Fast Open (RFC 7413) as the calls have it.

use super::*;

/// A peer whose listener gives cookies.
fn with_cookies() -> World {
    let mut world = World::linux();
    world.peer_listens_fast();
    world
}

#[test]
fn the_first_call_asks_for_a_cookie_and_the_second_takes_octets_along() {
    let mut world = with_cookies();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "fcntl(3, F_SETFL, O_NONBLOCK) = 0",
        "sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = -1 EINPROGRESS",
        "sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = -1 EALREADY",
    ]);
    world.carry().call("close(3) = 0").carry();
    world.peer_accepts();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 4",
        "fcntl(4, F_SETFL, O_NONBLOCK) = 0",
        "sendto(4, ..., 5000, MSG_FASTOPEN, ..., ...) = 1420",
    ]);
    world.carry();
    let id = world.peer_accepts();
    world.peer_reads(id, 0, 1420);
    assert_eq!(world.shows("tcpi_options").unwrap() & 32, 32);
    world.call("sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = 500");
    world.call("sendto(4, ..., 500, MSG_FASTOPEN, ..., ...) = -1 EISCONN");
}

#[test]
fn a_blocking_call_sends_the_rest_behind_the_handshake() {
    let mut world = with_cookies();
    world.call("socket(..., SOCK_STREAM, 0) = 3");
    world.blocks("sendto(3, ..., 5000, MSG_FASTOPEN, ..., ...) = 5000").waits();
    world.carry().returns();
    world.carry();
    let id = world.peer_accepts();
    world.peer_reads(id, 0, 5000);
}

#[test]
fn a_connect_that_is_put_off_goes_with_the_first_octets() {
    let mut world = with_cookies();
    world.call("socket(..., SOCK_STREAM, 0) = 3").blocks("connect(3, ..., ...) = 0");
    world.carry().returns();
    world.call("close(3) = 0").carry();
    for (first, then) in [("-1 EINPROGRESS", "-1 EALREADY"), ("0", "-1 EISCONN")] {
        world.calls(&[
            "socket(..., SOCK_STREAM, 0) = 4",
            "fcntl(4, F_SETFL, O_NONBLOCK) = 0",
            "setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0",
            &alloc::format!("connect(4, ..., ...) = {first}"),
            &alloc::format!("connect(4, ..., ...) = {then}"),
        ]);
        if first == "0" {
            assert_eq!(world.lose(), 0);
            world.call("poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1");
            world.call("write(4, ..., 100) = 100");
        }
        world.carry().call("close(4) = 0").carry();
    }
}

#[test]
fn without_leave_there_is_no_fast_open() {
    let mut world = with_cookies();
    crate::drill::shell::run(&mut world.kernel, world.now, "sysctl net.ipv4.tcp_fastopen=0").unwrap();
    world.call("socket(..., SOCK_STREAM, 0) = 3");
    world.call("sendto(3, ..., 500, MSG_FASTOPEN, ..., ...) = -1 EOPNOTSUPP");
}

#[test]
fn a_listener_that_gives_cookies_takes_octets_with_a_syn() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "bind(3, ..., ...) = 0",
        "setsockopt(3, SOL_TCP, TCP_FASTOPEN, [5], 4) = 0",
        "listen(3, 5) = 0",
    ]);
    let ask = world.peer_connects_fast(b"");
    world.peer_resets(ask);
    world.call("accept(3, ..., ...) = 4");
    let octets = crate::drill::pattern::octets(crate::drill::script::Direction::In, 0, 10);
    let id = world.peer_connects_fast(&octets);
    world.calls(&["accept(3, ..., ...) = 5", "read(5, ..., 100) = 10", "write(5, ..., 20) = 20"]);
    world.carry().peer_reads(id, 0, 20);
}
