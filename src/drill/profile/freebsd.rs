//! What scripts written for FreeBSD assume: the base stack of FreeBSD 14 and 15 with the settings that it starts with,
//! and what its sysctls change.
//!
//! | what | FreeBSD | here |
//! |---|---|---|
//! | buffers | `recvspace` 65536, `sendspace` 32768, both grow to 2 MiB | `receive_window` …, `send_buffer` … |
//! | window scale | for `kern.ipc.maxsockbuf`, 2 MiB: 6 | `window_scale` |
//! | RTO | 1 s at first, least 30 ms, most 64 s, 200 ms of slop | `initial_rto`, `min_rto`, `max_rto`, `rto_slop` |
//! | giving up | 12 retransmissions; 3 of a SYN,ACK; 75 s for a call | `retries`, `syn_ack_retries`, `connect_timeout` |
//! | closed windows | a probe every 5 to 60 s | `persist` |
//! | delayed ACK | 40 ms, every second segment | `ack_delay`, `dialect` |
//! | losses | RFC 6675 with PRR, no RACK, no TLP, no pacing | `loss_detection`, `tail_probes`, `pacing` |
//! | keep-alives | always, after 2 h, 8 every 75 s | `keepalive` |
//! | TIME-WAIT, FIN-WAIT-2 | 60 s, 600 s | `time_wait`, `fin_wait_2` |
//! | challenge ACKs | 5 in a second | `challenge_acks` |
//! | ECN | accepted, not asked for | `ecn` |

use core::time::Duration;

use super::{Personality, Profile, SysctlError};
use crate::host::SynCookies;
use crate::tcp::{
    CongestionAlgorithm, Dialect, Ecn, Keepalive, LossDetection, MtuProbing, OptionLayout, PathReports,
    Persist, TcpConfig,
};

/// `net.inet.tcp.recvspace`: the receive buffer at first.
const RECEIVE_SPACE: u32 = 65_536;
/// `net.inet.tcp.sendspace`: the send buffer at first.
const SEND_SPACE: usize = 32_768;
/// `kern.ipc.maxsockbuf`, `net.inet.tcp.recvbuf_max`, `net.inet.tcp.sendbuf_max`.
const MOST_SPACE: u32 = 2 << 20;
/// `net.inet.tcp.rexmit_drop_options`: from this retransmission on a SYN goes without options.
const PLAIN_SYN_AFTER: u8 = 3;

pub(super) fn profile() -> Profile {
    let mut profile = Profile { name: "freebsd", personality: Personality::FreeBsd, ..Profile::library() };
    let connection = &mut profile.host.connection;
    choose(&mut connection.tcp);
    (connection.send_buffer, connection.send_buffer_max) = (SEND_SPACE, MOST_SPACE as usize);
    profile.host.icmp.more_hard_errors = true;
    profile.listen.reset_on_overflow = true;
    profile
}

fn choose(tcp: &mut TcpConfig) {
    tcp.dialect = Dialect::FreeBsd;
    tcp.option_layout = OptionLayout::FreeBsd;
    (tcp.receive_window, tcp.receive_window_max) = (RECEIVE_SPACE, MOST_SPACE);
    tcp.window_scale = Some(scale_for(MOST_SPACE));
    (tcp.least_mss, tcp.min_path_mtu) = (216, 296);
    tcp.mtu_probing = MtuProbing::Off;
    tcp.path_reports = PathReports::Believe;
    tcp.ack_delay = Duration::from_millis(40);
    tcp.congestion = CongestionAlgorithm::Cubic;
    tcp.initial_window = 10;
    tcp.pacing = false;
    (tcp.loss_detection, tcp.tail_probes) = (LossDetection::Sack, false);
    tcp.initial_rto = Duration::from_secs(1);
    tcp.min_rto = Duration::from_millis(30);
    tcp.max_rto = Duration::from_secs(64);
    tcp.rto_slop = Duration::from_millis(200);
    tcp.granularity = Duration::from_millis(1);
    (tcp.retries, tcp.syn_retries, tcp.syn_ack_retries) = (Some(12), Some(12), Some(3));
    tcp.connect_timeout = Some(Duration::from_secs(75));
    // What counts retransmissions, or has its own time, is not to be ended by R2.
    (tcp.r2, tcp.syn_r2) = (Duration::from_secs(7_200), Duration::from_secs(7_200));
    tcp.persist = Some(Persist { least: Duration::from_secs(5), most: Duration::from_secs(60) });
    tcp.keepalive =
        Some(Keepalive { idle: Duration::from_secs(7_200), interval: Duration::from_secs(75), count: 8 });
    tcp.time_wait = Duration::from_secs(60);
    tcp.fin_wait_2 = Duration::from_secs(600);
    tcp.rfc1337 = true;
    tcp.challenge_acks = 5;
    (tcp.ecn, tcp.ecn_syn_retries) = (Ecn::Accept, 1);
}

/// The smallest shift with which a window field can say `most`.
fn scale_for(most: u32) -> u8 {
    (0..14).find(|shift| 65_535 << shift >= most).unwrap_or(14)
}

/// Sets what `sysctl key=value` sets on FreeBSD. What is set without effect on what a peer sees is taken.
pub(super) fn set(profile: &mut Profile, key: &str, value: &str) -> Result<(), SysctlError> {
    if IGNORED.contains(&key) || IGNORED_BELOW.iter().any(|prefix| key.starts_with(prefix)) {
        return Ok(());
    }
    if key == "net.inet.tcp.cc.algorithm" {
        return set_algorithm(profile, value);
    }
    if key == "net.inet.tcp.functions_default" {
        let other = || SysctlError::Unsupported(alloc::format!("the TCP stack {value}"));
        return if value == "freebsd" { Ok(()) } else { Err(other()) };
    }
    let number = value.parse::<u32>().map_err(|_| SysctlError::Value);
    let done = match key.strip_prefix("net.inet.tcp.") {
        Some(name) => {
            let number = number?;
            set_on_off(profile, name, number)
                || set_time(&mut profile.host.connection.tcp, name, number)
                || set_size(profile, name, number)
                || is_as_usual(name, number)
        }
        None if key == "kern.ipc.maxsockbuf" => {
            profile.host.connection.tcp.window_scale = Some(scale_for(number?));
            true
        }
        None if matches!(key, "net.inet.ip.ttl" | "net.inet6.ip6.hlim") => {
            let hops = u8::try_from(number?).ok().filter(|&hops| hops > 0);
            profile.host.hop_limit = hops.ok_or(SysctlError::Value)?;
            true
        }
        None => false,
    };
    if done { Ok(()) } else { Err(SysctlError::Unsupported(alloc::format!("sysctl {key}={value}"))) }
}

/// What makes no difference to what a peer sees, or nothing is remembered of here.
const IGNORED: [&str; 21] = [
    "net.inet.tcp.hostcache.purgenow",
    "net.inet.tcp.hostcache.purge",
    "net.inet.tcp.hostcache.enable",
    "net.inet.tcp.log_in_vain",
    "net.inet.tcp.log_debug",
    "net.inet.tcp.tso",
    "net.inet.tcp.lro",
    "net.inet.tcp.nolocaltimewait",
    "net.inet.tcp.blackhole_local",
    "net.inet.tcp.ts_offset_per_conn",
    "net.inet.tcp.soreceive_stream",
    "net.inet.tcp.bb",
    "net.inet.tcp.sendbuf_inc",
    "net.inet.tcp.recvbuf_inc",
    "net.inet.tcp.maxtcptw",
    "net.inet.tcp.per_cpu_timers",
    "net.inet.tcp.functions_inherit_listen_socket_stack",
    "net.inet.icmp.icmplim",
    "net.inet.icmp.icmplim_output",
    "kern.ipc.soacceptqueue",
    "kern.ipc.somaxconn",
];

const IGNORED_BELOW: [&str; 4] =
    ["net.inet.tcp.bb.", "net.inet.tcp.hostcache.", "kern.timecounter.", "kern.ipc.tls."];

fn set_algorithm(profile: &mut Profile, value: &str) -> Result<(), SysctlError> {
    profile.host.connection.tcp.congestion = match value {
        "cubic" => CongestionAlgorithm::Cubic,
        "newreno" => CongestionAlgorithm::NewReno,
        other => return Err(SysctlError::Unsupported(alloc::format!("congestion control {other}"))),
    };
    Ok(())
}

/// What is on or off, or one of a few.
fn set_on_off(profile: &mut Profile, name: &str, number: u32) -> bool {
    let on = number != 0;
    let (host, listen) = (&mut profile.host, &mut profile.listen);
    let tcp = &mut host.connection.tcp;
    match name {
        "sack.enable" => tcp.sack = on,
        "rfc1323" => {
            (tcp.window_scaling, tcp.timestamps) = (matches!(number, 1 | 2), matches!(number, 1 | 3))
        }
        "ecn.enable" => {
            tcp.ecn = match number {
                0 => Ecn::Off,
                1 => Ecn::Request,
                2 => Ecn::Accept,
                _ => return false,
            }
        }
        "blackhole" => (host.reset_syns, host.reset_closed_ports) = (number != 1, number < 2),
        "path_mtu_discovery" => {
            tcp.path_reports = if on { PathReports::Believe } else { PathReports::Ignore };
        }
        "insecure_rst" => tcp.insecure_reset = on,
        "insecure_syn" => tcp.insecure_syn = on,
        "drop_synfin" => tcp.drop_syn_fin = on,
        "tolerate_missing_ts" => tcp.tolerate_missing_timestamps = on,
        "icmp_may_rst" => tcp.heeds_errors = on,
        "syncookies" if listen.cookies != SynCookies::Always => {
            listen.cookies = if on { SynCookies::UnderPressure } else { SynCookies::Off };
        }
        "syncookies" => {}
        "syncookies_only" => {
            listen.cookies = if on { SynCookies::Always } else { SynCookies::UnderPressure };
        }
        "sc_rst_sock_fail" | "syncache.rst_on_sock_fail" => listen.reset_on_overflow = on,
        "rexmit_drop_options" => tcp.plain_syn_after = on.then_some(PLAIN_SYN_AFTER),
        "delayed_ack" => tcp.ack_delay = Duration::from_millis(if on { 40 } else { 0 }),
        "always_keepalive" => tcp.keepalive = on.then(|| tcp.keepalive.unwrap_or_default()),
        "recvbuf_auto" => tcp.receive_window_max = if on { MOST_SPACE } else { tcp.receive_window },
        "fast_finwait2_recycle" => tcp.fin_wait_2 = Duration::from_secs(if on { 60 } else { 600 }),
        "fastopen.server_enable" => listen.fast_open = on,
        "fastopen.client_enable" => tcp.fast_open = on,
        _ => return false,
    }
    true
}

/// What is a span: milliseconds, as FreeBSD has it.
fn set_time(tcp: &mut TcpConfig, name: &str, number: u32) -> bool {
    let span = Duration::from_millis(number.into());
    let mut keepalive = tcp.keepalive.unwrap_or_default();
    let mut persist =
        tcp.persist.unwrap_or(Persist { least: Duration::from_secs(5), most: Duration::from_secs(60) });
    match name {
        "rexmit_initial" => tcp.initial_rto = span,
        "rexmit_min" => tcp.min_rto = span,
        "rexmit_slop" => tcp.rto_slop = span,
        "delacktime" => tcp.ack_delay = span,
        "keepinit" => tcp.connect_timeout = Some(span),
        "msl" => tcp.time_wait = span * 2,
        "finwait2_timeout" => tcp.fin_wait_2 = span,
        "keepidle" => keepalive.idle = span,
        "keepintvl" => keepalive.interval = span,
        "keepcnt" => keepalive.count = u8::try_from(number).unwrap_or(u8::MAX),
        "persmin" => persist.least = span,
        "persmax" => persist.most = span,
        _ => return false,
    }
    if name.starts_with("keep") && tcp.keepalive.is_some() {
        tcp.keepalive = Some(keepalive);
        // TP_MAXIDLE: so long FIN-WAIT-2 may last too.
        tcp.fin_wait_2 = keepalive.interval * u32::from(keepalive.count);
    }
    if name.starts_with("pers") {
        tcp.persist = Some(persist);
    }
    true
}

/// What is a number of octets, or of segments.
fn set_size(profile: &mut Profile, name: &str, number: u32) -> bool {
    let connection = &mut profile.host.connection;
    let octets = number as usize;
    let small = u16::try_from(number).unwrap_or(u16::MAX);
    match name {
        "recvspace" => {
            connection.tcp.receive_window = number;
            connection.tcp.receive_window_max = connection.tcp.receive_window_max.max(number);
        }
        "sendspace" => {
            connection.send_buffer = octets;
            connection.send_buffer_max = connection.send_buffer_max.max(octets);
        }
        "recvbuf_max" => connection.tcp.receive_window_max = number,
        "sendbuf_max" => connection.send_buffer_max = octets,
        "sendbuf_auto" => {
            connection.send_buffer_max =
                if number > 0 { MOST_SPACE as usize } else { connection.send_buffer };
        }
        "mssdflt" | "v6mssdflt" => connection.tcp.default_mss = small,
        "ecn.maxretries" => connection.tcp.ecn_syn_retries = u8::try_from(number).unwrap_or(u8::MAX),
        "ack_war_cnt" => connection.tcp.challenge_acks = u8::try_from(number).unwrap_or(u8::MAX),
        "minmss" => connection.tcp.least_mss = small,
        "initcwnd_segments" => connection.tcp.initial_window = u8::try_from(number).unwrap_or(u8::MAX),
        _ => return false,
    }
    true
}

/// What is known only as it is usually set.
fn is_as_usual(name: &str, number: u32) -> bool {
    let usual = match name {
        "rfc3042" | "rfc3390" | "rfc3465" | "rfc6675_pipe" | "sack.newsack" | "sack.revised" | "do_prr"
        | "v6pmtud_blackhole" => 1,
        "udp_tunneling_port" | "pmtud_blackhole_detection" | "insecure_ack" | "sack.lrd" | "newcwv" => 0,
        "syncache.rexmtlimit" => 3,
        "udp_tunneling_overhead" => 8,
        "abc_l_var" => 2,
        "ack_war_timewindow" => 1_000,
        "max_persist_idle" | "maxpersistidle" => 7_200_000,
        _ => return false,
    };
    number == usual
}

#[cfg(test)]
mod tests;
