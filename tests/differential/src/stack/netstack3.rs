//! netstack3: the core with its own bindings for tests, which bring virtual time and routes.

use super::{Call, Stack};
use crate::packet::{CLIENT_PORT, SERVER_PORT};
use crate::script::{Role, Script};
use net_types::ZonedAddr;
use net_types::ip::Ipv4;
use netstack3_base::sync::Mutex;
use netstack3_base::testutil::{FakeInstant, TEST_ADDRS_V4};
use netstack3_base::{FrameDestination, IpSocketMatcher, SocketCookieMatcher, TcpSocketState as Their};
use netstack3_core::device::{DeviceId, WeakDeviceId};
use netstack3_core::socket::ShutdownType;
use netstack3_core::testutil::{CtxPairExt, FakeBindingsCtx, FakeCtx, FakeCtxBuilder};
use netstack3_tcp::TcpSocketId;
use netstack3_tcp::testutil::{ClientBuffers, ProvidedBuffers, WriteBackClientBuffers};
use packet::Buf;
use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;
use tcpstate::State;

type Socket = TcpSocketId<Ipv4, WeakDeviceId<FakeBindingsCtx>, FakeBindingsCtx>;

pub(super) struct Netstack3 {
    device: DeviceId<FakeBindingsCtx>,
    listener: Option<Socket>,
    connection: Option<Socket>,
    /// Written by the stack when a call of ours is answered.
    called: Arc<Mutex<Option<ClientBuffers>>>,
    buffers: Option<ClientBuffers>,
    /// The user has shut down, and the peer has.
    closed: bool,
    peer_closed: bool,
    state: Option<State>,
    now: u64,
    /// The last field: it wants to be dropped after all that refers to it.
    context: FakeCtx,
}

/// Octets that its send buffer takes.
const ROOM: usize = 65_535;
/// Of an Ethernet header.
const LINK: usize = 14;

fn at(now: u64) -> FakeInstant {
    FakeInstant { offset: Duration::from_micros(now) }
}

fn port(port: u16) -> Option<NonZeroU16> {
    NonZeroU16::new(port)
}

impl Netstack3 {
    pub(super) fn new(script: &Script) -> Self {
        let (mut context, devices) = FakeCtxBuilder::with_addrs(TEST_ADDRS_V4).build();
        let device = devices.into_iter().next().expect("there is one").into();
        let called = Arc::new(Mutex::new(None));
        let provided = ProvidedBuffers::Buffers(WriteBackClientBuffers(Arc::clone(&called)));
        let mut tcp = context.core_api().tcp::<Ipv4>();
        let socket = tcp.create(provided);
        tcp.set_receive_buffer_size(&socket, script.buffer as usize);
        tcp.set_send_buffer_size(&socket, ROOM);
        tcp.with_socket_options_mut(&socket, |options| {
            (options.nagle_enabled, options.delayed_ack) = (false, false);
        });
        let (mut listener, mut connection) = (None, None);
        if script.role == Role::Server {
            tcp.bind(&socket, None, port(SERVER_PORT)).expect("the port does");
            tcp.listen(&socket, NonZeroUsize::MIN.saturating_add(7)).expect("nobody else listens");
            listener = Some(socket);
        } else {
            tcp.bind(&socket, None, port(CLIENT_PORT)).expect("the port does");
            let peer = Some(ZonedAddr::Unzoned(TEST_ADDRS_V4.remote_ip));
            tcp.connect(&socket, peer, NonZeroU16::new(SERVER_PORT).expect("not zero"))
                .expect("there is a route");
            connection = Some(socket);
        }
        let mut stack = Self {
            context,
            device,
            listener,
            connection,
            called,
            buffers: None,
            closed: false,
            peer_closed: false,
            state: None,
            now: 0,
        };
        stack.look();
        stack
    }

    /// Its clock goes on with the calls.
    fn tick(&mut self, now: u64) {
        if self.now < now {
            self.now = now;
            self.context.trigger_timers_until_instant(at(now));
        }
    }

    /// What has changed: accepted connections, and the state.
    fn look(&mut self) {
        if let Some(listener) = &self.listener {
            while let Ok((new, _, buffers)) = self.context.core_api().tcp::<Ipv4>().accept(listener) {
                // Accepted sockets begin with the defaults.
                self.context.core_api().tcp::<Ipv4>().with_socket_options_mut(&new, |options| {
                    (options.nagle_enabled, options.delayed_ack) = (false, false);
                });
                if let Some(before) = self.connection.replace(new) {
                    self.context.core_api().tcp::<Ipv4>().close(before);
                }
                self.buffers = Some(buffers);
                (self.closed, self.peer_closed) = (false, false);
            }
        } else if self.buffers.is_none() {
            self.buffers = self.called.lock().clone();
        }
        let Some(socket) = &self.connection else { return };
        let state = match self.context.core_api().tcp::<Ipv4>().get_tcp_info(socket).state {
            Their::Established => State::Established,
            Their::SynSent => State::SynSent,
            Their::SynRecv => State::SynReceived,
            Their::FinWait1 => State::FinWait1,
            Their::FinWait2 => State::FinWait2,
            Their::TimeWait => State::TimeWait,
            Their::Close => State::Closed,
            Their::CloseWait => State::CloseWait,
            Their::LastAck => State::LastAck,
            Their::Listen => State::Listen,
            Their::Closing => State::Closing,
        };
        self.peer_closed |=
            matches!(state, State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        self.state = Some(state);
    }
}

impl Stack for Netstack3 {
    fn deliver(&mut self, now: u64, packet: &[u8]) {
        self.tick(now);
        let to = Some(FrameDestination::Individual { local: () });
        let packet = Buf::new(packet.to_vec(), ..);
        self.context.test_api().receive_ip_packet::<Ipv4, _>(&self.device, to, packet);
        self.look();
    }

    fn take(&mut self, _: u64) -> Vec<Vec<u8>> {
        let frames = self.context.bindings_ctx.take_ethernet_frames().into_iter();
        // IPv4, and of that TCP: the stack speaks to routers and neighbours too.
        let ours = frames.filter(|(_, frame)| frame[12..LINK] == [8, 0] && frame.get(LINK + 9) == Some(&6));
        ours.map(|(_, frame)| {
            let total = usize::from(u16::from_be_bytes([frame[LINK + 2], frame[LINK + 3]]));
            frame[LINK..frame.len().min(LINK + total)].to_vec()
        })
        .collect()
    }

    fn deadline(&mut self) -> Option<u64> {
        let timers = self.context.bindings_ctx.timer_ctx();
        let first = timers.timers.peek()?.0;
        Some(first.offset.as_nanos().div_ceil(1_000) as u64)
    }

    fn fire(&mut self, now: u64) {
        self.tick(now);
        self.look();
    }

    fn state(&self) -> Option<State> {
        // What has come after a connection that is over cannot be seen until it is accepted.
        self.state.filter(|state| *state != State::Closed || self.listener.is_none())
    }

    fn send(&mut self, now: u64, octets: &[u8]) -> Call {
        self.tick(now);
        let Some(socket) = &self.connection else { return Call::NoConnection };
        let Some(buffers) = &self.buffers else {
            return if self.state == Some(State::SynSent) { Call::Nothing } else { Call::Refused };
        };
        let may = matches!(self.state, Some(State::Established | State::CloseWait | State::SynReceived));
        // The bindings have to know this: the buffer takes whatever it is given.
        if self.closed || !may {
            return Call::Refused;
        }
        buffers.send.lock().extend_from_slice(octets);
        self.context.core_api().tcp::<Ipv4>().do_send(socket);
        self.look();
        Call::Took(octets.len())
    }

    fn receive(&mut self, now: u64, most: usize) -> Call {
        self.tick(now);
        let Some(socket) = &self.connection else { return Call::NoConnection };
        let mut read = Vec::new();
        if let Some(buffers) = &self.buffers {
            buffers.receive.lock().read_with(|parts| {
                parts.iter().for_each(|part| read.extend_from_slice(part));
                read.truncate(most);
                read.len()
            });
        }
        if !read.is_empty() {
            self.context.core_api().tcp::<Ipv4>().on_receive_buffer_read(socket);
            self.look();
            return Call::Read(read);
        }
        match self.state {
            _ if self.peer_closed => Call::End,
            None | Some(State::Closed) => Call::Refused,
            _ => Call::Nothing,
        }
    }

    fn shutdown(&mut self, now: u64) -> Call {
        self.tick(now);
        let Some(socket) = &self.connection else { return Call::NoConnection };
        let done = self.context.core_api().tcp::<Ipv4>().shutdown(socket, ShutdownType::Send);
        self.closed |= done.is_ok();
        self.look();
        done.map_or(Call::Refused, |_| Call::Done)
    }

    fn abort(&mut self, now: u64) -> Call {
        self.tick(now);
        let Some(socket) = &self.connection else { return Call::NoConnection };
        let cookie = socket.socket_cookie().export_value();
        let this = IpSocketMatcher::Cookie(SocketCookieMatcher { cookie, invert: false });
        let aborted = self.context.core_api().tcp::<Ipv4>().disconnect_bound(&this);
        self.look();
        if aborted == 0 { Call::Refused } else { Call::Done }
    }
}
