//! What scripts written for Linux assume.
//!
//! The values are those of Linux 6 with the settings that such scripts make before they begin: CUBIC, timestamps, SACK
//! and D-SACK on, ECN off, `tcp_rmem` 4096 540000 15728640, `tcp_wmem` 4096 262144 4194304, five retries of a SYN and
//! of a SYN,ACK, and no slow start after idle. What a script changes by a line of `sysctl` is changed on top of them.

use core::time::Duration;

use super::{Personality, Profile};
use crate::host::FastOpenCookies;
use crate::tcp::{
    AckPolicy, CongestionAlgorithm, Dialect, Ecn, MtuProbing, OptionLayout, RtoRule, SmallSegments,
    TcpConfig, WindowProbe, WindowRules,
};

/// `tcp_rmem[1]` is 540,000, half of which is for payload, in whole segments of 1460 octets: 184 of them. A SYN offers as
/// much of it as its field can say, 65,535.
const RECEIVE_WINDOW: u32 = 184 * 1460;

/// `tcp_rmem[2]`: the window scale is chosen for all of it.
const RECEIVE_WINDOW_MAX: u32 = 15_728_640;

/// `tcp_retries2 = 15`: RTOs that begin with 200 ms and double up to 120 s, ten times (0.2 · 1,023 s), and six of 120 s.
const R2: Duration = Duration::from_millis(924_600);

/// `tcp_syn_retries = 5`: 1 + 2 + 4 + 8 + 16 + 32 s.
const SYN_R2: Duration = Duration::from_secs(63);

/// `tcp_fastopen_key`: a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4.
const FAST_OPEN_KEY: [u8; 16] = 0xa1a1_a1a1_b2b2_b2b2_c3c3_c3c3_d4d4_d4d4_u128.to_be_bytes();

/// Words, and what they stand for over IPv4 and over IPv6: the cookies of [`FAST_OPEN_KEY`] and of a key of zeros.
pub(super) const WORDS: [(&str, &str, &str); 4] = [
    ("TFO_COOKIE", "3021b9d889017eeb", "c1d1e9742a47a9bc"),
    ("TFO_COOKIE_ZERO", "b7c12350a90dc8f5", "82af1a8f9a205c34"),
    ("CMSG_LEVEL_IP", "SOL_IP", "SOL_IPV6"),
    ("CMSG_TYPE_RECVERR", "IP_RECVERR", "IPV6_RECVERR"),
];

pub(super) fn profile() -> Profile {
    let mut profile = Profile { name: "linux", personality: Personality::Linux, ..Profile::library() };
    let connection = &mut profile.host.connection;
    choose(&mut connection.tcp);
    (connection.send_buffer, connection.send_buffer_max) = (262_144, 4 << 20);
    profile.host.icmp.every_error_hard = true;
    // tcp_fastopen = 0x70403: listeners need not ask for it.
    profile.listen.fast_open = true;
    // net.ipv4.ip_local_port_range
    profile.host.ports = 32_768..=60_999;
    profile.listen.fast_open_cookies = FastOpenCookies::OfAddresses(FAST_OPEN_KEY);
    profile
}

fn choose(tcp: &mut TcpConfig) {
    (tcp.dialect, tcp.option_layout) = (Dialect::Linux, OptionLayout::Linux);
    // Each connection has its own limit; the common one is off since Linux 6.
    (tcp.challenge_acks, tcp.challenge_interval) = (u8::MAX, Duration::from_millis(500));
    (tcp.receive_window, tcp.receive_window_max) = (RECEIVE_WINDOW, RECEIVE_WINDOW_MAX);
    // TCP_ATO_MIN
    (tcp.ack_policy, tcp.ack_delay) = (AckPolicy::Quick, Duration::from_millis(40));
    // A SYN with a FIN is no call; `tcp_min_snd_mss`.
    (tcp.drop_syn_fin, tcp.least_mss) = (true, 48);
    tcp.tolerate_missing_timestamps = true;
    tcp.small_segments = SmallSegments::Minshall;
    tcp.window_probe = WindowProbe::Empty;
    tcp.congestion = CongestionAlgorithm::Cubic;
    tcp.window_rules = WindowRules::Linux;
    tcp.initial_window = 10;
    tcp.pacing = false;
    tcp.restart_after_idle = false;
    tcp.rto_rule = RtoRule::Linux;
    tcp.initial_rto = Duration::from_secs(1);
    tcp.min_rto = Duration::from_millis(200);
    tcp.max_rto = Duration::from_secs(120);
    (tcp.r2, tcp.syn_r2) = (R2, SYN_R2);
    tcp.mtu_probing = MtuProbing::Off;
    tcp.ecn = Ecn::Off;
    tcp.time_wait = Duration::from_secs(60);
    tcp.fin_wait_2 = Duration::from_secs(60);
    tcp.rfc1337 = false;
}
