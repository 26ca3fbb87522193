//! The stacks that are compared, each as both ends of a transfer.

use clap::ValueEnum;
use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;
use tcpstate::Instant;
use tcpstate::host::SingleConfig;
use tcpstate::sim::{EndpointConfig, Fault, Measured, Path, Pattern, Reader, Span};
use tcpstate::tcp::CongestionAlgorithm;

mod pktkit;
mod smoltcp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    Tcpstate,
    Smoltcp,
    Pktkit,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::Tcpstate, Self::Smoltcp, Self::Pktkit];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcpstate => "tcpstate",
            Self::Smoltcp => "smoltcp",
            Self::Pktkit => "pktkit",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.name() == name)
    }

    /// Its version and what was chosen for it.
    pub(crate) fn settings(self, tuning: &Tuning) -> String {
        let chosen = match self {
            Self::Tcpstate => tcpstate_settings(tuning),
            Self::Smoltcp => smoltcp::settings(),
            Self::Pktkit => pktkit::settings(),
        };
        format!("{} {}: {chosen}", self.name(), version(self.name()))
    }

    /// One transfer over a path.
    pub(crate) fn run(self, path: &Path, seed: u64, span: Span, tuning: &Tuning) -> Result<Measured, String> {
        let measured = match self {
            Self::Tcpstate => {
                let ends = Path::endpoints(seed, tuned(path, tuning)).map_err(|error| error.to_string())?;
                path.measure(seed, span, ends)
            }
            Self::Smoltcp => path.measure(seed, span, smoltcp::ends(path, seed)),
            Self::Pktkit => path.measure(seed, span, pktkit::ends(path, seed)),
        };
        measured.map_err(|error| error.to_string())
    }
}

/// What is chosen for tcpstate instead of its defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tuning {
    pacing: Option<bool>,
    congestion: Option<CongestionAlgorithm>,
    min_rto: Option<Duration>,
}

/// `pacing=false,congestion=newreno,min-rto-ms=200`
impl FromStr for Tuning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut tuning = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("pacing", "true")) => tuning.pacing = Some(true),
                Some(("pacing", "false")) => tuning.pacing = Some(false),
                Some(("congestion", "cubic")) => tuning.congestion = Some(CongestionAlgorithm::Cubic),
                Some(("congestion", "newreno")) => tuning.congestion = Some(CongestionAlgorithm::NewReno),
                Some(("min-rto-ms", millis)) => {
                    let millis = millis.parse().map_err(|_| format!("`{millis}` is not a number"))?;
                    tuning.min_rto = Some(Duration::from_millis(millis));
                }
                _ => {
                    return Err(format!(
                        "`{part}` is none of pacing=BOOL, congestion=cubic|newreno, min-rto-ms=N"
                    ));
                }
            }
        }
        Ok(tuning)
    }
}

fn tuned(path: &Path, tuning: &Tuning) -> [EndpointConfig; 2] {
    path.bulk().map(|mut end| {
        let tcp = &mut end.single.tcp;
        tcp.pacing = tuning.pacing.unwrap_or(tcp.pacing);
        tcp.congestion = tuning.congestion.unwrap_or(tcp.congestion);
        tcp.min_rto = tuning.min_rto.unwrap_or(tcp.min_rto);
        end
    })
}

fn tcpstate_settings(tuning: &Tuning) -> String {
    let [sender, _] = tuned(&Path::new(Duration::ZERO, 1), tuning);
    let SingleConfig { tcp, mtu, .. } = sender.single;
    format!(
        "its defaults, buffers of 4 times what can be on the way; {:?}, window scaling {}, timestamps {}, SACK {}, MTU {mtu}, \
         pacing {}, delayed acknowledgments {:?}, RTO from {:?}, out-of-order ranges {}",
        tcp.congestion,
        tcp.window_scaling,
        tcp.timestamps,
        tcp.sack,
        tcp.pacing,
        tcp.ack_delay,
        tcp.min_rto,
        tcp.max_ranges
    )
}

/// The version that this program was built with.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).unwrap_or_default();
    after.split('"').next().unwrap_or_default()
}

/// What an end of a transfer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sends,
    Receives,
}

/// Where the ends are: the sender at `192.0.2.1`, the receiver at `192.0.2.2`.
const HOSTS: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
const PORT: u16 = 49_152;
const MTU: usize = 1_500;

fn pattern(seed: u64) -> Pattern {
    Pattern::new(seed.wrapping_mul(2))
}

/// The octets that a user sends: known by their place, so that the reader can compare.
struct Source {
    pattern: Pattern,
    position: u64,
    /// Made and not yet taken, from `taken` on.
    piece: Vec<u8>,
    taken: usize,
}

impl Source {
    fn new(seed: u64) -> Self {
        Self { pattern: pattern(seed), position: 0, piece: vec![0; 64 << 10], taken: 64 << 10 }
    }

    /// The next octets, at least one.
    fn next(&mut self) -> &[u8] {
        if self.taken == self.piece.len() {
            self.pattern.fill(self.position, &mut self.piece);
            self.position += self.piece.len() as u64;
            self.taken = 0;
        }
        &self.piece[self.taken..]
    }

    /// The stack has taken so many of them.
    fn take(&mut self, count: usize) {
        self.taken += count;
    }
}

/// What waits until the link takes it.
#[derive(Default)]
struct Outbox {
    packets: VecDeque<Vec<u8>>,
}

impl Outbox {
    fn push(&mut self, packet: Vec<u8>) {
        self.packets.push_back(packet);
    }

    fn pop(&mut self, out: &mut [u8]) -> Option<usize> {
        let packet = self.packets.pop_front()?;
        out.get_mut(..packet.len())?.copy_from_slice(&packet);
        Some(packet.len())
    }
}

/// What every wrapped stack has: what its user has read, and when it wants to be called again.
struct Common {
    reader: Reader,
    deadline: Option<Instant>,
    outbox: Outbox,
}

impl Common {
    fn new(seed: u64) -> Self {
        Self { reader: Reader::new(pattern(seed)), deadline: Some(Instant::ZERO), outbox: Outbox::default() }
    }

    /// A deadline that has come already is for the next moment: the world does not call twice at the same.
    fn wants(&mut self, now: Instant, deadline: Option<u64>) {
        self.deadline = deadline.map(|nanos| Instant::from_nanos(nanos.max(now.as_nanos() + 1_000)));
    }

    fn fault(&self) -> Option<Fault> {
        self.reader.fault()
    }
}
