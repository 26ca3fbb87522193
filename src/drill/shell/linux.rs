//! Linux' sysctls: which of them change what the stack does, and how that is said here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::drill::{Profile, SysctlError};
use crate::host::{FastOpenCookies, SynCookies};
use crate::tcp::{CongestionAlgorithm, Ecn, Keepalive, LossDetection, MtuProbing};

/// What is set for sockets and not for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::drill) struct Sysctls {
    /// `net.core.rmem_max`: the most that a script may ask a receive buffer to be.
    pub(in crate::drill) receive_max: i64,
    /// `net.core.wmem_max`.
    pub(in crate::drill) send_max: i64,
    /// The keep-alives of `SO_KEEPALIVE`, where nothing else is said.
    pub(in crate::drill) keepalive: Keepalive,
    /// Clients may use Fast Open: `net.ipv4.tcp_fastopen & 1`.
    pub(in crate::drill) fast_open: bool,
}

impl Default for Sysctls {
    fn default() -> Self {
        Self { receive_max: 212_992, send_max: 212_992, keepalive: Keepalive::default(), fast_open: true }
    }
}

/// What `defaults.sh` sets.
pub(super) const DEFAULTS: [&str; 12] = [
    "net.ipv4.tcp_timestamps=1",
    "net.ipv4.tcp_sack=1",
    "net.ipv4.tcp_dsack=1",
    "net.ipv4.tcp_window_scaling=1",
    "net.ipv4.tcp_ecn=0",
    "net.ipv4.tcp_congestion_control=cubic",
    "net.ipv4.tcp_slow_start_after_idle=0",
    "net.ipv4.tcp_syn_retries=5",
    "net.ipv4.tcp_synack_retries=5",
    "net.ipv4.tcp_rmem=4096 540000 15728640",
    "net.ipv4.tcp_wmem=4096 262144 4194304",
    "net.ipv4.tcp_fastopen=0x70403",
];

/// Sysctls that change nothing that a peer sees, or only what a machine with real queues does.
const IGNORED: &[&str] = &[
    "allowed_congestion_control",
    "autocorking",
    "available_congestion_control",
    "backlog_ack_defer",
    "challenge_ack_limit",
    "child_ehash_entries",
    "collapse_max_bytes",
    // How long blocks are gathered is below what a script tells apart.
    "comp_sack_delay_ns",
    "comp_sack_slack_ns",
    "early_demux",
    "fack",
    "fastopen_blackhole_timeout_sec",
    "fwmark_accept",
    "limit_output_bytes",
    "low_latency",
    "max_orphans",
    "max_reordering",
    "max_syn_backlog",
    "max_tw_buckets",
    "mem",
    "min_rtt_wlen",
    "min_tso_segs",
    "no_metrics_save",
    "no_ssthresh_metrics_save",
    "pacing_ca_ratio",
    "pacing_ss_ratio",
    "probe_interval",
    "probe_threshold",
    "retrans_collapse",
    "tso_rtt_log",
    "tso_win_divisor",
    "tw_recycle",
    "tw_reuse",
    "tw_reuse_delay",
    "workaround_signed_windows",
];

/// Sysctls that are known only as they usually are.
const USUAL: &[(&str, &[&str])] = &[
    ("stdurg", &["0"]),
    ("reordering", &["3"]),
    ("adv_win_scale", &["1"]),
    ("app_win", &["31"]),
    ("moderate_rcvbuf", &["1"]),
    ("frto", &["1", "2"]),
    ("ecn_fallback", &["1"]),
    ("orphan_retries", &["0", "8"]),
    ("thin_linear_timeouts", &["0"]),
    ("thin_dupack", &["0"]),
    ("syn_linear_timeouts", &["0"]),
    ("notsent_lowat", &["-1", "4294967295"]),
    ("base_mss", &["1024"]),
    ("min_snd_mss", &["48"]),
    ("mtu_probe_floor", &["48"]),
    ("reflect_tos", &["0"]),
    ("shrink_window", &["0"]),
    ("pingpong_thresh", &["1"]),
    ("migrate_req", &["0"]),
    ("plb_enabled", &["0"]),
];

const fn bad<T>() -> Result<T, SysctlError> {
    Err(SysctlError::Value)
}

fn unknown<T>(key: &str, value: &str) -> Result<T, SysctlError> {
    Err(SysctlError::Unsupported(format!("sysctl {key}={value}")))
}

/// Sets one.
pub(super) fn set(
    profile: &mut Profile,
    sysctls: &mut Sysctls,
    key: &str,
    value: &str,
) -> Result<(), SysctlError> {
    if let Some(name) = key.strip_prefix("net.ipv4.tcp_") {
        return set_tcp(profile, sysctls, name, value);
    }
    let number = value.parse::<i64>();
    match key {
        "net.ipv4.ip_local_port_range" => {
            let bounds = list(value)?;
            let [Ok(first), Ok(last)] =
                bounds.as_slice().iter().map(|&end| u16::try_from(end)).collect::<Vec<_>>()[..]
            else {
                return bad();
            };
            profile.host.ports = first..=last;
            Ok(())
        }
        "net.ipv4.ip_default_ttl" => match number.ok().and_then(|ttl| u8::try_from(ttl).ok()) {
            Some(ttl) if ttl > 0 => {
                profile.host.hop_limit = ttl;
                Ok(())
            }
            _ => bad(),
        },
        "net.core.rmem_max" | "net.core.wmem_max" => {
            let Ok(most) = number else { return bad() };
            if key.ends_with("rmem_max") {
                sysctls.receive_max = most;
            } else {
                sysctls.send_max = most;
            }
            Ok(())
        }
        // Connections are paced by the queue of that name, and by no other that there is.
        "net.core.default_qdisc" => {
            profile.host.connection.tcp.pacing = value == "fq";
            Ok(())
        }
        "net.ipv4.ip_no_pmtu_disc" if value == "0" => Ok(()),
        _ if is_of_the_machine(key) => Ok(()),
        _ => unknown(key, value),
    }
}

/// Interfaces, routes and queues of a machine that is not there.
fn is_of_the_machine(key: &str) -> bool {
    let prefixes = [
        "net.core.",
        "net.ipv4.conf.",
        "net.ipv6.conf.",
        "net.ipv4.neigh.",
        "net.ipv4.icmp_",
        "net.ipv4.route.flush",
        "net.ipv6.route.flush",
        "net.ipv4.route.gc_",
        "net.ipv4.ip_forward",
        "net.ipv4.ip_nonlocal_bind",
        "net.ipv4.ip_early_demux",
        "kernel.",
    ];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

/// Numbers with white space between.
fn list(value: &str) -> Result<Vec<i64>, SysctlError> {
    let numbers: Result<Vec<i64>, _> =
        value.split([' ', '\t', ',']).filter(|word| !word.is_empty()).map(str::parse).collect();
    numbers.or_else(|_| bad())
}

fn set_tcp(profile: &mut Profile, sysctls: &mut Sysctls, name: &str, value: &str) -> Result<(), SysctlError> {
    if IGNORED.contains(&name) {
        return Ok(());
    }
    if let Some((_, usual)) = USUAL.iter().find(|(known, _)| *known == name)
        && usual.contains(&value)
    {
        return Ok(());
    }
    let key = format!("net.ipv4.tcp_{name}");
    match name {
        "congestion_control" => {
            profile.host.connection.tcp.congestion = match value {
                "cubic" => CongestionAlgorithm::Cubic,
                "reno" => CongestionAlgorithm::NewReno,
                other => {
                    return Err(SysctlError::Unsupported(format!("the congestion control {other}")));
                }
            };
            return Ok(());
        }
        "rmem" => return set_receive(profile, value),
        "wmem" => return set_send(profile, value),
        "fastopen_key" => return set_fast_open_key(profile, value),
        "fastopen" => return set_fast_open(profile, sysctls, value),
        _ => {}
    }
    let Ok(number) = value.parse::<u32>() else { return unknown(&key, value) };
    let done = set_switch(profile, name, number)
        || set_time(profile, name, number)
        || set_keepalive(&mut sysctls.keepalive, name, number);
    if done { Ok(()) } else { unknown(&key, value) }
}

fn set_switch(profile: &mut Profile, name: &str, number: u32) -> bool {
    let (listen, tcp) = (&mut profile.listen, &mut profile.host.connection.tcp);
    match (name, number) {
        ("timestamps", 0..=2) => tcp.timestamps = number > 0,
        ("sack", 0 | 1) => tcp.sack = number > 0,
        ("window_scaling", 0 | 1) => tcp.window_scaling = number > 0,
        ("slow_start_after_idle", 0 | 1) => tcp.restart_after_idle = number > 0,
        ("rfc1337", 0 | 1) => tcp.rfc1337 = number > 0,
        ("ecn", 0) => tcp.ecn = Ecn::Off,
        ("ecn", 1) => tcp.ecn = Ecn::Request,
        ("ecn", 2) => tcp.ecn = Ecn::Accept,
        ("mtu_probing", 0) => tcp.mtu_probing = MtuProbing::Off,
        ("mtu_probing", 1) => tcp.mtu_probing = MtuProbing::BlackHole,
        ("mtu_probing", 2) => tcp.mtu_probing = MtuProbing::Always,
        ("syncookies", 0) => listen.cookies = SynCookies::Off,
        ("syncookies", 1) => listen.cookies = SynCookies::UnderPressure,
        ("syncookies", 2) => listen.cookies = SynCookies::Always,
        ("abort_on_overflow", 0 | 1) => listen.reset_on_overflow = number > 0,
        ("retries1", 1..=255) => tcp.r1 = u8::try_from(number).unwrap_or(u8::MAX),
        ("dsack", 0 | 1) => tcp.d_sack = number > 0,
        // RACK is the first bit; the others are what to do if it is set.
        ("recovery", 0..=7) => {
            tcp.loss_detection = if number & 1 == 1 { LossDetection::Rack } else { LossDetection::Sack };
        }
        ("early_retrans", 0) => tcp.tail_probes = false,
        ("early_retrans", 3 | 4) => tcp.tail_probes = true,
        ("comp_sack_nr", _) => tcp.gather_sacks = number > 0,
        _ => return false,
    }
    true
}

/// No time ends what counts retransmissions.
const NO_R2: Duration = Duration::from_secs(1 << 31);

fn set_time(profile: &mut Profile, name: &str, number: u32) -> bool {
    let tcp = &mut profile.host.connection.tcp;
    let retries = u8::try_from(number).unwrap_or(u8::MAX);
    match name {
        "fin_timeout" => tcp.fin_wait_2 = Duration::from_secs(number.into()),
        "syn_retries" => (tcp.syn_retries, tcp.syn_r2) = (Some(retries), NO_R2),
        "synack_retries" => tcp.syn_ack_retries = Some(retries),
        "retries2" => tcp.r2 = retries_time(retries),
        "rto_min_us" => tcp.min_rto = Duration::from_micros(number.into()),
        "invalid_ratelimit" => tcp.challenge_interval = Duration::from_millis(number.into()),
        "rto_max_ms" => tcp.max_rto = Duration::from_millis(number.into()),
        _ => return false,
    }
    true
}

/// How long Linux goes on: RTOs that begin with 200 ms and double up to 120 s, whatever the real ones are.
fn retries_time(retries: u8) -> Duration {
    let mut time = Duration::ZERO;
    let mut rto = Duration::from_millis(200);
    for _ in 0..=retries {
        time += rto;
        rto = (rto * 2).min(Duration::from_secs(120));
    }
    time
}

fn set_keepalive(keepalive: &mut Keepalive, name: &str, number: u32) -> bool {
    let span = Duration::from_secs(number.into());
    match name {
        "keepalive_time" => keepalive.idle = span,
        "keepalive_intvl" => keepalive.interval = span,
        "keepalive_probes" => keepalive.count = u8::try_from(number).unwrap_or(u8::MAX),
        _ => return false,
    }
    true
}

/// `least usual most`. Half of a buffer is for payload, in whole segments; the window scale is chosen for all of the most.
fn set_receive(profile: &mut Profile, value: &str) -> Result<(), SysctlError> {
    let [_, usual, most] = list(value)?[..] else { return bad() };
    let (Ok(usual), Ok(most)) = (u32::try_from(usual), u32::try_from(most)) else { return bad() };
    let tcp = &mut profile.host.connection.tcp;
    // What a segment carries, with timestamps or without.
    let segment = 1460;
    let half = usual / 2;
    tcp.receive_window = if half >= segment { half / segment * segment } else { half.max(1) };
    tcp.receive_window_max = most;
    Ok(())
}

fn set_send(profile: &mut Profile, value: &str) -> Result<(), SysctlError> {
    let [_, usual, most] = list(value)?[..] else { return bad() };
    let (Ok(usual), Ok(most)) = (usize::try_from(usual), usize::try_from(most)) else { return bad() };
    let connection = &mut profile.host.connection;
    (connection.send_buffer, connection.send_buffer_max) = (usual, most);
    Ok(())
}

/// Bit 0: clients; bit 1: servers; bits 2, 9: without cookies; bit 10: servers that have not asked for it.
fn set_fast_open(profile: &mut Profile, sysctls: &mut Sysctls, value: &str) -> Result<(), SysctlError> {
    let bits = match value.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => value.parse::<i64>().ok(),
    };
    let Some(bits) = bits else { return bad() };
    sysctls.fast_open = bits & 1 != 0;
    profile.host.connection.tcp.fast_open_unproven = bits & 4 != 0;
    profile.listen.fast_open = bits & 0x402 == 0x402;
    profile.listen.fast_open_unproven = bits & 0x202 == 0x202;
    Ok(())
}

/// `a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4`: four words of 32 bits; of a second key behind a comma only the first makes
/// cookies, but both would take them.
fn set_fast_open_key(profile: &mut Profile, value: &str) -> Result<(), SysctlError> {
    if value.contains(',') {
        return Err(SysctlError::Unsupported(String::from("two keys of Fast Open")));
    }
    let words: Result<Vec<u32>, _> = value.split('-').map(|word| u32::from_str_radix(word, 16)).collect();
    let Ok([first, second, third, fourth]) = words.as_deref() else { return bad() };
    let mut key = [0; 16];
    let octets = [first, second, third, fourth].into_iter().flat_map(|word| word.to_le_bytes());
    key.iter_mut().zip(octets).for_each(|(place, octet)| *place = octet);
    profile.listen.fast_open_cookies = FastOpenCookies::OfAddresses(key);
    Ok(())
}
