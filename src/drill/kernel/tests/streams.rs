//! Reading and writing.

use super::*;

#[test]
fn octets_are_the_pattern_by_their_place_both_ways() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 3000);
    world.calls(&[
        "read(4, ..., 1000) = 1000",
        "recv(4, ..., 500, MSG_PEEK) = 500",
        "readv(4, [{..., 700}, {..., 5000}], 2) = 2000",
    ]);
    world.calls(&[
        "write(4, ..., 1000) = 1000",
        "writev(4, [{..., 700}, {..., 300}], 2) = 1000",
        "send(4, ..., 10, MSG_MORE) = 10",
    ]);
    world.carry().pass(300).carry().peer_reads(id, 0, 2010);
}

#[test]
fn octets_that_are_not_the_pattern_fail_the_call_with_their_place() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 100);
    world.call("read(4, ..., 100) = 100");
    world.peer_writes(id, 101, 100);
    let call = call("read(4, ..., 100) = 100");
    match world.kernel.start(world.now, &call) {
        Err(CallFailure::Failed(why)) => assert!(why.contains("octet 100"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn octets_that_the_script_chooses_are_sent_and_told_of() {
    let mut world = World::linux();
    let id = world.accepted();
    world.calls(&["write(4, ..., 5) = 5", "write(4, \"abc\", 3) = 3"]).carry();
    let tuple = world.kernel.under_test().unwrap();
    assert_eq!(world.kernel.sent_octet(&tuple, 4), None);
    assert_eq!(world.kernel.sent_octet(&tuple, 6), Some(b'b'));
    let Received::Data(read) = world.peer.connection(id).unwrap().recv(world.now, 100) else { panic!() };
    let rest = world.peer.connection(id).unwrap().recv(world.now, 100);
    let all: Vec<u8> = read
        .iter()
        .copied()
        .chain(if let Received::Data(more) = rest { more.to_vec() } else { Vec::new() })
        .collect();
    assert_eq!(&all[5..], b"abc");
}

#[test]
fn a_read_waits_for_octets_or_says_eagain() {
    let mut world = World::linux();
    let id = world.accepted();
    world.blocks("read(4, ..., 100) = 60").waits();
    world.peer_writes(id, 0, 60).returns();
    world.blocks("recv(4, ..., 100, MSG_WAITALL) = 100");
    world.peer_writes(id, 60, 60).waits();
    world.peer_writes(id, 120, 60).returns();
    world.call("recv(4, ..., 100, MSG_DONTWAIT) = 20");
    world.call("recv(4, ..., 100, MSG_DONTWAIT) = -1 EAGAIN");
}

#[test]
fn a_reader_with_a_timeout_gives_up() {
    let mut world = World::linux();
    world.accepted();
    world.call("setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=500000}, 16) = 0");
    world.blocks("read(4, ..., 100) = -1 EAGAIN");
    assert_eq!(world.blocked.as_ref().unwrap().0.deadline(), Some(Instant::from_nanos(1_500_000_000)));
    world.pass(1500).returns();
}

#[test]
fn a_writer_waits_for_room() {
    let mut world = World::linux();
    let id = world.accepted();
    world.call("setsockopt(4, SOL_SOCKET, SO_SNDBUF, [10000], 4) = 0");
    world.call("getsockopt(4, SOL_SOCKET, SO_SNDBUF, [20000], [4]) = 0");
    world.blocks("write(4, ..., 50000) = 50000");
    world.carry().waits();
    for _ in 0..20 {
        let Received::Data(_) = world.peer.connection(id).unwrap().recv(world.now, usize::MAX) else { break };
        world.carry();
        let (blocked, _) = world.blocked.as_mut().unwrap();
        let done = matches!(world.kernel.resume(world.now, blocked), Ok(Progress::Returned(_)));
        if done {
            return;
        }
        world.carry();
    }
    panic!("it never returns");
}

#[test]
fn the_end_of_the_stream_is_zero_and_a_reset_is_told_once() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 10).peer_closes(id);
    world.calls(&[
        "read(4, ..., 100) = 10",
        "read(4, ..., 100) = 0",
        "read(4, ..., 100) = 0",
        "write(4, ..., 5) = 5",
    ]);
    for mut world in [World::linux(), World::freebsd()] {
        let id = world.accepted();
        world.peer_writes(id, 0, 10).peer_resets(id);
        world.calls(&[
            "read(4, ..., 100) = 10",
            "read(4, ..., 100) = -1 ECONNRESET",
            "read(4, ..., 100) = 0",
        ]);
        world.calls(&["write(4, ..., 5) = -1 EPIPE", "close(4) = 0"]);
    }
}

#[test]
fn a_writer_hears_of_the_reset_on_linux_and_of_the_broken_pipe_on_freebsd() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_resets(id);
    world.calls(&["write(4, ..., 5) = -1 ECONNRESET", "write(4, ..., 5) = -1 EPIPE", "read(4, ..., 5) = 0"]);
    let mut world = World::freebsd();
    let id = world.accepted();
    world.peer_resets(id);
    world.calls(&["write(4, ..., 5) = -1 EPIPE", "read(4, ..., 5) = -1 ECONNRESET", "read(4, ..., 5) = 0"]);
}

#[test]
fn a_reset_behind_a_fin_is_a_broken_pipe_on_linux() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_closes(id);
    world.peer.connection(id).unwrap().close(world.now).unwrap();
    world.call("write(4, ..., 5) = 5").carry();
    world.calls(&["read(4, ..., 5) = 0", "getsockopt(4, SOL_SOCKET, SO_ERROR, [EPIPE], [4]) = 0"]);
}

#[test]
fn a_socket_without_a_connection_neither_reads_nor_writes() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "read(3, ..., 5) = -1 ENOTCONN",
        "write(3, ..., 5) = -1 EPIPE",
        "shutdown(3, SHUT_WR) = -1 ENOTCONN",
    ]);
    let mut world = World::freebsd();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "read(3, ..., 5) = -1 ENOTCONN",
        "write(3, ..., 5) = -1 ENOTCONN",
        "shutdown(3, SHUT_WR) = -1 ENOTCONN",
    ]);
}

#[test]
fn queues_are_counted() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 700);
    world.calls(&[
        "ioctl(4, SIOCINQ, [700]) = 0",
        "ioctl(4, FIONREAD, [700]) = 0",
        "write(4, ..., 500) = 500",
    ]);
    world.calls(&["ioctl(4, SIOCOUTQ, [500]) = 0", "ioctl(4, SIOCOUTQNSD, [500]) = 0"]);
    world.lose();
    world.calls(&[
        "ioctl(4, SIOCOUTQ, [500]) = 0",
        "ioctl(4, SIOCOUTQNSD, [0]) = 0",
        "ioctl(3, SIOCINQ, [0]) = -1 EINVAL",
    ]);
}

#[test]
fn recvmsg_tells_what_is_left_in_a_control_message() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 700);
    world.call("setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0");
    world.call("recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 500}], msg_flags=0, msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=200}]}, 0) = 500");
}

#[test]
fn a_buffer_that_is_nowhere_faults() {
    let mut world = World::linux();
    let id = world.accepted();
    world.calls(&[
        "write(4, NULL, 100) = -1 EFAULT",
        "write(4, NULL, 0) = 0",
        "writev(4, [{..., 10}, {NULL, 100}], 2) = 10",
        "recv(4, NULL, 100, MSG_DONTWAIT) = -1 EAGAIN",
    ]);
    world.carry().peer_reads(id, 0, 10).peer_writes(id, 0, 50);
    world.calls(&["read(4, NULL, 100) = -1 EFAULT", "readv(4, [{..., 20}, {NULL, 100}], 2) = 20"]);
    world.call("read(4, ..., 100) = 30");
}
