//! Which files are meant.

use super::Failure;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// No script is nearly as large; a disk image that was named by mistake is.
const LARGEST: u64 = 16 << 20;
/// Folders in folders.
const DEEPEST: usize = 64;

/// A script and the name by which it is told of: its path as it was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    path: PathBuf,
}

impl Named {
    pub(super) fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether this is the script's file.
    pub(super) fn is(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|path| self.path.canonicalize().is_ok_and(|own| own == path))
    }

    /// The text of the script, or in a few words why there is none.
    pub(super) fn read(&self) -> Result<String, String> {
        let octets = self.octets().map_err(|error| format!("cannot be read: {error}"))?;
        if octets.len() as u64 > LARGEST {
            return Err(format!("is larger than {} MiB, which no script is", LARGEST >> 20));
        }
        // A name in a comment may be in any coding; where it is no comment, the parser says so.
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    fn octets(&self) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        // One more shows that there is more.
        if self.path == Path::new("-") {
            io::stdin().lock().take(LARGEST + 1).read_to_end(&mut octets)?;
        } else {
            fs::File::open(&self.path)?.take(LARGEST + 1).read_to_end(&mut octets)?;
        }
        Ok(octets)
    }
}

/// The scripts of these paths: files as they are, folders by what is in them.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Named>, Failure> {
    if paths.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::Usage("standard input can be read only once".into()));
    }
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Named { path: path.clone() });
            continue;
        }
        let there = fs::metadata(path).map_err(|error| Failure::Usage(cannot_open(path, &error)))?;
        if !there.is_dir() {
            found.push(Named { path: path.clone() });
            continue;
        }
        let before = found.len();
        below(path, 0, &mut found)?;
        if found.len() == before {
            return Err(Failure::Usage(format!("{}: there is no *.pkt in this folder", path.display())));
        }
    }
    Ok(found)
}

/// Adds every `*.pkt` of a folder, in order of names. Links to folders are not followed: they may lead in a circle.
fn below(folder: &Path, depth: usize, found: &mut Vec<Named>) -> Result<(), Failure> {
    if depth > DEEPEST {
        return Err(Failure::Usage(format!("{}: too many folders in folders", folder.display())));
    }
    let unreadable = |error: io::Error| Failure::Usage(cannot_open(folder, &error));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.path(), entry.file_type().map_err(unreadable)?.is_dir()));
    }
    entries.sort();
    for (path, is_folder) in entries {
        if is_folder {
            below(&path, depth + 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(Named { path });
        }
    }
    Ok(())
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
