//! The worlds that are explored.

use super::checks::Checks;
use super::engine::{Limits, explore, most_memory};
use super::rules::Rules;

fn run(rules: &Rules, limits: Limits) {
    match explore(rules, &Checks::NONE, limits) {
        Ok((figures, took)) => {
            println!(
                "{}: {figures:?} in {:.1} s, {} MB",
                rules.name,
                took.as_secs_f64(),
                most_memory().unwrap_or(0)
            );
        }
        Err(unfinished) => panic!("{unfinished:?}, {} MB", most_memory().unwrap_or(0)),
    }
}

#[test]
fn probe() {
    let mut rules = Rules::new("probe");
    let get = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u8>().ok());
    if let Some(n) = get("DROPS") {
        rules.budget.drops = n;
    }
    if let Some(n) = get("COPIES") {
        rules.budget.copies = n;
    }
    if let Some(n) = get("REORDERS") {
        rules.budget.reorders = n;
    }
    if let Some(n) = get("FIRE") {
        rules.budget.firings = [[n; 11]; 2];
    }
    if let Some(n) = get("DELAYS") {
        rules.budget.delays = n;
    }
    if let Some(n) = get("PASSIVE") {
        rules.opens[1] = [n == 0, n > 0];
    }
    if let Some(n) = get("SLOW") {
        rules.slow_readers = n > 0;
    }
    if let Some(n) = get("WHOLE") {
        rules.whole = n > 0;
    }
    if let Some(n) = get("O0") {
        rules.octets[0] = n;
    }
    if let Some(n) = get("O1") {
        rules.octets[1] = n;
    }
    if let Some(n) = get("ABORT") {
        rules.abort = n > 0;
    }
    if let Some(n) = get("CLOSE") {
        rules.close = n > 0;
    }
    if let Some(n) = get("HALF") {
        rules.half_close = n > 0;
    }
    for config in &mut rules.config {
        if let Some(n) = get("TS") {
            config.timestamps = n > 0;
        }
        if let Some(n) = get("TLP") {
            config.tail_probes = n > 0;
        }
        if let Some(n) = get("SACK") {
            config.sack = n > 0;
        }
        if let Some(n) = get("PACE") {
            config.pacing = n > 0;
        }
        if let Some(n) = get("RENO") {
            if n > 0 {
                config.congestion = tcpstate::tcp::CongestionAlgorithm::NewReno;
            }
        }
        if let Some(n) = get("FIXED") {
            if n > 0 {
                config.receive_window_max = 0;
            }
        }
        if let Some(n) = get("DELACK") {
            config.ack_delay = std::time::Duration::from_millis(n.into());
        }
    }
    run(
        &rules,
        Limits {
            visits: std::env::var("MOST").ok().and_then(|v| v.parse().ok()).unwrap_or(3_000_000),
            ..Limits::default()
        },
    );
}
