//! Spec files and saved plans on disk.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::{Diagnostic, Sources};
use regionctl_core::spec::contested::contested;
use regionctl_core::spec::load::{MAX_BYTES, Unreadable};
use regionctl_core::spec::{self, Spec};

use crate::exit::{Exit, Failed};

/// Reads one spec whole.
pub fn load(path: &Path) -> Result<Spec, Failed> {
    let mut sources = Sources::default();
    spec::read(&path.display().to_string(), &read_file, REGISTRY, &mut sources).map_err(|diagnostics| Failed {
        exit: Exit::Error,
        diagnostics,
        sources,
    })
}

/// Reads all specs before anything is done with one of them.
pub fn load_all(named: &[PathBuf]) -> Result<Vec<Spec>, Failed> {
    let specs = paths(named)?.iter().map(|path| load(path)).collect::<Result<Vec<Spec>, Failed>>()?;
    contested(&specs, REGISTRY).or(specs).map_err(Failed::errors)
}

/// The spec files that are meant: those that are named, or all regions.
pub fn paths(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    if named.is_empty() { regions() } else { Ok(named.to_vec()) }
}

/// Every file in regions/ that names a region; the others are there to be included.
fn regions() -> Result<Vec<PathBuf>, Failed> {
    let folder = Path::new("regions");
    let none = || {
        Failed::error(
            Diagnostic::new("no-spec", "there is no spec: no regions/*.yaml here names a region")
                .help("name a spec file, or go to the folder that holds regions/"),
        )
    };
    let entries = std::fs::read_dir(folder).map_err(|_| none())?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"))
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().any(|line| line.starts_with("region:"))
        })
        .collect();
    found.sort();
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// Reads a text file of a bounded size.
fn read_file(path: &str) -> Result<String, Unreadable> {
    let other = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Unreadable::Missing,
        ErrorKind::IsADirectory => Unreadable::Directory,
        _ => Unreadable::Other(error.to_string()),
    };
    let file = File::open(path).map_err(other)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(other)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    // Editors on Windows put a byte order mark in front.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8(error.utf8_error().valid_up_to()))
}

/// Writes a file whole or not at all, readable by its owner only.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    write(path, text, None)
}

/// Writes a file whole or not at all, readable by all.
pub fn write_shared(path: &Path, text: &str) -> std::io::Result<()> {
    #[cfg(unix)]
    let permissions = Some(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    #[cfg(not(unix))]
    let permissions = None;
    write(path, text, permissions)
}

/// Tries whether a file can be written, and leaves nothing behind.
pub fn try_writing(path: &Path) -> std::io::Result<()> {
    tempfile::NamedTempFile::new_in(folder_of(path)).map(drop)
}

/// The folder in which a file stands.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces a file by one with another text and the same permissions, whole or not at all.
pub fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    write(path, text, Some(std::fs::metadata(path)?.permissions()))
}

/// A link stays and what it points to is replaced; into a pipe or a device it is written.
fn write(path: &Path, text: &str, permissions: Option<std::fs::Permissions>) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return File::options().write(true).open(path)?.write_all(text.as_bytes());
    }
    let linked = std::fs::canonicalize(path);
    let path = linked.as_deref().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
