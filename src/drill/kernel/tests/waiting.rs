//! poll and epoll.

use super::*;

#[test]
fn a_fresh_socket_is_hung_up_on_linux() {
    let mut world = World::linux();
    world.call("socket(..., SOCK_STREAM, 0) = 3");
    world.call("poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT|POLLHUP}], 1, 0) = 1");
    world.call("poll([{fd=7, events=POLLIN, revents=POLLNVAL}], 1, 0) = 1");
}

#[test]
fn poll_tells_of_callers_octets_and_room() {
    let mut world = World::linux();
    world.calls(&["socket(..., SOCK_STREAM, 0) = 3", "bind(3, ..., ...) = 0", "listen(3, 1) = 0"]);
    world.call("poll([{fd=3, events=POLLIN, revents=0}], 1, 0) = 0");
    let id = world.peer_connects();
    world.calls(&["poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 0) = 1", "accept(3, ..., ...) = 4"]);
    world.call("poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, -1) = 1");
    world.blocks("poll([{fd=4, events=POLLIN|POLLRDHUP, revents=POLLIN}], 1, 1000) = 1").waits();
    world.peer_writes(id, 0, 10).returns();
    world.call("read(4, ..., 100) = 10").peer_closes(id);
    world.call("poll([{fd=4, events=POLLIN|POLLRDHUP, revents=POLLIN|POLLRDHUP}], 1, 0) = 1");
    world.call("shutdown(4, SHUT_WR) = 0");
    world.call("poll([{fd=4, events=POLLOUT, revents=POLLOUT|POLLHUP}], 1, 0) = 1");
}

#[test]
fn poll_tells_of_a_reset() {
    for (mut world, revents) in
        [(World::linux(), "POLLIN|POLLOUT|POLLERR|POLLHUP"), (World::freebsd(), "POLLIN|POLLHUP")]
    {
        let id = world.accepted();
        world.peer_resets(id);
        let text = alloc::format!("poll([{{fd=4, events=POLLIN|POLLOUT, revents={revents}}}], 1, 0) = 1");
        world.call(&text);
    }
}

#[test]
fn poll_of_a_connecting_socket() {
    let mut world = World::linux();
    world.peer_listens();
    world.calls(&[
        "socket(..., SOCK_STREAM, 0) = 3",
        "fcntl(3, F_SETFL, O_NONBLOCK) = 0",
        "connect(3, ..., ...) = -1 EINPROGRESS",
        "poll([{fd=3, events=POLLIN|POLLOUT, revents=0}], 1, 0) = 0",
    ]);
    world.carry();
    world.call("poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1");
}

#[test]
fn a_poll_without_news_ends_at_its_timeout() {
    let mut world = World::linux();
    world.accepted();
    world.blocks("poll([{fd=4, events=POLLIN, revents=0}], 1, 250) = 0");
    world.pass(249).waits().pass(1).returns();
}

#[test]
fn what_waits_to_be_sent_can_keep_a_socket_from_being_writable() {
    let mut world = World::linux();
    world.accepted();
    world.call("setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [1000], 4) = 0");
    world.call("poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1");
    world.calls(&["write(4, ..., 499) = 499", "poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1"]);
    world.calls(&["write(4, ..., 1) = 1", "poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 0"]);
}

#[test]
fn a_level_triggered_epoll_reports_as_long_as_it_is_so() {
    let mut world = World::linux();
    let id = world.accepted();
    world.calls(&[
        "epoll_create(1) = 5",
        "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0",
        "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = -1 EEXIST",
        "epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0",
        "read(5, ..., 10) = -1 ENOTSOCK",
    ]);
    world.blocks("epoll_wait(5, {events=EPOLLIN, fd=4}, 1, -1) = 1").waits();
    world.peer_writes(id, 0, 10).returns();
    world.calls(&["epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1", "read(4, ..., 10) = 10"]);
    world.calls(&["epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0", "close(5) = 0"]);
    world.call("epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = -1 EBADF");
}

#[test]
fn an_edge_triggered_epoll_reports_what_is_new() {
    let mut world = World::linux();
    let id = world.accepted();
    world.calls(&[
        "epoll_create1(0) = 5",
        "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT|EPOLLET|EPOLLRDHUP, fd=4}) = 0",
        "epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 1",
        "epoll_wait(5, {events=0, fd=4}, 1, 0) = 0",
    ]);
    world.peer_writes(id, 0, 10);
    world
        .calls(&["epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 0) = 1", "epoll_wait(5, ..., 1, 0) = 0"]);
    world.peer_writes(id, 10, 10);
    world.call("epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 0) = 1").peer_closes(id);
    world.call("epoll_wait(5, {events=EPOLLIN|EPOLLOUT|EPOLLRDHUP, fd=4}, 1, 0) = 1");
    world.calls(&[
        "epoll_ctl(5, EPOLL_CTL_DEL, 4, NULL) = 0",
        "epoll_ctl(5, EPOLL_CTL_DEL, 4, NULL) = -1 ENOENT",
    ]);
}

#[test]
fn an_urgent_octet_is_read_out_of_band_and_passed_over_in_band() {
    let mut world = World::linux();
    let id = world.accepted();
    let octets = crate::drill::pattern::octets(crate::drill::script::Direction::In, 0, 5);
    let flags = crate::connection::SendFlags { urgent: true, ..Default::default() };
    world.peer.connection(id).unwrap().send_with(world.now, &octets, flags).unwrap();
    world.carry().peer_writes(id, 5, 5);
    world.calls(&[
        "poll([{fd=4, events=POLLIN|POLLPRI, revents=POLLIN|POLLPRI}], 1, 0) = 1",
        "ioctl(4, SIOCATMARK, [0]) = 0",
        "ioctl(4, SIOCINQ, [4]) = 0",
        "read(4, ..., 100) = 4",
        "ioctl(4, SIOCATMARK, [1]) = 0",
        "recv(4, ..., 10, MSG_OOB) = 1",
        "recv(4, ..., 10, MSG_OOB) = -1 EINVAL",
        "read(4, ..., 100) = 5",
        "ioctl(4, SIOCATMARK, [0]) = 0",
    ]);
    let mut world = World::linux();
    let id = world.accepted();
    world.call("setsockopt(4, SOL_SOCKET, SO_OOBINLINE, [1], 4) = 0");
    world.peer.connection(id).unwrap().send_with(world.now, &octets, flags).unwrap();
    world.carry();
    world.calls(&["read(4, ..., 100) = 4", "read(4, ..., 100) = 1", "recv(4, ..., 1, MSG_OOB) = -1 EINVAL"]);
}
