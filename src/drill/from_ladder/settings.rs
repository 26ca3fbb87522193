//! What was chosen otherwise than in a profile.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::drill::Profile;
use crate::drill::shell;
use crate::host::SynCookies;
use crate::tcp::{CongestionAlgorithm, Ecn, LossDetection, MtuProbing};

/// How a script comes to the choices of an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// The profile that it begins with.
    pub(super) profile: &'static str,
    /// Options at its top.
    pub(super) options: Vec<String>,
    /// `key=value`.
    pub(super) sysctls: Vec<String>,
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
    // A host makes its MSS from the MTU; a bare machine has one.
    let mut target = profile.clone();
    if target.host.connection.tcp.mss != base.host.connection.tcp.mss {
        target.host.mtu = target.host.connection.tcp.mss.saturating_add(headers(v6));
        target.host.connection.tcp.mss = base.host.connection.tcp.mss;
    }
    if target.host.mtu != base.host.mtu {
        settings.options.push(format!("--mtu={}", target.host.mtu));
        base.host.mtu = target.host.mtu;
    }
    // Addresses are the script's.
    base.host.addresses.clone_from(&target.host.addresses);
    let mut sysctls = shell::Sysctls::default();
    for (name, value) in candidates(&target) {
        let key = format!("net.ipv4.{name}");
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

/// What sysctls would have to be set to for these choices.
fn candidates(target: &Profile) -> Vec<(&'static str, String)> {
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
        ("ip_default_ttl", target.host.hop_limit.to_string()),
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
