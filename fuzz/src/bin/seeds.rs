//! Writes the seeds that are made (`tcpstate_fuzz::seeds`) to `fuzz/seeds`, beside those that were written by hand.
//! With `--check` it writes nothing, and fails if one of them is not what it would write.

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use tcpstate_fuzz::seeds;

/// What the names of these files begin with.
const MADE: &str = "made-";

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument != "--check") {
        eprintln!("usage: seeds [--check]");
        return Ok(ExitCode::from(2));
    }
    let only_check = !arguments.is_empty();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut captures = Vec::new();
    for entry in fs::read_dir(package.join("../tests/captures"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pcapng")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            captures.push((name.to_owned(), fs::read(&path)?));
        }
    }
    captures.sort();
    let mut is_same = true;
    let seeds = seeds::all(&captures);
    for target in tcpstate_fuzz::TARGETS {
        let folder = package.join("seeds").join(target);
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(made) = name.strip_prefix(MADE) else { continue };
            if !seeds.contains_key(&(target, made.to_owned())) {
                is_same = false;
                println!("not made any more: {}", entry.path().display());
                if !only_check {
                    fs::remove_file(entry.path())?;
                }
            }
        }
    }
    for ((target, name), octets) in &seeds {
        let folder = package.join("seeds").join(target);
        let path = folder.join(format!("{MADE}{name}"));
        if fs::read(&path).is_ok_and(|there| there == *octets) {
            continue;
        }
        is_same = false;
        println!("{}: {}", if only_check { "not as it would be made" } else { "made" }, path.display());
        if !only_check {
            fs::create_dir_all(&folder)?;
            fs::write(&path, octets)?;
        }
    }
    println!("{} seeds", seeds.len());
    Ok(if is_same || !only_check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
