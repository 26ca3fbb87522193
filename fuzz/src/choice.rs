//! Choices for machines, hosts and listeners, as an input makes them. Zeros choose what is chosen by default, and each
//! field that is chosen otherwise has a bit of its own: so a change to the input changes one thing.

use std::time::Duration;

use arbitrary::Unstructured;
use tcpstate::connection::ConnectionConfig;
use tcpstate::drill::Profile;
use tcpstate::host::{
    FastOpenCookies, HostConfig, ListenConfig, RateLimit, SynCookies, UdpFlows, UdpOptions,
};
use tcpstate::tcp::{
    AckPolicy, CongestionAlgorithm, Dialect, Ecn, Keepalive, LossDetection, MtuProbing, PathReports, Persist,
    RtoRule, SmallSegments, TcpConfig, WindowProbe, WindowRules,
};

/// One of the values; the first when the input has ended.
pub fn one_of<T: Copy>(from: &mut Unstructured<'_>, values: &[T]) -> T {
    let which = usize::from(octet(from));
    values[which % values.len()]
}

/// The next octet, zero when the input has ended.
pub fn octet(from: &mut Unstructured<'_>) -> u8 {
    from.arbitrary().unwrap_or(0)
}

/// The next two octets, zero when the input has ended.
pub fn word(from: &mut Unstructured<'_>) -> u16 {
    from.arbitrary().unwrap_or(0)
}

/// Bits that are used one after the other.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> bool {
        let bit = self.0 & 1 == 1;
        self.0 >>= 1;
        bit
    }
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn s(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The choices of a machine: an octet of presets, and, if that says so, bits for all fields that differ from them.
pub fn tcp(from: &mut Unstructured<'_>) -> TcpConfig {
    let preset = octet(from);
    let mut config = TcpConfig::default();
    match preset & 7 {
        1 => like(&mut config, &Profile::linux()),
        2 => {
            like(&mut config, &Profile::freebsd());
            config.plain_syn_after = Some(3);
        }
        3 => {
            (config.timestamps, config.sack, config.window_scaling) = (false, false, false);
        }
        4 => {
            (config.nagle, config.pacing, config.ack_delay) = (false, false, Duration::ZERO);
        }
        _ => {}
    }
    if preset & 0x80 != 0 {
        let mut bits = Bits(from.arbitrary().unwrap_or(0));
        sizes(&mut config, &mut bits, from);
        ways(&mut config, &mut bits, from);
        times(&mut config, &mut bits, from);
        patience(&mut config, &mut bits, from);
    }
    config
}

/// What scripts take for Linux or FreeBSD, but as patient as is usual: see [`is_patient`].
fn like(config: &mut TcpConfig, profile: &Profile) {
    let usual = *config;
    *config = profile.host.connection.tcp;
    (config.r2, config.syn_r2, config.max_rto) = (usual.r2, usual.syn_r2, usual.max_rto);
    (config.retries, config.syn_retries) = (usual.retries, usual.syn_retries);
    (config.syn_ack_retries, config.connect_timeout) = (usual.syn_ack_retries, usual.connect_timeout);
    config.keepalive = usual.keepalive;
}

fn sizes(config: &mut TcpConfig, bits: &mut Bits, from: &mut Unstructured<'_>) {
    if bits.next() {
        config.mss = one_of(from, &[536, 1, 64, 88, 1220, 8_960, 65_495]);
    }
    if bits.next() {
        config.mss_limit = one_of(from, &[1000, 1, 64, 536]);
    }
    if bits.next() {
        config.default_mss = one_of(from, &[1220, 1, 64, 65_535]);
    }
    if bits.next() {
        config.least_mss = one_of(from, &[216, 64, 1460, 0, 65_535]);
    }
    if bits.next() {
        config.min_path_mtu = one_of(from, &[1280, 68, 0, 1500, 65_535]);
    }
    if bits.next() {
        config.receive_window =
            one_of(from, &[5_000, 1, 2, 600, 1460, 2920, 65_535, 65_536, 1 << 20, 1 << 30]);
    }
    if bits.next() {
        config.receive_window_max = one_of(from, &[0, 1, 65_535, 128 << 10, 1 << 30, u32::MAX]);
    }
    if bits.next() {
        config.window_scale = one_of(from, &[Some(0), Some(1), Some(7), Some(14), Some(15), Some(255)]);
    }
    if bits.next() {
        config.max_ranges = one_of(from, &[1, 0, 2, 64]);
    }
    if bits.next() {
        config.initial_window = one_of(from, &[1, 0, 2, 3, 255]);
    }
    if bits.next() {
        config.announce_mss = false;
    }
}

fn ways(config: &mut TcpConfig, bits: &mut Bits, from: &mut Unstructured<'_>) {
    config.window_scaling ^= bits.next();
    config.timestamps ^= bits.next();
    config.sack ^= bits.next();
    config.nagle ^= bits.next();
    config.pacing ^= bits.next();
    config.restart_after_idle ^= bits.next();
    config.tail_probes ^= bits.next();
    config.d_sack ^= bits.next();
    config.fast_open ^= bits.next();
    config.fast_open_unproven = config.fast_open;
    if bits.next() {
        config.path_reports = one_of(from, &[PathReports::Believe, PathReports::Ignore, PathReports::Doubt]);
    }
    if bits.next() {
        config.mtu_probing = one_of(from, &[MtuProbing::Always, MtuProbing::Off]);
    }
    if bits.next() {
        config.dialect = one_of(from, &[Dialect::FreeBsd, Dialect::Linux, Dialect::Rfc]);
    }
    if bits.next() {
        config.ack_policy = one_of(from, &[AckPolicy::Quick, AckPolicy::EverySecond]);
        config.gather_sacks = octet(from) & 1 == 0;
    }
    if bits.next() {
        config.small_segments = one_of(from, &[SmallSegments::Minshall, SmallSegments::Rfc9293]);
    }
    if bits.next() {
        config.window_probe = one_of(from, &[WindowProbe::Empty, WindowProbe::Octet]);
    }
    if bits.next() {
        config.congestion = CongestionAlgorithm::NewReno;
    }
    if bits.next() {
        config.window_rules = one_of(from, &[WindowRules::Linux, WindowRules::Rfc]);
    }
    if bits.next() {
        config.loss_detection = one_of(from, &[LossDetection::Sack, LossDetection::Rack]);
    }
    if bits.next() {
        config.ecn = one_of(from, &[Ecn::Request, Ecn::Off]);
        config.ecn_syn_retries = octet(from) & 3;
    }
    if bits.next() {
        let doubts = octet(from);
        config.rfc1337 = doubts & 1 == 0;
        config.insecure_reset = doubts & 2 != 0;
        config.insecure_syn = doubts & 4 != 0;
        config.tolerate_missing_timestamps = doubts & 8 != 0;
        config.drop_syn_fin = doubts & 16 != 0;
        config.heeds_errors = doubts & 32 == 0;
        config.error_reports = doubts & 64 == 0;
    }
}

fn times(config: &mut TcpConfig, bits: &mut Bits, from: &mut Unstructured<'_>) {
    if bits.next() {
        config.ack_delay = one_of(from, &[Duration::ZERO, ms(1), ms(200), ms(499), s(3600)]);
    }
    if bits.next() {
        config.initial_rto = one_of(from, &[ms(200), Duration::ZERO, s(3), s(3600)]);
    }
    if bits.next() {
        config.rto_rule = one_of(from, &[RtoRule::Linux, RtoRule::Rfc6298]);
    }
    if bits.next() {
        config.min_rto = one_of(from, &[ms(200), Duration::ZERO, s(2), s(100)]);
    }
    if bits.next() {
        config.max_rto = one_of(from, &[s(120), s(60), ms(100), Duration::ZERO, s(1 << 30)]);
    }
    if bits.next() {
        config.rto_slop = one_of(from, &[ms(200), s(1)]);
    }
    if bits.next() {
        config.granularity = one_of(from, &[ms(10), Duration::ZERO, s(1)]);
    }
    if bits.next() {
        config.persist = Some(Persist { least: one_of(from, &[s(5), Duration::ZERO, s(100)]), most: s(60) });
    }
    if bits.next() {
        config.time_wait = one_of(from, &[s(60), s(1), Duration::ZERO, s(1 << 20)]);
    }
    if bits.next() {
        config.fin_wait_2 = one_of(from, &[s(1), Duration::ZERO, s(1 << 20)]);
    }
    if bits.next() {
        config.hold_delay = one_of(from, &[Duration::ZERO, ms(100), s(5)]);
    }
    if bits.next() {
        config.challenge_acks = one_of(from, &[1, 0, 255]);
        config.challenge_interval = one_of(from, &[Duration::ZERO, ms(500)]);
    }
}

fn patience(config: &mut TcpConfig, bits: &mut Bits, from: &mut Unstructured<'_>) {
    if bits.next() {
        config.r1 = one_of(from, &[1, 0, 255]);
    }
    if bits.next() {
        config.r2 = one_of(from, &[s(100), Duration::ZERO, s(3), s(1 << 20)]);
    }
    if bits.next() {
        config.syn_r2 = one_of(from, &[s(10), Duration::ZERO, s(1 << 20)]);
    }
    if bits.next() {
        let retries = one_of(from, &[Some(3), Some(0), Some(1), Some(255)]);
        match octet(from) % 3 {
            0 => config.retries = retries,
            1 => config.syn_retries = retries,
            _ => config.syn_ack_retries = retries,
        }
    }
    if bits.next() {
        config.connect_timeout = Some(one_of(from, &[s(75), Duration::ZERO, ms(100)]));
    }
    if bits.next() {
        config.plain_syn_after = Some(octet(from) & 3);
    }
    if bits.next() {
        config.user_timeout = Some(one_of(from, &[s(10), Duration::ZERO, ms(100), s(1 << 20)]));
    }
    if bits.next() {
        let idle = one_of(from, &[s(30), Duration::ZERO, ms(10), s(7200)]);
        config.keepalive = Some(Keepalive { idle, interval: idle, count: octet(from) });
    }
}

/// Whether a connection with these choices outlives ten minutes of bad weather if its peer does.
pub fn is_patient(config: &TcpConfig) -> bool {
    let usual = TcpConfig::default();
    config.r2 >= usual.r2
        && config.syn_r2 >= usual.syn_r2
        && (config.retries, config.syn_retries, config.syn_ack_retries) == (None, None, None)
        && config.connect_timeout.is_none()
        // The last SYN,ACK to come may answer a SYN with other options than the last SYN to arrive.
        && config.plain_syn_after.is_none()
        && config.user_timeout.is_none()
        && config.keepalive.is_none()
        && config.max_rto <= s(60)
        && config.min_rto <= s(60)
        && config.initial_rto <= s(60)
}

/// A connection with its buffers.
pub fn connection(from: &mut Unstructured<'_>) -> ConnectionConfig {
    let mut config = ConnectionConfig::default();
    config.tcp = tcp(from);
    let buffers = octet(from);
    config.send_buffer = [64 << 10, 0, 4 << 10, 20_000][usize::from(buffers & 3)];
    config.send_buffer_max = [4 << 20, 0, 128 << 10, 1 << 20][usize::from(buffers >> 2 & 3)];
    config
}

/// A listener.
pub fn listen(from: &mut Unstructured<'_>) -> ListenConfig {
    let mut config = ListenConfig::default();
    let (ways, bounds) = (octet(from), octet(from));
    config.fast_open = ways & 1 != 0;
    config.fast_open_unproven = ways & 2 != 0;
    config.decide = ways & 4 != 0;
    config.reset_on_overflow = ways & 8 != 0;
    config.v6_only = ways & 16 != 0;
    if ways & 32 != 0 {
        config.connection = Some(connection(from));
    }
    if ways & 64 != 0 {
        config.fast_open_cookies =
            one_of(from, &[FastOpenCookies::OfAddresses([7; 16]), FastOpenCookies::OfClient([7; 16])]);
    }
    if ways & 128 != 0 {
        (config.dscp, config.hop_limit) = (Some(octet(from) & 63), Some(octet(from)));
    }
    config.cookies = match bounds & 3 {
        1 => SynCookies::Always,
        2 => SynCookies::Off,
        _ => SynCookies::UnderPressure,
    };
    if bounds & 4 != 0 {
        config.half_open = one_of(from, &[1, 0, 2]);
    }
    if bounds & 8 != 0 {
        config.backlog = one_of(from, &[1, 0, 2]);
    }
    config
}

/// The ways of a host, its addresses left out.
pub fn host(from: &mut Unstructured<'_>) -> HostConfig {
    let mut config = HostConfig::default();
    config.connection = connection(from);
    let ways = octet(from);
    if ways & 1 != 0 {
        config.mtu = one_of(from, &[1280, 1281, 1499, 9_000, 65_535]);
    }
    if ways & 2 != 0 {
        config.offload.checksum = true;
        config.offload.segmentation = one_of(from, &[0, 4_000, 65_535]);
    }
    if ways & 4 != 0 {
        let answers = octet(from);
        config.reset_closed_ports = answers & 1 != 0;
        config.reset_syns = answers & 2 != 0;
        let rate = if answers & 4 != 0 { 0 } else { 1 };
        config.resets = RateLimit { per_second: rate, burst: rate };
        config.icmp.echo = answers & 8 == 0;
        config.icmp.protocol_unreachable = answers & 16 != 0;
        config.icmp.parameter_problem = answers & 32 == 0;
        config.icmp.more_hard_errors = answers & 64 != 0;
        config.icmp.every_error_hard = answers & 128 != 0;
    }
    if ways & 8 != 0 {
        config.any_destination = true;
    }
    if ways & 16 != 0 {
        config.shared_cookies = true;
    }
    if ways & 32 != 0 {
        limits(&mut config, from);
    }
    if ways & 64 != 0 {
        config.fragments.fragments_per_datagram = one_of(from, &[2, 1, 64]);
        config.fragments.memory = one_of(from, &[4 << 10, 0, 1 << 20]);
    }
    config
}

/// Limits that are felt.
fn limits(config: &mut HostConfig, from: &mut Unstructured<'_>) {
    let mut bits = Bits(octet(from).into());
    let limits = &mut config.limits;
    if bits.next() {
        limits.connections = one_of(from, &[2, 0, 1, 5]);
    }
    if bits.next() {
        limits.unreleased = one_of(from, &[1, 0, 3]);
    }
    if bits.next() {
        limits.orphans = one_of(from, &[1, 0, 3]);
    }
    if bits.next() {
        limits.half_open = one_of(from, &[1, 0, 3]);
    }
    if bits.next() {
        limits.time_wait = one_of(from, &[1, 0, 3]);
    }
    if bits.next() {
        limits.memory = one_of(from, &[220 << 10, 0, 180 << 10, 400 << 10]);
    }
    if bits.next() {
        limits.replies = one_of(from, &[1, 0, 4]);
        limits.path_mtus = one_of(from, &[1, 0]);
    }
    if bits.next() {
        limits.orphan_time = one_of(from, &[s(60), Duration::ZERO, ms(500)]);
    }
}

/// A UDP socket.
pub fn udp(from: &mut Unstructured<'_>) -> UdpOptions {
    let mut options = UdpOptions::default();
    let ways = octet(from);
    options.dont_fragment = ways & 1 != 0;
    options.zero_checksum_receive = ways & 2 != 0;
    options.zero_checksum_send = ways & 4 != 0;
    options.report_errors = ways & 8 != 0;
    options.broadcast = ways & 16 != 0;
    if ways & 32 != 0 {
        let mut flows = UdpFlows::default();
        flows.max = one_of(from, &[2, 0, 1]);
        flows.idle = one_of(from, &[s(120), ms(1), Duration::ZERO]);
        flows.receive_memory = one_of(from, &[4 << 20, 0, 2_000]);
        options.flows = Some(flows);
    }
    if ways & 64 != 0 {
        options.receive.datagrams = one_of(from, &[1, 0, 2]);
        options.send.octets = one_of(from, &[0, 2_000]);
    }
    options
}
