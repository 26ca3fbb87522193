//! The search: breadth first, layer by layer, until there is no state left that was not looked at.
//!
//! Two threads take blocks of a layer and look at what may follow; then each of two others takes in what falls into its
//! half of the fingerprints, in the order of the blocks. So the result does not depend on who was faster.
//!
//! No world is kept: a state that is to be looked at is known by its way, and made anew. Those of a layer stand in the order
//! of their ways, so that each has most of its way in common with the one before.

#![allow(clippy::disallowed_methods, reason = "the search has two threads and says how long it took")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant as Clock};

use hashbrown::HashSet;

use super::checks::{Checks, Moment, Violation};
use super::finding::Finding;
use super::rules::Rules;
use super::step::Step;
use super::visited::{Key, Packed, Plain, Visit, Visited, key};
use super::world::{CALM, EXPLORED, START, World};

/// What was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// States that differ in more than in what may still go wrong.
    pub states: usize,
    /// States and budgets that were looked at: none of a state is covered by another that was met before.
    pub visits: usize,
    /// Steps that were taken, and checked.
    pub transitions: usize,
    /// Steps on the longest of all shortest paths.
    pub depth: usize,
    /// States after which nothing happens any more.
    pub ends: usize,
    /// States in which a deadline was not served, because that timer has expired as often as the bounds allow.
    pub cut: usize,
    /// Visits in the largest layer.
    pub widest: usize,
    /// Whole paths that were looked at.
    pub paths: usize,
    /// How long it was until the latest of all states, in milliseconds.
    pub millis: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { states, visits, transitions, depth, ends, cut, widest, paths, millis } = self;
        write!(
            f,
            "{states} states ({visits} with what is left), {transitions} transitions, depth {depth}, "
        )?;
        write!(
            f,
            "{ends} ends, {cut} cut, the oldest {millis} ms old, widest layer {widest}, {paths} whole paths"
        )
    }
}

/// Why an exploration says nothing: it was not finished.
#[derive(Debug)]
pub enum Unfinished {
    /// A property is broken.
    Found(Box<Finding>),
    /// There are more states than the bounds of the search allow.
    TooMany(Figures),
}

/// How much the search may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Visits at the most: two hundred octets each, or less.
    pub visits: usize,
    /// One state of so many is looked at with its whole path, by its fingerprint.
    pub paths_one_in: u64,
    /// Both halves of the search may be done at once.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { visits: 40_000_000, paths_one_in: 1024, threads: 2 }
    }
}

/// A state that is to be looked at.
struct Open {
    key: Key,
    left: Packed,
    number: u32,
}

/// A state that one of a block leads to.
struct Next {
    key: Key,
    left: Packed,
    parent: u32,
    /// Which of the steps of the parent it was.
    step: u8,
}

/// What a block has given.
#[derive(Default)]
struct Given {
    halves: [Vec<Next>; 2],
    figures: Figures,
    /// States after which nothing happens.
    ended: Vec<u32>,
    /// The first property that was broken: the state, the number of the step, which property, and why.
    broken: Option<(u32, Option<u8>, String, String)>,
}

/// A world on the way to the one that is looked at.
struct Stage {
    number: u32,
    world: World,
    /// What may follow on it.
    steps: Vec<Step>,
}

const BLOCK: usize = 512;
/// So many blocks are looked at before what they lead to is taken in.
const BATCH: usize = 64;

struct Search<'a> {
    rules: &'a Rules,
    checks: &'a Checks,
    limits: Limits,
    visited: [Visited; 2],
    /// For each visit where it came from, and by which step.
    came_from: Vec<(u32, u8)>,
    calmed: Vec<Mutex<HashSet<Key, std::hash::BuildHasherDefault<Plain>>>>,
    samples: Vec<u32>,
    figures: Figures,
}

/// Looks at everything that may happen.
pub fn explore(rules: &Rules, checks: &Checks, limits: Limits) -> Result<(Figures, Duration), Unfinished> {
    let began = Clock::now();
    let mut search = Search {
        rules,
        checks,
        limits,
        visited: Default::default(),
        came_from: Vec::new(),
        calmed: checks.calm.iter().map(|_| Mutex::default()).collect(),
        samples: Vec::new(),
        figures: Figures::default(),
    };
    let result = search.run();
    let broken = match result {
        Ok(()) => search.look_at_paths(),
        broken => broken,
    };
    broken.map(|()| (search.figures, began.elapsed()))
}

const fn half(key: &Key) -> usize {
    (key[0] >> 63) as usize
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), Unfinished> {
        let world = World::new(self.rules);
        let left = Packed::new(&world.left).expect("a budget of 3 at the most");
        let key = key(world.fingerprint(EXPLORED));
        self.visited[half(&key)].visit(key, left);
        self.came_from.push((0, 0));
        self.figures.states = 1;
        let mut layer = vec![Open { key, left, number: 0 }];
        while !layer.is_empty() {
            self.figures.widest = self.figures.widest.max(layer.len());
            layer = self.layer(layer)?;
            self.figures.depth += usize::from(!layer.is_empty());
        }
        self.figures.visits = self.came_from.len();
        self.figures.states = self.visited.iter().map(Visited::len).sum();
        Ok(())
    }

    /// All that follows on `layer`.
    fn layer(&mut self, layer: Vec<Open>) -> Result<Vec<Open>, Unfinished> {
        let mut following = Vec::new();
        for batch in layer.chunks(BLOCK * BATCH) {
            let blocks: Vec<&[Open]> = batch.chunks(BLOCK).collect();
            let mut given: Vec<Given> = self.look(&blocks);
            for given in &mut given {
                let Figures { transitions, ends, cut, millis, .. } = given.figures;
                self.figures.millis = self.figures.millis.max(millis);
                self.figures.transitions += transitions;
                self.figures.ends += ends;
                self.figures.cut += cut;
                self.samples.append(&mut given.ended);
                if let Some((number, step, property, why)) = given.broken.take() {
                    return Err(Unfinished::Found(Box::new(self.finding(number, step, property, why))));
                }
            }
            self.take_in(given, &mut following);
            if self.came_from.len() > self.limits.visits {
                self.figures.visits = self.came_from.len();
                self.figures.states = self.visited.iter().map(Visited::len).sum();
                return Err(Unfinished::TooMany(self.figures));
            }
        }
        Ok(following)
    }

    /// What each of the blocks leads to.
    fn look(&self, blocks: &[&[Open]]) -> Vec<Given> {
        let next = AtomicUsize::new(0);
        let given: Vec<Mutex<Given>> = blocks.iter().map(|_| Mutex::default()).collect();
        let work = || {
            let mut way = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(block) = blocks.get(number) else { break };
                let all = self.look_at_block(block, &mut way);
                *given[number].lock().expect("nobody panics with it") = all;
            }
        };
        let threads = self.limits.threads.min(blocks.len());
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        given.into_iter().map(|given| given.into_inner().expect("nobody panics with it")).collect()
    }

    fn look_at_block(&self, block: &[Open], way: &mut Vec<Stage>) -> Given {
        let mut given = Given::default();
        for open in block {
            if given.broken.is_some() {
                break;
            }
            // Meanwhile somebody may have come with more.
            if !self.visited[half(&open.key)].is_best(&open.key, open.left) {
                continue;
            }
            let mut at = None;
            self.go_to(open.number, way);
            let Some(stage) = way.last() else { break };
            let looked = catch_unwind(AssertUnwindSafe(|| self.look_at(open, stage, &mut at, &mut given)));
            let broken = match looked {
                Ok(broken) => broken,
                Err(panic) => Err(("panic".into(), what_it_said(&*panic))),
            };
            if let Err((property, why)) = broken {
                given.broken = Some((open.number, at, property, why));
            }
        }
        given
    }

    /// Makes the world of a visit the last of `way`, which is the way to another one of the same layer or of one before: what both
    /// have in common stays.
    fn go_to(&self, number: u32, way: &mut Vec<Stage>) {
        let stage = |number, world: World| {
            let mut steps = Vec::new();
            world.steps(self.rules, &mut steps);
            Stage { number, world, steps }
        };
        let (mut at, mut missing) = (number, Vec::new());
        // Numbers grow along a way.
        loop {
            while way.last().is_some_and(|last| last.number > at) {
                way.pop();
            }
            if at == 0 || way.last().is_some_and(|last| last.number == at) {
                break;
            }
            let (parent, step) = self.came_from[at as usize];
            missing.push((at, step));
            at = parent;
        }
        if way.is_empty() {
            way.push(stage(0, World::new(self.rules)));
        }
        for (number, step) in missing.into_iter().rev() {
            let last = &way[way.len() - 1];
            let (world, _) = last.world.take(self.rules, last.steps[usize::from(step)]);
            way.push(stage(number, world));
        }
    }

    /// Everything that may follow on one state. `at` is the step that is being looked at.
    fn look_at(
        &self,
        open: &Open,
        Stage { world: from, steps, .. }: &Stage,
        at: &mut Option<u8>,
        given: &mut Given,
    ) -> Result<(), (String, String)> {
        self.calm_down(from)?;
        if steps.is_empty() {
            given.figures.ends += 1;
            given.ended.push(open.number);
        }
        given.figures.cut += usize::from(from.is_cut());
        let passed = from.now - START;
        given.figures.millis =
            given.figures.millis.max(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        if passed > EXPLORED.time {
            return Err((
                "horizon".into(),
                format!("{passed:?} have passed: fingerprints do not look so far"),
            ));
        }
        for (number, &step) in steps.iter().enumerate() {
            let number = u8::try_from(number).expect("few steps");
            *at = Some(number);
            let (world, happened) = from.take(self.rules, step);
            given.figures.transitions += 1;
            for property in self.checks.steps {
                (property.check)(from, step, &world, &happened)
                    .map_err(|it| (it.property.to_owned(), it.why))?;
            }
            let (key, left) =
                (key(world.fingerprint(EXPLORED)), Packed::new(&world.left).expect("it only gets less"));
            let half = half(&key);
            if !self.visited[half].knows(&key, left) {
                given.halves[half].push(Next { key, left, parent: open.number, step: number });
            }
        }
        *at = None;
        Ok(())
    }

    /// The way on from a state when nothing goes wrong any more: as far as somewhere where one has been.
    fn calm_down(&self, from: &World) -> Result<(), (String, String)> {
        for (calm, known) in self.checks.calm.iter().zip(&self.calmed) {
            let mut world = (calm.begin)(self.rules, from);
            let mut been = Vec::new();
            let broken = |why: String| (calm.name.to_owned(), why);
            loop {
                if (calm.over)(&world).map_err(broken)? {
                    break;
                }
                let here = key(world.fingerprint(CALM));
                if known.lock().expect("nobody panics with it").contains(&here) {
                    break;
                }
                been.push(here);
                if been.len() > calm.most {
                    return Err(broken(format!("not over after {} steps", calm.most)));
                }
                world = (calm.next)(self.rules, &world)
                    .map_err(|Violation { property, why }| (property.to_owned(), format!("later, {why}")))?
                    .ok_or_else(|| broken("nothing is left to happen, and it is not over".into()))?;
            }
            known.lock().expect("nobody panics with it").extend(been);
        }
        Ok(())
    }

    /// Takes in what is new, each half by itself.
    fn take_in(&mut self, given: Vec<Given>, following: &mut Vec<Open>) {
        let mut halves: [Vec<Vec<Next>>; 2] = Default::default();
        for given in given {
            let [low, high] = given.halves;
            halves[0].push(low);
            halves[1].push(high);
        }
        let [low, high] = &mut self.visited;
        let [of_low, of_high] = halves;
        let fresh = |visited: &mut Visited, lists: Vec<Vec<Next>>| -> Vec<Next> {
            let new = |next: &Next| visited.visit(next.key, next.left) != Visit::Known;
            lists.into_iter().flatten().filter(new).collect()
        };
        let (low, high) = thread::scope(|scope| {
            let other = scope.spawn(|| fresh(high, of_high));
            (fresh(low, of_low), other.join().expect("nobody panics there"))
        });
        for Next { key, left, parent, step } in in_order(low, high) {
            let number = u32::try_from(self.came_from.len()).expect("fewer than 2³² visits");
            self.came_from.push((parent, step));
            if key[1] % self.limits.paths_one_in == 0 {
                self.samples.push(number);
            }
            following.push(Open { key, left, number });
        }
    }

    /// The path to a visit.
    fn path(&self, number: u32) -> Vec<Moment> {
        let mut steps = Vec::new();
        let mut at = number;
        while at != 0 {
            let (parent, step) = self.came_from[at as usize];
            steps.push(step);
            at = parent;
        }
        let mut path: Vec<Moment> = Vec::new();
        let (mut world, mut possible) = (World::new(self.rules), Vec::new());
        for step in steps.into_iter().rev() {
            world.steps(self.rules, &mut possible);
            let step = possible[usize::from(step)];
            let (after, happened) = world.take(self.rules, step);
            path.push(Moment { step, happened, after: after.clone() });
            world = after;
        }
        path
    }

    fn finding(&self, number: u32, step: Option<u8>, property: String, why: String) -> Finding {
        let mut path = self.path(number);
        let world = path.last().map_or_else(|| World::new(self.rules), |last| last.after.clone());
        let mut possible = Vec::new();
        world.steps(self.rules, &mut possible);
        let last = step.map(|step| possible[usize::from(step)]);
        let taken = last.and_then(|step| {
            // It may be what panics.
            let taken = catch_unwind(AssertUnwindSafe(|| world.take(self.rules, step)));
            taken.ok().map(|(after, happened)| Moment { step, happened, after })
        });
        let panics = last.filter(|_| taken.is_none());
        path.extend(taken);
        Finding { rules: self.rules.clone(), property, why, path, panics }
    }

    fn look_at_paths(&mut self) -> Result<(), Unfinished> {
        if self.checks.paths.is_empty() {
            return Ok(());
        }
        self.figures.paths = self.samples.len();
        let threads = self.limits.threads.max(1);
        let share = self.samples.len().div_ceil(threads).max(1);
        let search = &*self;
        let broken = thread::scope(|scope| {
            let parts: Vec<_> = search
                .samples
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().find_map(|&number| search.look_at_path(number))))
                .collect();
            parts.into_iter().find_map(|part| part.join().expect("a property of paths panics"))
        });
        broken.map_or(Ok(()), |finding| Err(Unfinished::Found(Box::new(finding))))
    }

    fn look_at_path(&self, number: u32) -> Option<Finding> {
        let path = self.path(number);
        self.checks.paths.iter().find_map(|property| {
            let why = (property.check)(self.rules, &path).err()?;
            let (rules, property) = (self.rules.clone(), property.name.to_owned());
            Some(Finding { rules, property, why, path: path.clone(), panics: None })
        })
    }
}

/// Two halves of what follows, each in the order of the ways, in one.
fn in_order(low: Vec<Next>, high: Vec<Next>) -> impl Iterator<Item = Next> {
    let place = |next: &Next| (next.parent, next.step);
    let (mut low, mut high) = (low.into_iter().peekable(), high.into_iter().peekable());
    std::iter::from_fn(move || match (low.peek(), high.peek()) {
        (Some(one), Some(other)) if place(other) < place(one) => high.next(),
        (Some(_), _) => low.next(),
        (None, _) => high.next(),
    })
}

fn what_it_said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing").to_owned()
}

/// The most memory that this process has had, in megabytes, where that can be asked.
pub fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

#[cfg(test)]
mod tests;
