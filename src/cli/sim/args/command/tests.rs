use super::*;

fn parsed(command: &str) -> SimArgs {
    let words = command.split_whitespace().skip(1);
    Alone::try_parse_from(words).expect("the command is understood").args
}

#[test]
fn what_is_written_down_is_the_same_command() {
    for (options, written) in [
        ("", "--bytes 1MB --seed 1 --delay 10ms --congestion cubic"),
        ("--bytes 10000000 --delay 1.5s", "--bytes 10MB --seed 1 --delay 1500ms --congestion cubic"),
        (
            "--rate 0.1gbit",
            "--bytes 1MB --seed 1 --delay 10ms --rate 100mbit --queue 256KiB --congestion cubic",
        ),
        ("--loss 0.001 --delay 0", "--bytes 1MB --seed 1 --delay 0 --loss 0.1% --congestion cubic"),
        ("--ipv6 --close both", "--bytes 1MB --seed 1 --delay 10ms --congestion cubic --close both --ipv6"),
        (
            "--reorder 5% --reorder-by 2500us",
            "--bytes 1MB --seed 1 --delay 10ms --reorder 5% --reorder-by 2500us --congestion cubic",
        ),
        ("--svg x.svg --svg-from 1s --pcap x.pcapng", "--bytes 1MB --seed 1 --delay 10ms --congestion cubic"),
    ] {
        let line = parsed(&format!("tcpstate sim {options}")).command_line();
        assert_eq!(line, format!("tcpstate sim {written}"), "{options}");
        assert_eq!(parsed(&line).command_line(), line);
    }
}

#[test]
fn every_option_that_decides_what_happens_is_written_down() {
    let command = "tcpstate sim --bytes 1B --back 2B --seed 3 --delay 4ns --jitter 5us --rate 6bit --queue 7B --mark-above 7B --loss 8% \
                   --burst-loss 9% --burst-length 10 --reorder 11% --reorder-by 12s --duplicate 13% --corrupt 14% --mtu 1005 \
                   --path-mtu 1006 --window 17KiB --min-rto 18ms --time-wait 19s --congestion newreno --ecn request --close b --no-pacing --ipv6";
    let words = |command: &str| {
        command.split_whitespace().map(|word| word.trim_end_matches('B').to_string()).collect()
    };
    let (asked, written): (Vec<String>, Vec<String>) =
        (words(command), words(&parsed(command).command_line()));
    let mut known: Vec<_> = <Alone as clap::CommandFactory>::command()
        .get_arguments()
        .filter_map(|arg| arg.get_long().map(str::to_string))
        .collect();
    known.retain(|name| {
        !["svg", "svg-from", "svg-to", "pcap", "transitions", "format"].contains(&name.as_str())
    });
    for name in known {
        assert!(asked.contains(&format!("--{name}")), "the test leaves --{name} out");
    }
    assert_eq!(asked, written);
}
