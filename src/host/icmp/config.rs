//! What is chosen for ICMP.

use crate::host::RateLimit;

/// The choices of a host about ICMP. Begin with the default and change fields: there will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IcmpConfig {
    /// Answer echo requests (RFC 1122 §3.2.2.6, RFC 4443 §4.2). Default: true.
    pub echo: bool,
    /// Octets of data in a request that is answered; larger ones are not. Default: 16,384.
    pub echo_data: u16,
    /// Answer echo requests to groups and broadcasts too: that makes one packet many. Default: false.
    pub echo_to_groups: bool,
    /// How often echo requests are answered. Default: 1,000 a second, 100 at once.
    pub echo_limit: RateLimit,
    /// Tell who sends to a UDP port that nobody has (RFC 1122 §4.1.3.1, RFC 4443 §3.1). Default: true.
    pub port_unreachable: bool,
    /// Tell who sends a protocol that nobody speaks here (RFC 1122 §3.2.2.1, RFC 8200 §4). Default: false: such packets
    /// are the embedder's.
    pub protocol_unreachable: bool,
    /// Tell whose datagram waited too long for its fragments (RFC 1122 §3.3.2, RFC 8200 §4.5). Default: true.
    pub time_exceeded: bool,
    /// Tell whose extension headers cannot be followed (RFC 8200 §4). Default: true.
    pub parameter_problem: bool,
    /// Give up calling for these too, where RFC 9293 §3.9.2.2 has them soft: communication that somebody has prohibited
    /// (IPv4's unreachable codes 9, 10 and 13 to 15), and time exceeded. FreeBSD does. Default: false.
    pub more_hard_errors: bool,
    /// Give up calling for every unreachable, time exceeded and parameter problem, as Linux does: RFC 9293 §3.9.2.2 has most
    /// of them soft. Default: false.
    pub every_error_hard: bool,
    /// How often errors are sent to all (RFC 4443 §2.4 (f)). Default: 200 a second, 50 at once.
    pub error_limit: RateLimit,
    /// How often errors are sent to one address, in IPv6 to one network of 64 bits, so that one cannot use up what is
    /// there for all. Default: 10 a second, 10 at once.
    pub error_limit_each: RateLimit,
    /// Octets of messages that wait to be polled, bookkeeping included. Default: 64 KiB.
    pub queue: usize,
}

impl Default for IcmpConfig {
    fn default() -> Self {
        Self {
            echo: true,
            echo_data: 16_384,
            echo_to_groups: false,
            echo_limit: RateLimit { per_second: 1_000, burst: 100 },
            port_unreachable: true,
            protocol_unreachable: false,
            time_exceeded: true,
            parameter_problem: true,
            more_hard_errors: false,
            every_error_hard: false,
            error_limit: RateLimit { per_second: 200, burst: 50 },
            error_limit_each: RateLimit { per_second: 10, burst: 10 },
            queue: 64 << 10,
        }
    }
}
