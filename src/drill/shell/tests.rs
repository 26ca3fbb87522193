use core::time::Duration;

use super::*;
use crate::drill::kernel::testing::World;
use crate::tcp::LossDetection;

fn run_on(world: &mut World, line: &str) -> Result<ShellOutcome, Unsupported> {
    run(&mut world.kernel, world.now, line)
}

#[track_caller]
fn refused(world: &mut World, line: &str, what: &str) {
    match run_on(world, line) {
        Err(Unsupported(why)) if why.contains(what) => {}
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn done(world: &mut World, line: &str) {
    assert_eq!(run_on(world, line), Ok(ShellOutcome::Done), "{line}");
}

#[test]
fn sysctls_of_linux_change_the_configuration_under_all_their_names() {
    let mut world = World::linux();
    done(&mut world, "sysctl -q net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0");
    done(
        &mut world,
        "../common/set_sysctls.py /proc/sys/net/ipv4/tcp_ecn=1 \\\n /proc/sys/net/ipv4/tcp_syn_retries=2",
    );
    done(&mut world, "echo 0 > /proc/sys/net/ipv4/tcp_window_scaling; sysctl -w net/ipv4/tcp_retries2=3");
    let tcp = world.kernel.profile().host.connection.tcp;
    assert!(!tcp.timestamps && !tcp.sack && !tcp.window_scaling);
    assert_eq!((tcp.ecn, tcp.syn_retries, tcp.r2.as_millis()), (crate::tcp::Ecn::Request, Some(2), 3_000));
    assert_eq!(world.kernel.profile().host.connection.tcp, tcp);
}

#[test]
fn a_value_with_blanks_is_one_word_in_quotes() {
    let mut world = World::linux();
    done(&mut world, "sysctl -q net.ipv4.tcp_rmem=\"4096 131072 6291456\"");
    let tcp = world.kernel.profile().host.connection.tcp;
    assert_eq!((tcp.receive_window, tcp.receive_window_max), (44 * 1460, 6_291_456));
}

#[test]
fn a_sysctl_that_is_not_known_is_named() {
    let mut world = World::linux();
    refused(&mut world, "sysctl -q net.ipv4.tcp_unheard_of=1", "net.ipv4.tcp_unheard_of=1");
    refused(&mut world, "sysctl -q net.ipv4.tcp_frto=0", "net.ipv4.tcp_frto=0");
    refused(&mut world, "sysctl -q net.ipv4.tcp_congestion_control=bbr", "bbr");
    let mut world = World::freebsd();
    refused(&mut world, "sysctl -w net.inet.tcp.unheard_of=1", "net.inet.tcp.unheard_of");
    refused(&mut world, "sysctl net.ipv4.tcp_sack=1", "net.ipv4.tcp_sack");
}

#[test]
fn switches_of_loss_recovery_are_choices_of_the_machine() {
    let mut world = World::linux();
    for line in [
        "tcp_recovery=0",
        "tcp_early_retrans=0",
        "tcp_dsack=0",
        "tcp_comp_sack_nr=0",
        "tcp_invalid_ratelimit=0",
    ] {
        done(&mut world, &format!("sysctl -q net.ipv4.{line}"));
    }
    let tcp = world.kernel.profile().host.connection.tcp;
    assert_eq!((tcp.loss_detection, tcp.tail_probes), (LossDetection::Sack, false));
    assert_eq!((tcp.d_sack, tcp.gather_sacks, tcp.challenge_interval), (false, false, Duration::ZERO));
    for line in [
        "tcp_recovery=1",
        "tcp_early_retrans=3",
        "tcp_dsack=1",
        "tcp_comp_sack_nr=44",
        "tcp_invalid_ratelimit=500",
    ] {
        done(&mut world, &format!("sysctl -q net.ipv4.{line}"));
    }
    assert_eq!(world.kernel.profile().host.connection.tcp, Profile::linux().host.connection.tcp);
}

#[test]
fn what_only_prepares_a_machine_is_passed_over_and_the_rest_is_named() {
    let mut world = World::linux();
    for line in [
        "./defaults.sh",
        "../common/defaults.sh\n",
        "/tmp/sysctl_restore_${PPID}.sh",
        "nstat -n | grep TcpExtTCPLossProbes > /dev/null 2>&1",
        "tc qdisc replace dev tun0 root pfifo",
        "ethtool -K tun0 gso off",
        "ip tcp_metrics flush all > /dev/null 2>&1",
        "true # a comment",
        "false || true",
        "echo ready",
    ] {
        done(&mut world, line);
    }
    assert!(matches!(run_on(&mut world, "false && true"), Ok(ShellOutcome::Failed(_))));
    for line in [
        "ip route change 192.0.2.0/24 dev tun0 initcwnd 3",
        "tc qdisc add dev tun0 root netem loss 10%",
        "sleep 1",
        "iptables -A INPUT -j DROP",
        "echo `date`",
        "python -c 'print(1)'",
        "cat /etc/hosts | grep 1",
        "echo 1 > /tmp/file",
        "sleep 1 &",
    ] {
        refused(&mut world, line, "shell");
    }
}

#[test]
fn sockstat_counts_connections_by_state() {
    let mut world = World::freebsd();
    let id = world.accepted();
    done(&mut world, "sockstat -4 -P tcp -p 8080 -s | grep -c ESTABLISHED | grep 1");
    done(&mut world, "sockstat -4 -l -P tcp -s | grep -c LISTEN | grep 1");
    assert!(matches!(
        run_on(&mut world, "sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep 0"),
        Ok(ShellOutcome::Failed(_))
    ));
    world.call("close(4) = 0").carry();
    done(&mut world, "sockstat -4 -P tcp -s | grep -c FIN_WAIT_2 | grep -q 1");
    world.peer_closes(id);
    done(&mut world, "sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 1");
    done(&mut world, "sockstat -6 -P tcp -s | grep -c TIME_WAIT | grep 0");
    done(&mut world, "tcpdrop -s TIME_WAIT && sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 0");
    refused(&mut world, "sockstat -4 -P tcp -s | awk '{print}'", "awk");
}

#[test]
fn a_sysctl_reaches_connections_and_listeners_that_there_are() {
    let mut world = World::linux();
    world.accepted();
    done(&mut world, "sysctl -q net.ipv4.tcp_fin_timeout=7");
    assert_eq!(world.kernel.fin_wait_2(4).map(|span| span.as_secs()), Some(7));
    world.peer_connects();
    world.call("accept(3, ..., ...) = 5");
    assert_eq!(world.kernel.fin_wait_2(5).map(|span| span.as_secs()), Some(7));
}

#[test]
fn the_key_of_fast_open_is_four_words() {
    let mut world = World::linux();
    done(&mut world, "sysctl -q net.ipv4.tcp_fastopen_key=01020304-05060708-090a0b0c-0d0e0f10");
    let key = [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13];
    let cookies = crate::host::FastOpenCookies::OfAddresses(key);
    assert_eq!(world.kernel.profile().listen.fast_open_cookies, cookies);
    let odd = run_on(&mut world, "sysctl -q net.ipv4.tcp_fastopen_key=12");
    assert!(matches!(odd, Ok(ShellOutcome::Failed(_))));
}

#[test]
fn what_sysctl_does_not_take_is_named() {
    let mut world = World::freebsd();
    for line in [
        "-wQ net.inet.tcp.sack.enable=0",
        "-zork net.inet.tcp.sack.enable=0",
        ":w net.inet.tcp.sack.enable=0",
    ] {
        refused(&mut world, &format!("sysctl {line}"), "sysctl");
    }
    refused(&mut world, "sysctl net.inet.tcp.sack.enable", "net.inet.tcp.sack.enable");
    refused(&mut world, "sysctl -w net.inet.tcp.functions_default=rack", "rack");
    refused(&mut world, "nstat | grep TcpExtZork | grep 99", "nstat");
    done(&mut world, "sysctl -qw net.inet.tcp.sack.enable=0");
}
