//! The packets of a run as a capture, with the script's lines beside them.

use super::Failure;
use super::files::Named;
use super::judge::Judged;
use super::tell;
use std::fs::File;
use std::path::{Path, PathBuf};
use tcpstate::Instant;
use tcpstate::capture::PcapngWriter;
use tcpstate::drill::Traced;

/// LINKTYPE_RAW: the packet begins with its IP header.
const RAW_IP: u32 = 101;
/// A comment has a length of 16 bits.
const LONGEST: usize = 60_000;

pub(super) struct Capture {
    path: PathBuf,
    writer: PcapngWriter<File>,
}

impl Capture {
    /// Every script has the same addresses and begins at the same moment: their packets would be one muddle.
    pub(super) fn create(path: &Path, scripts: &[Named]) -> Result<Self, Failure> {
        let [script] = scripts else {
            return Err(Failure::Usage(format!("--pcap takes one script, and here are {}", scripts.len())));
        };
        if script.is(path) {
            return Err(Failure::Usage(format!("{} cannot be both script and capture", path.display())));
        }
        if path.as_os_str() == "-" {
            return Err(Failure::Usage("--pcap wants the name of a file, and not `-`".into()));
        }
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let writer = PcapngWriter::new(file, &[RAW_IP]).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_path_buf(), writer })
    }

    /// Writes the packets of a script. Calls and notes stand with the packet that follows them, or with the last one.
    pub(super) fn write(&mut self, judged: &Judged) -> Result<(), Failure> {
        let mut last: Option<(Instant, &[u8], String)> = None;
        let mut comment = String::new();
        for entry in &judged.trace {
            let line = entry.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let told = format!("{line}{}", tell::what(entry));
            let Traced::Packet { octets, .. } = &entry.what else {
                add(&mut comment, &format!("{} {told}", tell::seconds(entry.at).trim_start()));
                continue;
            };
            add(&mut comment, &told);
            if let Some((at, octets, comment)) =
                last.replace((entry.at, octets, core::mem::take(&mut comment)))
            {
                self.packet(at, octets, &comment)?;
            }
        }
        let Some((at, octets, mut told)) = last else { return Ok(()) };
        if !comment.is_empty() {
            add(&mut told, &comment);
        }
        if let Some(why) = judged.judgement.why() {
            let line = why.line.map(|line| format!("line {line}: ")).unwrap_or_default();
            add(&mut told, &format!("{line}{}", why.message));
        }
        self.packet(at, octets, &told)
    }

    fn packet(&mut self, at: Instant, octets: &[u8], comment: &str) -> Result<(), Failure> {
        let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let written = self.writer.write_frame(at, RAW_IP, octets, len, Some(comment));
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        self.writer.finish().map_err(|error| cannot_write(&self.path, &error))?;
        Ok(())
    }
}

/// Adds a line, as long as there is room.
fn add(comment: &mut String, line: &str) {
    if comment.len() + line.len() >= LONGEST {
        return;
    }
    if !comment.is_empty() {
        comment.push('\n');
    }
    comment.push_str(line);
}

fn cannot_write(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::File(format!("cannot write {}: {error}", path.display()))
}
