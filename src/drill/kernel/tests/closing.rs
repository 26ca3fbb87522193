//! close and shutdown.

use super::*;
use crate::tcp::CloseReason;

#[test]
fn a_half_closed_socket_still_reads() {
    for mut world in [World::linux(), World::freebsd()] {
        let id = world.accepted();
        world.calls(&["shutdown(4, SHUT_WR) = 0", "write(4, ..., 5) = -1 EPIPE"]).carry();
        assert_eq!(world.state(id), Received::Eof);
        world.peer_writes(id, 0, 100);
        world.calls(&["shutdown(4, SHUT_WR) = 0", "read(4, ..., 1000) = 100"]);
    }
}

#[test]
fn shutdown_takes_the_three_ways_there_are() {
    let mut world = World::linux();
    world.accepted();
    world.calls(&[
        "shutdown(4, 3) = -1 EINVAL",
        "shutdown(9, SHUT_WR) = -1 EBADF",
        "shutdown(4, SHUT_RD) = 0",
        "read(4, ..., 10) = 0",
    ]);
}

#[test]
fn closing_with_no_time_to_linger_resets() {
    let mut world = World::linux();
    let id = world.accepted();
    world
        .calls(&["setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0", "close(4) = 0"])
        .carry();
    assert_eq!(world.state(id), Received::Closed(CloseReason::Reset));
    world.call("close(4) = -1 EBADF");
}

#[test]
fn closing_with_unread_octets_resets_on_linux() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 10);
    world.call("close(4) = 0").carry();
    assert_eq!(world.state(id), Received::Closed(CloseReason::Reset));
}

#[test]
fn closing_a_listener_resets_who_waits() {
    let mut world = World::linux();
    world.calls(&["socket(..., SOCK_STREAM, 0) = 3", "bind(3, ..., ...) = 0", "listen(3, 1) = 0"]);
    let id = world.peer_connects();
    world.call("close(3) = 0").carry();
    assert_eq!(world.state(id), Received::Closed(CloseReason::Reset));
}

#[test]
fn a_lingering_close_waits_for_the_acknowledgment_of_the_fin() {
    let mut world = World::linux();
    world.accepted();
    world.call("setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0");
    world.call("write(4, ..., 100) = 100").blocks("close(4) = 0").waits();
    world.carry().returns();
}

#[test]
fn a_connection_in_time_wait_is_closed_for_linux() {
    let mut world = World::linux();
    let id = world.accepted();
    world.call("shutdown(4, SHUT_WR) = 0").carry().peer_closes(id);
    assert_eq!(world.shows("tcpi_state"), Some(7));
    world.calls(&[
        "read(4, ..., 10) = 0",
        "shutdown(4, SHUT_WR) = -1 ENOTCONN",
        "getpeername(4, ..., ...) = -1 ENOTCONN",
    ]);
    world.call("getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0");
}
