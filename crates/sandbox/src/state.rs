// SPDX-License-Identifier: Apache-2.0
//! The sandbox's file: the state of each service by region, written atomically.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::route::Route;
use crate::services::{MEMORY, Services};

/// The contents of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    /// See [`VERSION`].
    version: u32,
    /// The state by service, then by region.
    services: BTreeMap<String, BTreeMap<String, Value>>,
    /// The regions that have the resources of a new account, such as the default VPC.
    regions: BTreeSet<String>,
}

/// The version of the file that this version of regionctl reads and writes.
const VERSION: u32 = 1;

/// Reads the contents of a file.
///
/// # Errors
/// It is not a sandbox file, or has another version.
fn parse(bytes: &[u8]) -> Result<Stored, String> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|_| "it is not a sandbox file".to_owned())?;
    if head.version != VERSION {
        return Err(format!("it has version {}; this version of regionctl reads version {VERSION}", head.version));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is damaged: {error}"))
}

/// The state and its file. Without a path nothing is saved.
pub(crate) struct State {
    path: Option<PathBuf>,
    _lock: Option<File>,
    stored: Stored,
    /// The services and regions to save later, or None to save after each write.
    deferred: Option<BTreeSet<Route>>,
}

pub(crate) enum StateError {
    InUse,
    Other(String),
}

impl State {
    pub fn in_memory() -> Self {
        Self { path: None, _lock: None, stored: Stored { version: VERSION, ..Stored::default() }, deferred: None }
    }

    /// Locks and reads the file. The operating system releases the lock when the process ends.
    pub async fn open(path: &Path, services: &Services) -> Result<Self, StateError> {
        let other = |error: std::io::Error| StateError::Other(error.to_string());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(other)?;
        }
        // A file of its own: each save replaces the state's file, and a lock on that file would be lost.
        let lock = File::create(path.with_extension("lock")).map_err(other)?;
        lock.try_lock().map_err(|_| StateError::InUse)?;
        let stored = match fs::read(path) {
            Ok(bytes) => parse(&bytes).map_err(StateError::Other)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Stored { version: VERSION, ..Stored::default() }
            }
            Err(error) => return Err(other(error)),
        };
        let state = Self { path: Some(path.to_owned()), _lock: Some(lock), stored, deferred: None };
        for (service, regions) in &state.stored.services {
            for (region, view) in regions {
                services.restore(service, region, view.clone()).await.map_err(StateError::Other)?;
            }
        }
        Ok(state)
    }

    /// Records a region, and returns whether it is new.
    pub fn is_new_region(&mut self, region: &str) -> bool {
        self.stored.regions.insert(region.to_owned())
    }

    /// Defers saving until [`Self::save_deferred`].
    pub fn defer(&mut self) {
        self.deferred = Some(BTreeSet::new());
    }

    /// Saves what was deferred, and ends the deferral.
    pub async fn save_deferred(&mut self, services: &Services) -> Result<(), String> {
        for route in self.deferred.take().unwrap_or_default() {
            self.save(services, &route).await?;
        }
        Ok(())
    }

    /// Saves the state of one service in one region, or defers it.
    pub async fn save(&mut self, services: &Services, route: &Route) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(deferred) = &mut self.deferred {
            deferred.insert(route.clone());
            return Ok(());
        }
        let view = services.snapshot(&route.service, route.home()).await;
        // A service that only the sandbox implements has no state here: it is in MEMORY.
        if !view.is_null() {
            self.stored.services.entry(route.service.clone()).or_default().insert(route.home().to_owned(), view);
        }
        let own = services.snapshot(MEMORY, &route.region).await;
        self.stored.services.entry(MEMORY.to_owned()).or_default().insert(route.region.clone(), own);
        write_whole(path, &self.stored).map_err(|error| error.to_string())
    }
}

fn write_whole(path: &Path, stored: &Stored) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = std::io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut writer, stored)?;
    writer.flush()?;
    drop(writer);
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
