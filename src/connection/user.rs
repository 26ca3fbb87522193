//! What a user chooses, asks and is told.

use alloc::sync::Arc;

use bytes::Bytes;

use crate::tcp::{CloseReason, CommandError, TcpConfig};

/// The choices of one connection and its buffers.
///
/// ```
/// use tcpstate::connection::ConnectionConfig;
///
/// let mut config = ConnectionConfig::default();
/// // Buffers that follow what the path carries, up to 1 MiB each, and one that stays as it is.
/// config.tcp.receive_window_max = 1 << 20;
/// (config.send_buffer, config.send_buffer_max) = (256 << 10, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// The choices of the machine. [`TcpConfig::receive_window`] and
    /// [`receive_window_max`](TcpConfig::receive_window_max) are sizes of the receive buffer in octets of the
    /// stream; the memory behind them may be twice that, and 128 KiB for a busy stream.
    pub tcp: TcpConfig,
    /// Octets of memory that the send buffer may hold when the connection begins, bookkeeping included; at least
    /// 4 KiB are taken. Default: 64 KiB.
    pub send_buffer: usize,
    /// The most that it may hold. There is room for two congestion windows, one in flight and one that waits,
    /// as long as that is no more than this; what this allows beyond [`send_buffer`](Self::send_buffer) is
    /// taken back when the buffer was empty for a second. With a value that is not larger than `send_buffer` the
    /// limit stays as it is. Default: 4 MiB.
    pub send_buffer_max: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self { tcp: TcpConfig::default(), send_buffer: 64 << 10, send_buffer_max: 4 << 20 }
    }
}

/// The choices of many connections that have the same: they share them, and a call that changes something for one
/// connection changes nothing for the others.
///
/// ```
/// use tcpstate::Instant;
/// use tcpstate::connection::{Connection, ConnectionConfig, SharedConfig};
///
/// let config = SharedConfig::from(&ConnectionConfig::default());
/// let many: Vec<_> = (0..1000).map(|_| Connection::listen(&config)).collect();
/// # assert_eq!(many.len(), 1000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedConfig {
    pub(super) tcp: Arc<TcpConfig>,
    pub(super) send_buffer: usize,
    pub(super) send_buffer_max: usize,
}

impl SharedConfig {
    /// The choices of the machine.
    #[must_use]
    pub const fn tcp(&self) -> &Arc<TcpConfig> {
        &self.tcp
    }
}

impl From<&ConnectionConfig> for SharedConfig {
    /// A copy.
    fn from(config: &ConnectionConfig) -> Self {
        let (send_buffer, send_buffer_max) = (config.send_buffer, config.send_buffer_max);
        Self { tcp: Arc::new(config.tcp), send_buffer, send_buffer_max }
    }
}

impl From<&Self> for SharedConfig {
    fn from(config: &Self) -> Self {
        config.clone()
    }
}

/// What a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Received<T = Bytes> {
    /// The next octets of the stream: at least one. [`recv_slice`](super::Connection::recv_slice) says how
    /// many.
    Data(T),
    /// Nothing has come yet.
    Empty,
    /// The peer has sent its FIN, and everything before it was read.
    Eof,
    /// The connection ended without the peer's FIN, and everything that had come in order was read.
    Closed(CloseReason),
    /// The user has let go with [`close`](super::Connection::close): nothing is received any more.
    NotReading,
}

/// How octets are to be sent: see [`Queue`](crate::tcp::Queue).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SendFlags {
    /// The receiver should pass on what came up to the last of these octets. Holds if all
    /// of them are accepted.
    pub push: bool,
    /// More follows at once.
    pub more: bool,
    /// The octets are urgent.
    pub urgent: bool,
}

/// Why octets were not taken for sending. None of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is over; [`close_reason`](super::Connection::close_reason) says how. Open a new one.
    #[error("the connection does not exist any more: open a new one")]
    Closed,
    /// This side has said that it has no more to send, by [`shutdown`](super::Connection::shutdown) or
    /// [`close`](super::Connection::close).
    #[error("this side has closed: there is nothing more to send on this connection")]
    Closing,
    /// A listener knows no peer yet. Wait until one connects, or open actively
    /// ([`Single::open`](crate::host::Single::open)).
    #[error("there is no peer yet: wait until one connects")]
    NoPeer,
}

impl From<CommandError> for SendError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Closing => Self::Closing,
            _ => Self::Closed,
        }
    }
}
