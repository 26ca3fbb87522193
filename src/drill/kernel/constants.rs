//! Names that stand for numbers in calls, as each system has them.

use super::errno::Errno;
use crate::drill::Personality;

/// A name, and its number on Linux and on FreeBSD; `None` where there is no such name.
type Row = (&'static str, Option<i64>, Option<i64>);

const fn both(name: &'static str, number: i64) -> Row {
    (name, Some(number), Some(number))
}

const fn each(name: &'static str, linux: i64, freebsd: i64) -> Row {
    (name, Some(linux), Some(freebsd))
}

const fn linux(name: &'static str, number: i64) -> Row {
    (name, Some(number), None)
}

const fn freebsd(name: &'static str, number: i64) -> Row {
    (name, None, Some(number))
}

const ROWS: &[Row] = &[
    both("NULL", 0),
    both("AF_UNSPEC", 0),
    both("AF_INET", 2),
    each("AF_INET6", 10, 28),
    both("PF_INET", 2),
    each("PF_INET6", 10, 28),
    both("SOCK_STREAM", 1),
    both("SOCK_DGRAM", 2),
    both("SOCK_RAW", 3),
    each("SOCK_NONBLOCK", 0x800, 0x2000_0000),
    each("SOCK_CLOEXEC", 0x8_0000, 0x1000_0000),
    both("IPPROTO_IP", 0),
    both("IPPROTO_ICMP", 1),
    both("IPPROTO_TCP", 6),
    both("IPPROTO_UDP", 17),
    both("IPPROTO_IPV6", 41),
    both("IPPROTO_ICMPV6", 58),
    both("IPPROTO_SCTP", 132),
    both("IPPROTO_UDPLITE", 136),
    each("SOL_SOCKET", 1, 0xffff),
    linux("SOL_IP", 0),
    linux("SOL_TCP", 6),
    linux("SOL_UDP", 17),
    linux("SOL_IPV6", 41),
    both("O_RDONLY", 0),
    both("O_WRONLY", 1),
    both("O_RDWR", 2),
    each("O_NONBLOCK", 0x800, 4),
    each("O_NDELAY", 0x800, 4),
    both("F_GETFD", 1),
    both("F_SETFD", 2),
    both("F_GETFL", 3),
    both("F_SETFL", 4),
    both("FD_CLOEXEC", 1),
    both("SHUT_RD", 0),
    both("SHUT_WR", 1),
    both("SHUT_RDWR", 2),
    both("MSG_OOB", 1),
    both("MSG_PEEK", 2),
    both("MSG_DONTROUTE", 4),
    each("MSG_CTRUNC", 8, 0x20),
    each("MSG_TRUNC", 0x20, 0x10),
    each("MSG_DONTWAIT", 0x40, 0x80),
    each("MSG_EOR", 0x80, 8),
    each("MSG_WAITALL", 0x100, 0x40),
    freebsd("MSG_EOF", 0x100),
    linux("MSG_ERRQUEUE", 0x2000),
    each("MSG_NOSIGNAL", 0x4000, 0x2_0000),
    linux("MSG_MORE", 0x8000),
    linux("MSG_ZEROCOPY", 0x400_0000),
    linux("MSG_FASTOPEN", 0x2000_0000),
    each("MSG_CMSG_CLOEXEC", 0x4000_0000, 0x4_0000),
    both("POLLIN", 1),
    both("POLLPRI", 2),
    both("POLLOUT", 4),
    both("POLLERR", 8),
    both("POLLHUP", 0x10),
    both("POLLNVAL", 0x20),
    both("POLLRDNORM", 0x40),
    both("POLLRDBAND", 0x80),
    each("POLLWRNORM", 0x100, 4),
    each("POLLWRBAND", 0x200, 0x100),
    each("POLLRDHUP", 0x2000, 0x4000),
    freebsd("POLLINIGNEOF", 0x2000),
    linux("EPOLLIN", 1),
    linux("EPOLLPRI", 2),
    linux("EPOLLOUT", 4),
    linux("EPOLLERR", 8),
    linux("EPOLLHUP", 0x10),
    linux("EPOLLRDNORM", 0x40),
    linux("EPOLLRDBAND", 0x80),
    linux("EPOLLWRNORM", 0x100),
    linux("EPOLLWRBAND", 0x200),
    linux("EPOLLRDHUP", 0x2000),
    linux("EPOLLONESHOT", 1 << 30),
    linux("EPOLLET", 1 << 31),
    linux("EPOLL_CTL_ADD", 1),
    linux("EPOLL_CTL_DEL", 2),
    linux("EPOLL_CTL_MOD", 3),
    linux("EPOLL_CLOEXEC", 0x8_0000),
    linux("IP_PMTUDISC_DONT", 0),
    linux("IP_PMTUDISC_WANT", 1),
    linux("IP_PMTUDISC_DO", 2),
    linux("IP_PMTUDISC_PROBE", 3),
    linux("IP_PMTUDISC_INTERFACE", 4),
    linux("IP_PMTUDISC_OMIT", 5),
    linux("TCP_CM_INQ", 36),
    both("IPTOS_LOWDELAY", 0x10),
    both("IPTOS_THROUGHPUT", 8),
    both("IPTOS_RELIABILITY", 4),
    both("IPTOS_MINCOST", 2),
    both("INADDR_ANY", 0),
    both("INADDR_LOOPBACK", 0x7f00_0001),
    linux("TCP_ESTABLISHED", 1),
    linux("TCP_SYN_SENT", 2),
    linux("TCP_SYN_RECV", 3),
    linux("TCP_FIN_WAIT1", 4),
    linux("TCP_FIN_WAIT2", 5),
    linux("TCP_TIME_WAIT", 6),
    linux("TCP_CLOSE", 7),
    linux("TCP_CLOSE_WAIT", 8),
    linux("TCP_LAST_ACK", 9),
    linux("TCP_LISTEN", 10),
    linux("TCP_CLOSING", 11),
    linux("TCP_CA_Open", 0),
    linux("TCP_CA_Disorder", 1),
    linux("TCP_CA_CWR", 2),
    linux("TCP_CA_Recovery", 3),
    linux("TCP_CA_Loss", 4),
    both("TCPI_OPT_TIMESTAMPS", 1),
    both("TCPI_OPT_SACK", 2),
    both("TCPI_OPT_WSCALE", 4),
    both("TCPI_OPT_ECN", 8),
    each("TCPI_OPT_ECN_SEEN", 16, 16),
    linux("TCPI_OPT_SYN_DATA", 32),
    freebsd("TCPI_OPT_TOE", 16),
    freebsd("TCPI_OPT_TFO", 32),
    freebsd("TCPI_CLOSED", 0),
    freebsd("TCPI_CLOSE", 0),
    freebsd("TCPI_LISTEN", 1),
    freebsd("TCPI_SYN_SENT", 2),
    freebsd("TCPI_SYN_RECEIVED", 3),
    freebsd("TCPI_SYN_RECV", 3),
    freebsd("TCPI_ESTABLISHED", 4),
    freebsd("TCPI_CLOSE_WAIT", 5),
    freebsd("TCPI_FIN_WAIT_1", 6),
    freebsd("TCPI_FIN_WAIT1", 6),
    freebsd("TCPI_CLOSING", 7),
    freebsd("TCPI_LAST_ACK", 8),
    freebsd("TCPI_FIN_WAIT_2", 9),
    freebsd("TCPI_FIN_WAIT2", 9),
    freebsd("TCPI_TIME_WAIT", 10),
    freebsd("TCPS_CLOSED", 0),
    freebsd("TCPS_CLOSE", 0),
    freebsd("TCPS_LISTEN", 1),
    freebsd("TCPS_SYN_SENT", 2),
    freebsd("TCPS_SYN_RECEIVED", 3),
    freebsd("TCPS_SYN_RECV", 3),
    freebsd("TCPS_ESTABLISHED", 4),
    freebsd("TCPS_CLOSE_WAIT", 5),
    freebsd("TCPS_FIN_WAIT_1", 6),
    freebsd("TCPS_FIN_WAIT1", 6),
    freebsd("TCPS_CLOSING", 7),
    freebsd("TCPS_LAST_ACK", 8),
    freebsd("TCPS_FIN_WAIT_2", 9),
    freebsd("TCPS_FIN_WAIT2", 9),
    freebsd("TCPS_TIME_WAIT", 10),
];

/// The number that the name stands for.
pub(super) fn number(personality: Personality, word: &str) -> Option<i64> {
    if let Some(errno) = Errno::named(word) {
        return Some(errno.number(personality));
    }
    let (_, linux, freebsd) = ROWS.iter().find(|row| row.0 == word)?;
    match personality {
        Personality::Linux => *linux,
        Personality::FreeBsd => *freebsd,
    }
}

/// Every name, and its number, of that system.
pub(super) fn all(personality: Personality) -> impl Iterator<Item = (&'static str, i64)> {
    ROWS.iter().filter_map(move |&(name, linux, freebsd)| {
        let number = match personality {
            Personality::Linux => linux,
            Personality::FreeBsd => freebsd,
        };
        number.map(|number| (name, number))
    })
}
