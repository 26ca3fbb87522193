//! Contenders take turns.

use super::{Key, RaceArgs, Series};
use crate::clock;
use std::time::Duration;

/// Somebody who can do as much work of one kind as he is asked for.
pub(crate) trait Contender {
    fn key(&self) -> Key;

    /// Does so much work: octets carried, round trips, connections.
    fn work(&mut self, amount: u64);

    /// The least that makes sense.
    fn least(&self) -> u64 {
        1
    }
}

/// Lets contenders work in turn, each for about the same time, and says what each did in each round.
pub(crate) fn alternate(args: &RaceArgs, contenders: &mut [Box<dyn Contender>]) -> Vec<Series> {
    let amounts: Vec<u64> = contenders.iter_mut().map(|each| warm_up(each.as_mut(), args.turn())).collect();
    let mut series: Vec<Series> =
        contenders.iter().map(|each| Series { key: each.key(), values: Vec::new() }).collect();
    for _ in 0..args.rounds() {
        for ((contender, amount), series) in contenders.iter_mut().zip(&amounts).zip(&mut series) {
            let took = time(contender.as_mut(), *amount);
            series.values.push(series.key.unit.of(*amount, took));
        }
    }
    series
}

/// Works until caches are warm and buffers have their sizes, and says how much work takes so long.
fn warm_up(contender: &mut dyn Contender, turn: Duration) -> u64 {
    let mut amount = contender.least();
    loop {
        let took = time(contender, amount);
        if took * 4 >= turn {
            let scaled = amount as f64 * turn.as_secs_f64() / took.as_secs_f64();
            return (scaled as u64).max(contender.least());
        }
        amount *= 2;
    }
}

/// Of this thread alone, so that it does not matter what else the computer does.
fn time(contender: &mut dyn Contender, amount: u64) -> Duration {
    let begun = clock::computing();
    contender.work(amount);
    // It may have shown its virtual time to a stack.
    clock::release();
    clock::computing() - begun
}
