use super::*;

fn with(key: &str, value: &str) -> Profile {
    let mut profile = profile();
    assert_eq!(set(&mut profile, key, value), Ok(()), "{key}={value}");
    profile
}

fn tcp(key: &str, value: &str) -> TcpConfig {
    with(key, value).host.connection.tcp
}

#[test]
fn a_host_can_be_made_with_the_profile() {
    assert!(crate::host::Host::new(profile().host, [0; 32]).is_ok());
    assert_eq!(profile().host.connection.tcp.window_scale, Some(6));
}

/// The shift grows while 65,535 octets, shifted, are less than the buffer.
#[test]
fn the_scale_follows_the_largest_buffer() {
    for (most, shift) in [(65_535, 0), (65_536, 1), (131_070, 1), (131_071, 2), (2 << 20, 6), (u32::MAX, 14)]
    {
        assert_eq!(scale_for(most), shift, "{most}");
    }
    assert_eq!(tcp("kern.ipc.maxsockbuf", "8388608").window_scale, Some(8));
}

#[test]
fn switches_change_what_they_name() {
    assert!(!tcp("net.inet.tcp.sack.enable", "0").sack);
    for (value, scaling, timestamps) in
        [("0", false, false), ("1", true, true), ("2", true, false), ("3", false, true)]
    {
        let tcp = tcp("net.inet.tcp.rfc1323", value);
        assert_eq!((tcp.window_scaling, tcp.timestamps), (scaling, timestamps));
    }
    for (value, ecn) in [("0", Ecn::Off), ("1", Ecn::Request), ("2", Ecn::Accept)] {
        assert_eq!(tcp("net.inet.tcp.ecn.enable", value).ecn, ecn);
    }
    for (value, syns, others) in [("0", true, true), ("1", false, true), ("2", true, false)] {
        let host = with("net.inet.tcp.blackhole", value).host;
        assert_eq!((host.reset_syns, host.reset_closed_ports), (syns, others));
    }
    assert!(tcp("net.inet.tcp.insecure_rst", "1").insecure_reset);
    assert!(tcp("net.inet.tcp.insecure_syn", "1").insecure_syn);
    assert!(tcp("net.inet.tcp.drop_synfin", "1").drop_syn_fin);
    assert!(tcp("net.inet.tcp.tolerate_missing_ts", "1").tolerate_missing_timestamps);
    assert!(!tcp("net.inet.tcp.icmp_may_rst", "0").heeds_errors);
    assert_eq!(tcp("net.inet.tcp.rexmit_drop_options", "1").plain_syn_after, Some(3));
    assert_eq!(tcp("net.inet.tcp.cc.algorithm", "newreno").congestion, CongestionAlgorithm::NewReno);
    assert_eq!(with("net.inet.tcp.syncookies", "0").listen.cookies, SynCookies::Off);
    assert_eq!(with("net.inet.tcp.syncookies_only", "1").listen.cookies, SynCookies::Always);
    let only = &mut with("net.inet.tcp.syncookies_only", "1");
    assert_eq!(set(only, "net.inet.tcp.syncookies", "1"), Ok(()));
    assert_eq!(only.listen.cookies, SynCookies::Always);
}

#[test]
fn times_are_in_milliseconds() {
    let millis = Duration::from_millis;
    assert_eq!(tcp("net.inet.tcp.rexmit_initial", "3000").initial_rto, millis(3_000));
    assert_eq!(tcp("net.inet.tcp.rexmit_slop", "0").rto_slop, Duration::ZERO);
    assert_eq!(tcp("net.inet.tcp.delacktime", "100").ack_delay, millis(100));
    assert_eq!(tcp("net.inet.tcp.keepinit", "10000").connect_timeout, Some(millis(10_000)));
    assert_eq!(tcp("net.inet.tcp.msl", "500").time_wait, millis(1_000));
    assert_eq!(tcp("net.inet.tcp.keepidle", "1000").keepalive.map(|keep| keep.idle), Some(millis(1_000)));
    assert_eq!(tcp("net.inet.tcp.keepcnt", "3").keepalive.map(|keep| keep.count), Some(3));
    assert_eq!(tcp("net.inet.tcp.keepintvl", "1000").fin_wait_2, millis(8_000));
    assert_eq!(tcp("net.inet.tcp.persmin", "1000").persist.map(|limits| limits.least), Some(millis(1_000)));
}

#[test]
fn sizes_are_in_octets() {
    assert_eq!(tcp("net.inet.tcp.recvspace", "20000").receive_window, 20_000);
    assert_eq!(with("net.inet.tcp.sendspace", "40000").host.connection.send_buffer, 40_000);
    assert_eq!(tcp("net.inet.tcp.mssdflt", "1000").default_mss, 1_000);
    assert_eq!(tcp("net.inet.tcp.minmss", "300").least_mss, 300);
    assert_eq!(with("net.inet.ip.ttl", "7").host.hop_limit, 7);
}

#[test]
fn what_is_not_known_is_named_and_what_is_no_number_is_refused() {
    let mut profile = profile();
    let unsupported = |words: &str| Err(SysctlError::Unsupported(words.into()));
    assert_eq!(
        set(&mut profile, "net.inet.tcp.nonsense", "1"),
        unsupported("sysctl net.inet.tcp.nonsense=1")
    );
    assert_eq!(
        set(&mut profile, "net.inet.ip.forwarding", "3"),
        unsupported("sysctl net.inet.ip.forwarding=3")
    );
    assert_eq!(
        set(&mut profile, "net.inet.tcp.functions_default", "rack"),
        unsupported("the TCP stack rack")
    );
    assert_eq!(set(&mut profile, "net.inet.ip.ttl", "0"), Err(SysctlError::Value));
    assert_eq!(
        set(&mut profile, "net.inet.tcp.cc.algorithm", "vegas"),
        unsupported("congestion control vegas")
    );
    assert_eq!(set(&mut profile, "net.inet.tcp.recvspace", "many"), Err(SysctlError::Value));
    assert_eq!(set(&mut profile, "net.inet.tcp.rfc3042", "0"), unsupported("sysctl net.inet.tcp.rfc3042=0"));
    assert_eq!(profile, super::profile());
    for harmless in
        ["net.inet.tcp.hostcache.purgenow", "kern.timecounter.alloweddeviation", "kern.ipc.tls.enable"]
    {
        assert_eq!(set(&mut profile, harmless, "1"), Ok(()));
    }
    assert_eq!(set(&mut profile, "net.inet.tcp.functions_default", "freebsd"), Ok(()));
    assert_eq!(profile, super::profile());
}
