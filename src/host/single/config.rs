//! What is chosen for a connection over IP packets, and why one could not be made.

use core::net::SocketAddr;

use crate::connection::ConnectionConfig;
use crate::tcp::{CommandError, TcpConfig, Unpredictable};

/// The smallest MTU over IPv4: the smallest segment that the machine sends takes 104 octets in IPv4.
pub(in crate::host) const MIN_MTU_V4: u16 = 128;
/// The smallest MTU over IPv6 (RFC 8200 §5).
pub(in crate::host) const MIN_MTU_V6: u16 = 1280;

/// The choices of a [`Single`](super::Single). Begin with the default and change fields: there will be more.
///
/// ```
/// use tcpstate::host::SingleConfig;
///
/// let mut config = SingleConfig::default();
/// config.mtu = 1420;
/// config.tcp.nagle = false;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SingleConfig {
    /// The choices of the machine. Its `mss` is made from the MTU, and its `ip_header` from the version of IP (RFC 9293
    /// MUST-15, MUST-67): what stands there does not count. So is its `default_mss`, unless another than 536 was chosen;
    /// and its `min_path_mtu` is never below the least that IPv6 has.
    pub tcp: TcpConfig,
    /// Octets of memory that the send buffer may hold when the connection begins. Default: 64 KiB.
    pub send_buffer: usize,
    /// The most that it may hold, where the congestion window asks for it
    /// ([`ConnectionConfig::send_buffer_max`]). Default: 4 MiB.
    pub send_buffer_max: usize,
    /// Octets of the largest IP packet: at least 128 for IPv4 and 1280 for IPv6. Default: 1500.
    pub mtu: u16,
    /// IPv4's time to live, IPv6's hop limit (RFC 9293 MUST-49). Default: 64.
    pub hop_limit: u8,
    /// The differentiated services code point: 0..=63 (RFC 9293 MUST-48); it goes to IP as it is (SHLD-22). Default:
    /// 0.
    pub dscp: u8,
    /// Believe in packets whose TCP checksum, or length, was left to a network card to fill in, as a tunnel
    /// with checksum offload or a capture on the sending machine gives them. Default: false.
    pub accept_offloaded: bool,
    /// Instead of what the secret gives: for tests that want certain sequence numbers. Default: none.
    pub fixed: Option<Unpredictable>,
}

impl Default for SingleConfig {
    fn default() -> Self {
        let ConnectionConfig { tcp, send_buffer, send_buffer_max, .. } = ConnectionConfig::default();
        Self {
            tcp,
            send_buffer,
            send_buffer_max,
            mtu: 1500,
            hop_limit: 64,
            dscp: 0,
            accept_offloaded: false,
            fixed: None,
        }
    }
}

/// Why a [`Single`](super::Single) could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SingleError {
    /// One address is IPv4 and the other IPv6. Take two of one version.
    #[error("{local} and {remote} are not of one version of IP")]
    Versions {
        /// Our own socket.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
    },
    /// No host has that address as its own, or no connection can have it as an end: multicast, broadcast,
    /// unspecified, or port 0 (RFC 9293 MUST-46).
    #[error("{0} cannot be one end of a connection: it takes a unicast address and a port")]
    Address(SocketAddr),
    /// Both ends would be the same socket. Take another port.
    #[error("{0} cannot call itself: take another port for one end")]
    Itself(SocketAddr),
    /// The MTU is too small for the version of IP.
    #[error("an MTU of {mtu} octets is too small: at least {min} are needed")]
    Mtu {
        /// The MTU asked for.
        mtu: u16,
        /// The least.
        min: u16,
    },
    /// The code point has more than six bits.
    #[error("a DSCP of {0} does not fit: it is 63 at the most")]
    Dscp(u8),
}

/// Why a listening [`Single`](super::Single) could not be opened actively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The peer's address does not do.
    #[error(transparent)]
    Address(#[from] SingleError),
    /// There is a connection already, or was.
    #[error(transparent)]
    State(#[from] CommandError),
}

impl SingleConfig {
    pub(super) const fn for_connection(&self) -> ConnectionConfig {
        let Self { tcp, send_buffer, send_buffer_max, .. } = *self;
        ConnectionConfig { tcp, send_buffer, send_buffer_max }
    }
}

/// The configuration with what depends on the version of IP, once it is known to do.
pub(super) fn checked(config: &SingleConfig, local: SocketAddr) -> Result<SingleConfig, SingleError> {
    if !super::frame::is_an_end(local) {
        return Err(SingleError::Address(local));
    }
    super::check_dscp(config.dscp)?;
    let (mtu, min) = (config.mtu, if local.is_ipv4() { MIN_MTU_V4 } else { MIN_MTU_V6 });
    if mtu < min {
        return Err(SingleError::Mtu { mtu, min });
    }
    let mut config = *config;
    fit_to_ip(&mut config.tcp, mtu, local.is_ipv6());
    Ok(config)
}

/// What is assumed of a peer over IPv4 that does not say how large segments may be (RFC 9293 MUST-15).
const USUAL_MSS: u16 = 536;

/// What depends on the MTU and the version of IP (RFC 9293 MUST-15, MUST-67).
pub(in crate::host) fn fit_to_ip(tcp: &mut TcpConfig, mtu: u16, v6: bool) {
    tcp.ip_header = if v6 { 40 } else { 20 };
    if v6 && tcp.default_mss == USUAL_MSS {
        tcp.default_mss = 1220;
    }
    if v6 {
        tcp.min_path_mtu = tcp.min_path_mtu.max(MIN_MTU_V6);
    }
    tcp.mss = mtu.saturating_sub(u16::from(tcp.ip_header) + 20).min(tcp.mss_limit.max(1));
}
