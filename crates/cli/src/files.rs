// SPDX-License-Identifier: Apache-2.0
//! Reads spec files, and writes files atomically.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use regionctl_aws::kinds::REGISTRY;
use regionctl_core::diagnostic::{Diagnostic, SourceFiles};
use regionctl_core::format::{self, Document};
use regionctl_core::spec::contested::contested;
use regionctl_core::spec::load::{MAX_BYTES, Unreadable};
use regionctl_core::spec::{self, Spec};

use crate::exit::{CommandError, Exit};
use crate::regions;

/// Reads one spec with everything that it includes.
pub fn load(path: &Path) -> Result<Spec, CommandError> {
    if let Some(document) = document(path) {
        let message = format!("{} is {}, not a spec", path.display(), document.name());
        let file = path.display();
        let help = match document {
            Document::SavedPlan => format!("apply it alone: regionctl apply {file}"),
            Document::Plan => "pass the spec file".to_owned(),
            Document::Report => format!("show it with: regionctl report {file}"),
            Document::Snapshot => format!("pass the spec file, and this file with --snapshot {file}"),
            Document::Sandbox => format!("select it with: --sandbox={file}"),
        };
        return Err(CommandError::error(Diagnostic::new("not-a-spec", message).help(help)));
    }
    let mut sources = SourceFiles::default();
    spec::read(&path.display().to_string(), &read_file, REGISTRY, &mut sources).map_err(|diagnostics| CommandError {
        exit: Exit::Error,
        diagnostics,
        sources,
    })
}

/// Returns which regionctl document a file holds, if any. JSON is also YAML, so reading such a file as a spec would
/// report an error for each of its fields.
pub fn document(path: &Path) -> Option<Document> {
    let text = read_file(&path.display().to_string()).ok()?;
    if text.trim_start().starts_with('{') { format::identify(&text).ok().flatten() } else { None }
}

/// Reads all specs, and checks that no two of them manage the same resource.
pub fn load_all(named: &[PathBuf]) -> Result<Vec<Spec>, CommandError> {
    let specs = paths(named)?.iter().map(|path| load(path)).collect::<Result<Vec<Spec>, CommandError>>()?;
    for spec in &specs {
        regions::warn_if_unknown(&spec.region);
    }
    contested(&specs, REGISTRY).or(specs).map_err(CommandError::errors)
}

/// Returns the given spec files, or those of all regions if none is given.
pub fn paths(named: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    if named.is_empty() { regions() } else { Ok(named.to_vec()) }
}

/// Returns every file in regions/ that has a `region:`, sorted. The others are included by these.
fn regions() -> Result<Vec<PathBuf>, CommandError> {
    let folder = Path::new("regions");
    let none = || {
        CommandError::error(
            Diagnostic::new("no-spec", "no spec found: no file matches regions/*.yaml and has a `region:`")
                .help("pass a spec file, or run regionctl in the directory that contains regions/"),
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

/// Reads a UTF-8 file of at most [`MAX_BYTES`] bytes.
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
    // Some Windows editors write a byte order mark.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8(error.utf8_error().valid_up_to()))
}

/// Writes a file atomically, readable by its owner only.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    write(path, text, None)
}

/// Writes a file atomically, readable by everyone.
pub fn write_shared(path: &Path, text: &str) -> std::io::Result<()> {
    #[cfg(unix)]
    let permissions = Some(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    #[cfg(not(unix))]
    let permissions = None;
    write(path, text, permissions)
}

/// Checks that a file can be written, without creating it.
pub fn try_writing(path: &Path) -> std::io::Result<()> {
    temporary_beside(path).map(drop)
}

/// Returns the directory of a file; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces the text of a file atomically, and keeps its permissions.
pub fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    write(path, text, Some(std::fs::metadata(path)?.permissions()))
}

/// Writes a file atomically. The target of a symbolic link is replaced; pipes and devices are written to directly.
fn write(path: &Path, text: &str, permissions: Option<std::fs::Permissions>) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return File::options().write(true).open(path)?.write_all(text.as_bytes());
    }
    let linked = std::fs::canonicalize(path);
    let path = linked.as_deref().unwrap_or(path);
    let mut file = temporary_beside(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Creates a temporary file in the directory of `path`. Errors do not contain its name, which the user did not choose.
fn temporary_beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(std::io::Error::other(format!("the directory '{}' does not exist", folder.display())));
    }
    tempfile::NamedTempFile::new_in(folder).map_err(|error| error.kind().into())
}
