//! From an input on which a target breaks to a capture with comments and scripts of the packetdrill language; prints what
//! happened as a ladder.
//!
//! ```sh
//! cargo run --manifest-path fuzz/Cargo.toml --features tools --bin reproduce -- TARGET INPUT [--out DIR]
//! ```
//!
//! It exits with 1 if the input breaks the target, with 0 if it does not, and with 2 if it was not understood.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use tcpstate_fuzz::TARGETS;
use tcpstate_fuzz::reproduce::reproduce;

fn main() -> ExitCode {
    match tell(env::args().skip(1)) {
        Ok(true) => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("reproduce: {why}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    format!("usage: reproduce TARGET INPUT [--out DIR]\ntargets: {}", TARGETS.join(" "))
}

fn tell(mut arguments: impl Iterator<Item = String>) -> Result<bool, String> {
    let (mut plain, mut out, mut break_after) = (Vec::new(), PathBuf::from("."), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => out = arguments.next().ok_or("--out wants a folder")?.into(),
            // Breaks on purpose, to try what comes of it.
            "--break-after" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                break_after = Some(number.ok_or("--break-after wants a number of entries")?);
            }
            "-h" | "--help" => {
                println!("{}", usage());
                return Ok(false);
            }
            option if option.starts_with('-') => return Err(format!("no option {option}\n{}", usage())),
            _ => plain.push(argument),
        }
    }
    let [target, input] = plain.as_slice() else {
        return Err(format!("two arguments are wanted\n{}", usage()));
    };
    let octets = fs::read(input).map_err(|error| format!("{input}: {error}"))?;
    let made = reproduce(target, &octets, break_after)
        .ok_or_else(|| format!("there is no target {target}\n{}", usage()))?;
    if let Some(picture) = &made.picture {
        println!("{picture}");
    }
    let name = Path::new(input).file_name().map_or("input".into(), |name| name.to_string_lossy());
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    for (ending, octets) in &made.files {
        let path = out.join(format!("{target}-{name}{ending}"));
        fs::write(&path, octets).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("written: {}", path.display());
    }
    for note in &made.notes {
        println!("{note}");
    }
    match &made.broke {
        Some(broke) => println!("BROKE: {broke}"),
        None => println!("nothing broke"),
    }
    Ok(made.broke.is_some())
}
