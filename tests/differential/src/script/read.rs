//! Scripts from text, in the form in which they are printed.

use super::{Acked, LETTERS, Options, Place, Role, Script, Segment, Step};
use crate::packet::Damage;
use std::str::FromStr;

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, steps) = text.split_once(" :").ok_or("no colon before the steps")?;
        let mut script = Self { seed: 1, role: Role::Client, iss: 0, buffer: 4_096, steps: Vec::new() };
        for word in head.split_whitespace() {
            match word.split_once('=') {
                None if word == "client" => script.role = Role::Client,
                None if word == "server" => script.role = Role::Server,
                Some(("iss", value)) => script.iss = number(value)?,
                Some(("buffer", value)) => script.buffer = number(value)?,
                _ => return Err(format!("what is {word}?")),
            }
        }
        script.steps = steps.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(script)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number that does"))
}

impl FromStr for Step {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word.split_once('=') {
            None if word == "shutdown" => Self::Shutdown,
            None if word == "abort" => Self::Abort,
            Some(("send", value)) => Self::Send(number(value)?),
            Some(("recv", value)) => Self::Receive(number(value)?),
            Some(("wait", value)) => Self::Wait(number(value)?),
            _ => Self::Segment(word.parse()?),
        })
    }
}

impl FromStr for Segment {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let mut parts = word.split(',');
        let first = parts.next().unwrap_or_default();
        let at = first.find(['+', '-', '/']).ok_or_else(|| format!("{word}: where does it begin?"))?;
        let (letters, place) = first.split_at(at);
        let mut segment = Self { ack: None, ..Self::default() };
        for letter in letters.chars().filter(|letter| *letter != '.') {
            let known = LETTERS.iter().find(|(_, known)| *known == letter);
            segment.flags |= known.ok_or_else(|| format!("{word}: what is {letter}?"))?.0;
        }
        segment.seq = match place.strip_prefix("/edge") {
            Some(by) => Place::Edge(number(by)?),
            None => Place::Next(number(place)?),
        };
        parts.try_for_each(|part| segment.take(part))?;
        Ok(segment)
    }
}

impl Segment {
    fn take(&mut self, part: &str) -> Result<(), String> {
        if part == "ack" {
            self.ack = Some(Acked::All(0));
        } else if let Some(by) = part.strip_prefix("ack") {
            self.ack = Some(Acked::All(number(by)?));
        } else if let Some(by) = part.strip_prefix("una") {
            self.ack = Some(Acked::Old(number(by)?));
        } else {
            match part.split_once('=') {
                Some(("len", value)) => self.len = number(value)?,
                Some(("wnd", value)) => self.window = number(value)?,
                Some(("urg", value)) => self.urgent = number(value)?,
                Some(("mss", value)) => self.options = Options::Mss(number(value)?),
                _ => return self.take_word(part),
            }
        }
        Ok(())
    }

    fn take_word(&mut self, part: &str) -> Result<(), String> {
        match part {
            "usual" => self.options = Options::Usual,
            "unknown" => self.options = Options::Unknown,
            "lengthzero" => self.options = Options::LengthZero,
            "toolong" => self.options = Options::TooLong,
            "timestamps" => self.options = Options::Timestamps,
            "forged" => self.forged = true,
            "bad-checksum" => self.damage = Some(Damage::Checksum),
            "bad-octet" => self.damage = Some(Damage::Octet),
            "bad-offset" => self.damage = Some(Damage::Offset),
            _ => return Err(format!("what is {part}?")),
        }
        Ok(())
    }
}
