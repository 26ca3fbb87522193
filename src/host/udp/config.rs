//! What is chosen for UDP sockets.

use core::net::SocketAddr;
use core::time::Duration;

use crate::EcnCodepoint;

/// The bounds on all UDP sockets of a host together. Begin with the default and change fields: there will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpConfig {
    /// Sockets. Default: 65,536.
    pub max_sockets: u32,
    /// Flows of all sockets together ([`UdpOptions::flows`]). Default: 65,536.
    pub max_flows: u32,
    /// Octets of memory for datagrams that wait to be read, bookkeeping included; at most 1 GiB. A datagram that
    /// would go beyond it is dropped. Default: 16 MiB.
    pub receive_memory: usize,
    /// Octets of memory for datagrams that wait to be sent, bookkeeping included; at most 1 GiB. Default: 16 MiB.
    pub send_memory: usize,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self { max_sockets: 1 << 16, max_flows: 1 << 16, receive_memory: 16 << 20, send_memory: 16 << 20 }
    }
}

/// Which datagrams a socket gets. Of several sockets that would do, the most specific gets a datagram: one that
/// is connected to its sender, then one with the address and port, then one with the port, then one for everything. Only
/// that one gets it, also if it was sent to a group or to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UdpBind {
    /// One address and one port. Port 0 is any that is free (RFC 6056); an unspecified address stands for all
    /// addresses of its version.
    Socket(SocketAddr),
    /// A port of all addresses of both versions; 0 is any that is free.
    Port(u16),
    /// Every port of every address: what a transparent proxy takes (tun2socks). At most one socket can have that.
    Everything,
}

/// How much may wait in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UdpQueue {
    /// Datagrams; at least one is taken.
    pub datagrams: u32,
    /// Octets of memory, bookkeeping included (less than 200 octets a datagram); at most 1 GiB.
    pub octets: u32,
}

/// The choices of a socket. Begin with the default and change fields: there will be more.
///
/// ```
/// use tcpstate::host::UdpOptions;
///
/// let mut options = UdpOptions::default();
/// options.hop_limit = 255;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpOptions {
    /// A number for the user's own use. Default: 0.
    pub tag: u64,
    /// What may wait to be read. A datagram that finds no room is dropped, and counted: those that came before it
    /// stay, in their order, so that a flood cannot wash out what has been accepted. Default: 256 datagrams, 256 KiB.
    pub receive: UdpQueue,
    /// What may wait to be sent. Default: 256 datagrams, 256 KiB.
    pub send: UdpQueue,
    /// IPv4's time to live, IPv6's hop limit; not 0 (RFC 1122 §4.1.3.5). Default: 64.
    pub hop_limit: u8,
    /// The differentiated services code point: 0..=63. Default: 0.
    pub dscp: u8,
    /// No datagram may be cut up on its way: what is larger than the path takes is
    /// [`TooLarge`](super::UdpSendError::TooLarge). Else this host does it, and routers of IPv4 may. Default: false.
    pub dont_fragment: bool,
    /// Sending to 255.255.255.255 is meant. Default: false.
    pub broadcast: bool,
    /// Take datagrams over IPv6 without a checksum, as some tunnels send them (RFC 6935, RFC 6936 §4). What has a
    /// checksum is verified all the same. Over IPv4 they are taken in any case (RFC 768). Default: false.
    pub zero_checksum_receive: bool,
    /// Send datagrams without a checksum, over either version: only for tunnels whose content has its own
    /// (RFC 6935, RFC 6936 §5). Default: false.
    pub zero_checksum_send: bool,
    /// Keep errors that the network reports about datagrams of a socket that is not connected; at most eight wait
    /// for [`next_report`](super::UdpMut::next_report). Default: false.
    pub report_errors: bool,
    /// Each peer of the socket gets a row and a queue of its own. Default: none.
    pub flows: Option<UdpFlows>,
}

impl Default for UdpOptions {
    fn default() -> Self {
        let queue = UdpQueue { datagrams: 256, octets: 256 << 10 };
        Self {
            tag: 0,
            receive: queue,
            send: queue,
            hop_limit: 64,
            dscp: 0,
            dont_fragment: false,
            broadcast: false,
            zero_checksum_receive: false,
            zero_checksum_send: false,
            report_errors: false,
            flows: None,
        }
    }
}

/// The choices for the flows of a socket: one for each five-tuple that has sent something, for users who do as a NAT
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpFlows {
    /// Flows of this socket. At the limit the one that was idle longest goes. Default: 16,384.
    pub max: u32,
    /// A flow without a datagram for so long is over; less than two minutes is less than RFC 4787 REQ-5 asks for.
    /// Default: two minutes.
    pub idle: Duration,
    /// The same for flows to port 53, where one question gets one answer: RFC 4787 REQ-5 allows less than two minutes
    /// for well-known ports. Default: as for all others.
    pub dns_idle: Option<Duration>,
    /// Whether a datagram that is sent to the peer counts against idleness too (RFC 4787 REQ-6). If only the peer's
    /// count, nobody else can keep a flow alive. Default: true.
    pub sending_refreshes: bool,
    /// What may wait to be read in one flow. Default: 64 datagrams, 128 KiB.
    pub receive: UdpQueue,
    /// What may wait to be sent in one flow. Default: 64 datagrams, 128 KiB.
    pub send: UdpQueue,
    /// Octets of memory for what waits to be read in all flows of the socket together. Default: 4 MiB.
    pub receive_memory: u32,
}

impl Default for UdpFlows {
    fn default() -> Self {
        let queue = UdpQueue { datagrams: 64, octets: 128 << 10 };
        Self {
            max: 1 << 14,
            idle: Duration::from_secs(120),
            dns_idle: None,
            sending_refreshes: true,
            receive: queue,
            send: queue,
            receive_memory: 4 << 20,
        }
    }
}

/// What is special about one datagram. The default is nothing: all is as the socket's options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpSend {
    /// Where it is to come from, if the socket leaves a choice: one of the host's addresses for a socket with any
    /// address, any address and port for a socket for everything. Port 0 is the socket's own.
    pub from: Option<SocketAddr>,
    /// Instead of [`UdpOptions::hop_limit`].
    pub hop_limit: Option<u8>,
    /// Instead of [`UdpOptions::dscp`].
    pub dscp: Option<u8>,
    /// The ECN field (RFC 8085 §3.1.7).
    pub ecn: EcnCodepoint,
    /// Instead of [`UdpOptions::dont_fragment`].
    pub dont_fragment: Option<bool>,
}
