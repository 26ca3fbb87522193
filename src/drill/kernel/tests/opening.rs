//! socket, bind, listen, accept, connect.

use super::*;

#[test]
fn a_connection_that_is_accepted_is_the_one_under_test() {
    let mut world = World::linux();
    world.accepted();
    let tuple = world.kernel.under_test().unwrap();
    assert_eq!(tuple.local(), "192.168.0.1:8080".parse().unwrap());
    assert_eq!(world.shows("tcpi_state"), Some(1));
}

#[test]
fn accept_without_anybody_says_eagain_or_waits() {
    let mut world = World::linux();
    world.calls(&["socket(..., SOCK_STREAM, 0) = 3", "bind(3, ..., ...) = 0", "listen(3, 5) = 0"]);
    world.blocks("accept(3, ..., ...) = 4").waits();
    world.peer_connects();
    world.returns();
    world.call("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
    world.call("accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)");
    world.call("accept(4, ..., ...) = -1 EINVAL");
    world.call("accept(9, ..., ...) = -1 EBADF");
}

#[test]
fn who_was_reset_in_the_queue_is_accepted_on_linux_and_not_on_freebsd() {
    for (mut world, answer) in [(World::linux(), "4"), (World::freebsd(), "-1 ECONNABORTED")] {
        world.calls(&["socket(..., SOCK_STREAM, 0) = 3", "bind(3, ..., ...) = 0", "listen(3, 5) = 0"]);
        let id = world.peer_connects();
        world.peer_resets(id);
        world.call(&alloc::format!("accept(3, ..., ...) = {answer}"));
    }
    let mut world = World::linux();
    world.calls(&["socket(..., SOCK_STREAM, 0) = 3", "bind(3, ..., ...) = 0", "listen(3, 5) = 0"]);
    let id = world.peer_connects();
    world.peer_resets(id);
    world.calls(&["accept(3, ..., ...) = 4", "read(4, ..., 10) = -1 ECONNRESET", "read(4, ..., 10) = 0"]);
}

#[test]
fn binding_twice_listening_unbound_and_a_port_in_use() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "bind(3, ..., ...) = 0",
        "bind(3, ..., ...) = -1 EINVAL",
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 4",
        "bind(4, ..., ...) = -1 EADDRINUSE",
        "bind(4, {sa_family=AF_INET, sin_port=htons(8081), sin_addr=inet_addr(\"10.9.9.9\")}, 16) = -1 EADDRNOTAVAIL",
        "bind(4, {sa_family=AF_INET, sin_port=htons(8081), sin_addr=inet_addr(\"192.168.0.1\")}, 16) = 0",
        "listen(3, 1) = 0",
        "listen(3, 5) = 0",
        "connect(3, ..., ...) = -1 EISCONN",
    ]);
    let mut world = World::freebsd();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "bind(3, ..., ...) = 0",
        "listen(3, 1) = 0",
        "connect(3, ..., ...) = -1 EOPNOTSUPP",
    ]);
}

#[test]
fn a_port_in_time_wait_is_bound_again_with_reuseaddr_only() {
    let mut world = World::linux();
    let id = world.accepted();
    world.calls(&["close(4) = 0", "close(3) = 0"]).carry();
    world.peer_closes(id);
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 5",
        "bind(5, ..., ...) = -1 EADDRINUSE",
        "setsockopt(5, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
        "bind(5, ..., ...) = 0",
        "listen(5, 1) = 0",
    ]);
}

#[test]
fn connect_tells_of_its_progress() {
    let mut world = World::linux();
    world.peer_listens();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)",
        "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
        "fcntl(3, F_GETFL) = O_RDWR|O_NONBLOCK",
        "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
        "connect(3, ..., ...) = -1 EALREADY",
        "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
    ]);
    world.carry();
    world.calls(&["connect(3, ..., ...) = 0", "connect(3, ..., ...) = -1 EISCONN"]);
    let mut world = World::freebsd();
    world.connected();
    world.call("connect(3, ..., ...) = -1 EISCONN");
}

#[test]
fn a_blocking_connect_returns_when_the_handshake_is_done() {
    let mut world = World::linux();
    world.peer_listens();
    world.call("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3").blocks("connect(3, ..., ...) = 0").waits();
    world.carry().returns().call("connect(3, ..., ...) = -1 EISCONN");
}

#[test]
fn a_refused_connect_tells_once_and_may_be_tried_again() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
        "connect(3, ..., ...) = -1 EINPROGRESS",
    ]);
    world.carry();
    world.calls(&[
        "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0",
        "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0",
        "connect(3, ..., ...) = -1 ECONNABORTED",
        "connect(3, ..., ...) = -1 EINPROGRESS",
    ]);
    world.carry();
    world.calls(&["connect(3, ..., ...) = -1 ECONNREFUSED", "read(3, ..., 10) = -1 ENOTCONN"]);
    let mut world = World::freebsd();
    world.call("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3").blocks("connect(3, ..., ...) = -1 ECONNREFUSED");
    world.carry().returns();
}

#[test]
fn connecting_to_nobody_takes_a_connection_apart_on_linux() {
    let mut world = World::linux();
    let id = world.connected();
    world.calls(&[
        "connect(3, {sa_family=AF_UNSPEC}, 16) = 0",
        "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0",
        "write(3, ..., 10) = -1 EPIPE",
    ]);
    world.carry();
    assert_eq!(world.state(id), Received::Closed(crate::tcp::CloseReason::Reset));
    let mut world = World::freebsd();
    world.call("socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    world.call("connect(3, {sa_family=AF_UNSPEC}, 16) = -1 EAFNOSUPPORT");
}

#[test]
fn the_two_ends_have_names() {
    let mut world = World::linux();
    world.connected();
    world.calls(&[
        "getpeername(3, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr(\"192.0.2.1\")}, [16]) = 0",
        "getsockname(3, ..., [16]) = 0",
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 4",
        "getpeername(4, ..., ...) = -1 ENOTCONN",
    ]);
}

#[test]
fn what_cannot_be_done_is_named() {
    let mut world = World::linux();
    world.refuses("socket(..., SOCK_RAW, 0) = 3", "a socket of type 3");
    world.refuses("pipe([3, 4]) = 0", "the call pipe");
    world.call("socket(..., SOCK_STREAM, 0) = 3");
    world.refuses("setsockopt(3, SOL_TCP, TCP_REPAIR, [1], 4) = 0", "TCP_REPAIR");
    world.refuses("setsockopt(3, SOL_TCP, TCP_NOPUSH, [1], 4) = 0", "TCP_NOPUSH");
    world.refuses("setsockopt(3, SOL_SOCKET, SO_NEWEST, [1], 4) = 0", "SO_NEWEST");
    world.refuses("fcntl(3, F_GETFL) = O_UNHEARD_OF", "O_UNHEARD_OF");
}

#[test]
fn a_descriptor_that_is_open_is_not_given_again() {
    let mut world = World::linux();
    world.call("socket(..., SOCK_STREAM, 0) = 3");
    for text in ["socket(..., SOCK_STREAM, 0) = 3", "epoll_create(1) = 3"] {
        match world.kernel.start(world.now, &call(text)) {
            Err(CallFailure::Failed(why)) => assert_eq!(why, "descriptor 3 is open already"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_address_is_of_the_family_and_the_length_that_it_says() {
    let mut world = World::linux();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "bind(3, ..., 3) = -1 EINVAL",
        "connect(3, ..., 3) = -1 EINVAL",
        "bind(3, {sa_family=AF_INET6, sin_port=htons(1), sin_addr=inet_addr(\"192.168.0.1\")}, 28) = -1 EAFNOSUPPORT",
    ]);
}

#[test]
fn what_a_call_cannot_have_meant_is_named() {
    let mut world = World::linux();
    let id = world.accepted();
    world.peer_writes(id, 0, 10);
    let info = "getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_zork=3}, ...) = 0";
    world.refuses(info, "tcpi_zork");
    world.call("getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCP_ESTABLISHED}, ...) = 0");
    world.refuses("recvmsg(4, {msg_name(...)=..., msg_iov(3)=[{..., 1000}], msg_flags=0}, 0) = 10", "iovecs");
    world.refuses("writev(4, [{..., 100}], 5) = 100", "iovecs");
    world.refuses("write(4, \"abc\", 100) = 100", "a text of 3 octets");
    world.refuses("fcntl(4, F_SETFL, 0x77777777) = 0", "F_SETFL");
    world.call("setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, NULL, 4) = -1 EFAULT");
    world.calls(&["epoll_create(1) = 5", "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0"]);
    world.refuses("epoll_wait(5, {eventsX=EPOLLIN, fdQ=4}, 1, 0) = 1", "eventsX");
}
