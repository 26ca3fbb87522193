//! epoll, level- and edge-triggered: Linux.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::args::{self, int};
use super::ready::{ERR, HUP, IN, OUT, RDHUP, RDNORM, WRNORM, patience};
use super::returned::{Out, Returned, Stop};
use super::socket::{Role, Standing, standing};
use super::{Errno, Kernel, Op, Progress, unsupported};
use crate::Instant;
use crate::drill::script::{Call, Field};
use crate::tcp::Tcb;

const EDGE: i64 = 1 << 31;
const ONE_SHOT: i64 = 1 << 30;
/// What can be asked for here.
const KNOWN: i64 = 0xffff | EDGE | ONE_SHOT;

/// Who watches whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoll {
    watched: BTreeMap<i64, Watch>,
}

/// A descriptor that is watched.
#[derive(Clone, Copy, Debug)]
struct Watch {
    events: i64,
    /// What comes back with its events.
    data: i64,
    /// It has reported once, and was to do so once.
    spent: bool,
    /// What had happened when it reported last; `None` before that.
    seen: Option<Happened>,
}

/// What has happened to a descriptor so far: what wakes an edge-triggered watcher is when it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// Octets, or connections, that came.
    came: u64,
    /// How often there was room again.
    room: u64,
    /// Ends: the handshake's, the peer's, the connection's, and errors.
    turned: u8,
}

/// `epoll_wait` that waits.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    epoll: i64,
    most: usize,
}

impl Kernel {
    pub(super) fn epoll_create(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 1..=1)?;
        let argument = args.int(0)?;
        if call.name == "epoll_create" && argument <= 0 {
            return Err(Errno::EINVAL.into());
        }
        let fd = self.wanted(call)?;
        self.epolls.insert(fd, Epoll::default());
        Ok(Returned::descriptor(fd))
    }

    pub(super) fn epoll_ctl(&mut self, call: &Call) -> Result<Returned, Stop> {
        let args = self.args(call, 4..=4)?;
        let (epoll, operation, fd) = (args.fd(0)?, args.int(1)?, args.fd(2)?);
        let there = self.sockets.contains_key(&fd);
        if !self.epolls.contains_key(&epoll) {
            let other = self.sockets.contains_key(&epoll);
            return Err(if other { Errno::EINVAL } else { Errno::EBADF }.into());
        }
        if self.epolls.contains_key(&fd) {
            return Err(unsupported("an epoll of epolls").into());
        }
        if !there {
            return Err(Errno::EBADF.into());
        }
        let watch = match operation {
            2 => None,
            _ => Some(self.watch(args.expr(3)?)?),
        };
        let Some(epoll) = self.epolls.get_mut(&epoll) else { return Err(Errno::EBADF.into()) };
        let known = epoll.watched.contains_key(&fd);
        match (operation, watch) {
            (1, _) if known => return Err(Errno::EEXIST.into()),
            (2 | 3, _) if !known => return Err(Errno::ENOENT.into()),
            (2, _) => {
                epoll.watched.remove(&fd);
            }
            (1 | 3, Some(watch)) => {
                epoll.watched.insert(fd, watch);
            }
            _ => return Err(Errno::EINVAL.into()),
        }
        Ok(Returned::value(0))
    }

    fn watch(&self, event: &crate::drill::script::Expr) -> Result<Watch, Stop> {
        let fields = args::fields(event).ok_or_else(|| unsupported("such an epoll_event"))?;
        args::check_names("an epoll_event", fields, &["events", "fd", "ptr", "u32", "u64"])?;
        let personality = self.personality();
        let events = match args::field(fields, "events", 0) {
            Some(events) => int(personality, events)? & 0xffff_ffff,
            None => return Err(unsupported("an epoll_event without events").into()),
        };
        if events & !KNOWN != 0 {
            return Err(unsupported(format!("the events {events:#x} of epoll")).into());
        }
        let data = fields.iter().find(|field: &&Field| field.name.as_deref() != Some("events"));
        let data = data.map_or(Ok(0), |field| int(personality, &field.value))?;
        Ok(Watch { events, data, spent: false, seen: None })
    }

    pub(super) fn epoll_wait(&mut self, now: Instant, call: &Call) -> Result<Progress, Stop> {
        let args = self.args(call, 4..=5)?;
        let (epoll, most) = (args.fd(0)?, args.int(2)?);
        if !self.epolls.contains_key(&epoll) {
            let other = self.sockets.contains_key(&epoll);
            return Err(if other { Errno::EINVAL } else { Errno::EBADF }.into());
        }
        let most = usize::try_from(most).ok().filter(|&most| most > 0).ok_or(Errno::EINVAL)?;
        let patience = patience(now, args.int(3)?);
        self.begin(now, Op::EpollWait(Wait { epoll, most }), patience)
    }

    pub(super) fn try_epoll_wait(
        &mut self,
        now: Instant,
        wait: &Wait,
        last: bool,
    ) -> Result<Option<Returned>, Stop> {
        let epoll = self.epolls.get(&wait.epoll).ok_or(Errno::EBADF)?;
        let watched: Vec<(i64, Watch)> = epoll.watched.iter().map(|(&fd, &watch)| (fd, watch)).collect();
        let mut told = Vec::new();
        for (fd, mut watch) in watched {
            if watch.spent || told.len() >= wait.most {
                continue;
            }
            let happened = self.happened(fd);
            let bits = self.bits(now, fd)?.unwrap_or(0) & (watch.events | ERR | HUP);
            if bits == 0 || !watch.wakes(happened) {
                continue;
            }
            watch.seen = Some(happened);
            watch.spent = watch.events & ONE_SHOT != 0;
            let data = Out::Int(watch.data);
            told.push(Out::Struct(alloc::vec![
                ("events", Out::Int(bits)),
                ("fd", data.clone()),
                ("ptr", data.clone()),
                ("u32", data.clone()),
                ("u64", data),
            ]));
            if let Some(kept) = self.epolls.get_mut(&wait.epoll).and_then(|epoll| epoll.watched.get_mut(&fd))
            {
                *kept = watch;
            }
        }
        if told.is_empty() {
            return Ok(last.then(|| Returned::value(0)));
        }
        Ok(Some(Returned::len(told.len()).with(1, Out::List(told))))
    }

    /// What has happened to a descriptor so far.
    fn happened(&mut self, fd: i64) -> Happened {
        let (came, turned) = self.datagram_happened(fd);
        let Some(socket) = self.sockets.get(&fd) else { return Happened::default() };
        match &socket.role {
            Role::Fresh => Happened::default(),
            Role::Datagram(_) => Happened { came, turned, ..Happened::default() },
            Role::Listener(id) => {
                Happened { came: self.host.waiting(*id) as u64 + socket.accepted, ..Happened::default() }
            }
            Role::Stream(stream) => {
                let machine = self.host.machine(stream.id);
                let standing = standing(machine, stream.connecting);
                let turns = [
                    standing != Standing::Opening,
                    standing == Standing::Over,
                    machine.is_some_and(Tcb::peer_has_closed),
                    socket.error.is_some(),
                    stream.shut_read,
                    machine.is_some_and(Tcb::has_shut_down),
                ];
                let turned = turns.iter().fold(0, |bits, &turn| bits << 1 | u8::from(turn));
                Happened { came: machine.map_or(0, Tcb::readable_to), room: stream.room_again, turned }
            }
        }
    }

    /// Nobody watches that descriptor any more: it is closed. Says whether it was an epoll itself.
    pub(super) fn close_watched(&mut self, fd: i64) -> bool {
        for epoll in self.epolls.values_mut() {
            epoll.watched.remove(&fd);
        }
        self.epolls.remove(&fd).is_some()
    }
}

impl Watch {
    /// Whether it reports what is there: level-triggered always, edge-triggered if something has happened since that it
    /// waits for.
    fn wakes(&self, happened: Happened) -> bool {
        let Some(seen) = self.seen.filter(|_| self.events & EDGE != 0) else { return true };
        let came = self.events & (IN | RDNORM | RDHUP) != 0 && happened.came != seen.came;
        let room = self.events & (OUT | WRNORM) != 0 && happened.room != seen.room;
        came || room || happened.turned != seen.turned
    }
}
