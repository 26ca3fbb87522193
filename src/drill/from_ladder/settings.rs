//! What was chosen otherwise than in a profile.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::drill::shell;
use crate::drill::{Personality, Profile};
use crate::host::SynCookies;
use crate::tcp::{CongestionAlgorithm, Ecn, LossDetection, MtuProbing, PathReports, Persist};

/// How a script comes to the choices of an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// The profile that it begins with.
    pub(super) profile: &'static str,
    /// Options at its top.
    pub(super) options: Vec<String>,
    /// `key=value`.
    pub(super) sysctls: Vec<String>,
    /// Options of sockets, and their values.
    pub(super) sockets: Vec<(&'static str, i64)>,
    /// What it cannot choose: `connection.tcp.initial_rto: 1s instead of 2s`.
    pub(super) others: Vec<String>,
}

/// Octets of both headers, without options.
const fn headers(v6: bool) -> u16 {
    if v6 { 60 } else { 40 }
}

pub(super) fn differing(profile: &Profile, v6: bool) -> Settings {
    let mut base = Profile::from_name(profile.name).unwrap_or_else(|_| Profile::library());
    let mut settings = Settings { profile: base.name, ..Settings::default() };
    if v6 {
        settings.options.push("--ip_version=ipv6".into());
    }
    let mut target = profile.clone();
    settings.choose_mtu(&mut base, &mut target, v6);
    // Addresses are the script's.
    base.host.addresses.clone_from(&target.host.addresses);
    settings.choose_for_sockets(&mut base, &target);
    let mut sysctls = shell::Sysctls::default();
    for (key, value) in candidates(&target) {
        let mut with = base.clone();
        let known = shell::set(&mut with, &mut sysctls, &key, &value).is_ok();
        let (before, after) = (differences(&base, &target).len(), differences(&with, &target).len());
        if known && after < before {
            base = with;
            settings.sysctls.push(if value.contains(' ') {
                format!("\"{key}={value}\"")
            } else {
                format!("{key}={value}")
            });
        }
    }
    settings.others = differences(&base, &target);
    settings
}

impl Settings {
    /// A host makes its MSS from the MTU; a bare machine has one. There is no network for the smallest.
    fn choose_mtu(&mut self, base: &mut Profile, target: &mut Profile, v6: bool) {
        let (own, usual) = (&mut target.host.connection.tcp.mss, base.host.connection.tcp.mss);
        let mtu = if *own == usual { target.host.mtu } else { own.saturating_add(headers(v6)) };
        if mtu < if v6 { 1280 } else { 128 } {
            return;
        }
        (*own, target.host.mtu) = (usual, mtu);
        if mtu != base.host.mtu {
            self.options.push(format!("--mtu={mtu}"));
            base.host.mtu = mtu;
        }
    }

    /// What is chosen for each socket.
    fn choose_for_sockets(&mut self, base: &mut Profile, target: &Profile) {
        let (usual, own) = (&mut base.host.connection.tcp, &target.host.connection.tcp);
        if usual.nagle != own.nagle {
            usual.nagle = own.nagle;
            self.sockets.push(("TCP_NODELAY", i64::from(!own.nagle)));
        }
        if usual.mss_limit != own.mss_limit && (88..=32_767).contains(&own.mss_limit) {
            usual.mss_limit = own.mss_limit;
            self.sockets.push(("TCP_MAXSEG", i64::from(own.mss_limit)));
        }
    }
}

/// What sysctls would have to be set to for these choices.
fn candidates(target: &Profile) -> Vec<(String, String)> {
    let (prefix, candidates) = match target.personality {
        Personality::FreeBsd => ("net.inet.tcp.", of_freebsd(target)),
        Personality::Linux => ("net.ipv4.", of_linux(target)),
    };
    let ttl = target.host.hop_limit.to_string();
    let mut all: Vec<_> =
        candidates.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
    match target.personality {
        Personality::FreeBsd => all.push(("net.inet.ip.ttl".into(), ttl)),
        Personality::Linux => {
            let queue = if target.host.connection.tcp.pacing { "fq" } else { "pfifo_fast" };
            let ports = &target.host.ports;
            all.push(("net.core.default_qdisc".into(), queue.into()));
            all.push(("net.ipv4.ip_default_ttl".into(), ttl));
            all.push(("net.ipv4.ip_local_port_range".into(), format!("{} {}", ports.start(), ports.end())));
        }
    }
    all
}

fn of_freebsd(target: &Profile) -> Vec<(&'static str, String)> {
    let (connection, listen) = (&target.host.connection, &target.listen);
    let tcp = &connection.tcp;
    let bit = |on: bool| u8::from(on).to_string();
    let ms = |span: Duration| span.as_millis().to_string();
    let headers = match (tcp.window_scaling, tcp.timestamps) {
        (false, false) => "0",
        (true, true) => "1",
        (true, false) => "2",
        (false, true) => "3",
    };
    let ecn = match tcp.ecn {
        Ecn::Off => "0",
        Ecn::Request => "1",
        _ => "2",
    };
    let congestion = match tcp.congestion {
        CongestionAlgorithm::Cubic => "cubic",
        _ => "newreno",
    };
    let keepalive = tcp.keepalive.unwrap_or_default();
    let persist = tcp.persist.unwrap_or(Persist { least: Duration::ZERO, most: Duration::ZERO });
    vec![
        ("rfc1323", headers.into()),
        ("sack.enable", bit(tcp.sack)),
        ("ecn.enable", ecn.into()),
        ("ecn.maxretries", tcp.ecn_syn_retries.to_string()),
        ("cc.algorithm", congestion.into()),
        ("path_mtu_discovery", bit(tcp.path_reports == PathReports::Believe)),
        ("insecure_rst", bit(tcp.insecure_reset)),
        ("insecure_syn", bit(tcp.insecure_syn)),
        ("drop_synfin", bit(tcp.drop_syn_fin)),
        ("tolerate_missing_ts", bit(tcp.tolerate_missing_timestamps)),
        ("icmp_may_rst", bit(tcp.heeds_errors)),
        ("syncookies", bit(listen.cookies != SynCookies::Off)),
        ("syncookies_only", bit(listen.cookies == SynCookies::Always)),
        ("syncache.rst_on_sock_fail", bit(listen.reset_on_overflow)),
        ("rexmit_drop_options", bit(tcp.plain_syn_after.is_some())),
        ("always_keepalive", bit(tcp.keepalive.is_some())),
        ("keepidle", ms(keepalive.idle)),
        ("keepintvl", ms(keepalive.interval)),
        ("keepcnt", keepalive.count.to_string()),
        ("keepinit", ms(tcp.connect_timeout.unwrap_or_default())),
        ("finwait2_timeout", ms(tcp.fin_wait_2)),
        ("msl", ms(tcp.time_wait / 2)),
        ("rexmit_initial", ms(tcp.initial_rto)),
        ("rexmit_min", ms(tcp.min_rto)),
        ("rexmit_slop", ms(tcp.rto_slop)),
        ("delacktime", ms(tcp.ack_delay)),
        ("persmin", ms(persist.least)),
        ("persmax", ms(persist.most)),
        ("recvspace", tcp.receive_window.to_string()),
        ("recvbuf_max", tcp.receive_window_max.to_string()),
        ("sendspace", connection.send_buffer.to_string()),
        ("sendbuf_max", connection.send_buffer_max.to_string()),
        ("mssdflt", tcp.default_mss.to_string()),
        ("minmss", tcp.least_mss.to_string()),
        ("ack_war_cnt", tcp.challenge_acks.to_string()),
        ("initcwnd_segments", tcp.initial_window.to_string()),
    ]
}

fn of_linux(target: &Profile) -> Vec<(&'static str, String)> {
    let tcp = &target.host.connection.tcp;
    let bit = |on: bool| u8::from(on).to_string();
    let secs = |span: Duration| span.as_secs().to_string();
    let retries = |retries: Option<u8>| retries.unwrap_or(5).to_string();
    let congestion = match tcp.congestion {
        CongestionAlgorithm::Cubic => "cubic",
        _ => "reno",
    };
    let ecn = match tcp.ecn {
        Ecn::Off => 0,
        Ecn::Request => 1,
        _ => 2,
    };
    let probing = match tcp.mtu_probing {
        MtuProbing::Off => 0,
        MtuProbing::BlackHole => 1,
        _ => 2,
    };
    let cookies = match target.listen.cookies {
        SynCookies::Off => 0,
        SynCookies::Always => 2,
        _ => 1,
    };
    let connection = &target.host.connection;
    vec![
        ("tcp_timestamps", bit(tcp.timestamps)),
        ("tcp_sack", bit(tcp.sack)),
        ("tcp_window_scaling", bit(tcp.window_scaling)),
        ("tcp_slow_start_after_idle", bit(tcp.restart_after_idle)),
        ("tcp_rfc1337", bit(tcp.rfc1337)),
        ("tcp_ecn", format!("{ecn}")),
        ("tcp_mtu_probing", format!("{probing}")),
        ("tcp_syncookies", format!("{cookies}")),
        ("tcp_abort_on_overflow", bit(target.listen.reset_on_overflow)),
        ("tcp_retries1", tcp.r1.to_string()),
        ("tcp_dsack", bit(tcp.d_sack)),
        ("tcp_recovery", bit(tcp.loss_detection == LossDetection::Rack)),
        ("tcp_early_retrans", if tcp.tail_probes { "3".into() } else { "0".into() }),
        ("tcp_comp_sack_nr", bit(tcp.gather_sacks)),
        ("tcp_congestion_control", congestion.into()),
        ("tcp_fin_timeout", secs(tcp.fin_wait_2)),
        ("tcp_syn_retries", retries(tcp.syn_retries)),
        ("tcp_synack_retries", retries(tcp.syn_ack_retries)),
        ("tcp_rto_min_us", tcp.min_rto.as_micros().to_string()),
        ("tcp_rto_max_ms", tcp.max_rto.as_millis().to_string()),
        ("tcp_invalid_ratelimit", tcp.challenge_interval.as_millis().to_string()),
        ("tcp_rmem", format!("4096 {} {}", u64::from(tcp.receive_window) * 2, tcp.receive_window_max)),
        ("tcp_wmem", format!("4096 {} {}", connection.send_buffer, connection.send_buffer_max)),
    ]
}

/// Where two profiles differ: from their fields as they print themselves, so that none is forgotten.
fn differences(base: &Profile, target: &Profile) -> Vec<String> {
    let parts = [
        (format!("{:#?}", base.host), format!("{:#?}", target.host)),
        (format!("{:#?}", base.listen), format!("{:#?}", target.listen)),
    ];
    let mut differences = Vec::new();
    for (base, target) in parts {
        let (base, target) = (fields(&base), fields(&target));
        let paths: BTreeSet<&String> = base.keys().chain(target.keys()).collect();
        for path in paths {
            let [usual, chosen] = [&base, &target].map(|of| of.get(path).map_or("none", String::as_str));
            if usual != chosen {
                differences.push(format!("{path}: {chosen} instead of {usual}"));
            }
        }
    }
    differences
}

/// Each field by its path, and its value, of what prints itself in many lines. The items of a list have one path.
fn fields(printed: &str) -> BTreeMap<String, String> {
    let mut path: Vec<&str> = Vec::new();
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for line in printed.lines().map(str::trim) {
        let (name, value) = line.split_once(": ").unwrap_or(("", line));
        if value.ends_with(['{', '(', '[']) {
            path.push(name);
        } else if line.starts_with(['}', ')', ']']) {
            path.pop();
        } else {
            let full: Vec<&str> =
                path.iter().copied().chain([name]).filter(|name| !name.is_empty()).collect();
            let values = fields.entry(full.join(".")).or_default();
            values.push_str(if values.is_empty() { "" } else { ", " });
            values.push_str(value.trim_end_matches(','));
        }
    }
    fields
}
