//! What the sandbox keeps on disk: each service's state by region, replaced whole, never half.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::route::Route;
use crate::services::{MEMORY, Services};

/// The file's form.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// 1.
    version: u32,
    /// By service, then region.
    services: BTreeMap<String, BTreeMap<String, Value>>,
    /// The regions that have what a new account has there.
    regions: BTreeSet<String>,
}

/// The state and the file it is in.
pub(crate) struct State {
    path: Option<PathBuf>,
    _lock: Option<File>,
    kept: Kept,
    /// The services and regions that are to be kept later; none while each write is kept at once.
    deferred: Option<BTreeSet<Route>>,
}

pub(crate) enum StateError {
    InUse,
    Other(String),
}

impl State {
    pub fn in_memory() -> Self {
        Self { path: None, _lock: None, kept: Kept { version: 1, ..Kept::default() }, deferred: None }
    }

    /// Locks and reads the file. The lock goes with the process, so there is none to clear after a crash.
    pub async fn open(path: &Path, services: &Services) -> Result<Self, StateError> {
        let other = |error: std::io::Error| StateError::Other(error.to_string());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(other)?;
        }
        let lock = File::create(path.with_extension("lock")).map_err(other)?;
        lock.try_lock().map_err(|_| StateError::InUse)?;
        let kept = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StateError::Other(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept { version: 1, ..Kept::default() },
            Err(error) => return Err(other(error)),
        };
        let state = Self { path: Some(path.to_owned()), _lock: Some(lock), kept, deferred: None };
        for (service, regions) in &state.kept.services {
            for (region, view) in regions {
                services.restore(service, region, view.clone()).await.map_err(StateError::Other)?;
            }
        }
        Ok(state)
    }

    /// Says whether a region is new, and remembers it.
    pub fn is_new_region(&mut self, region: &str) -> bool {
        self.kept.regions.insert(region.to_owned())
    }

    /// Puts off keeping until [`Self::save_deferred`].
    pub fn defer(&mut self) {
        self.deferred = Some(BTreeSet::new());
    }

    /// Keeps what was put off.
    pub async fn save_deferred(&mut self, services: &Services) -> Result<(), String> {
        for route in self.deferred.take().unwrap_or_default() {
            self.save(services, &route).await?;
        }
        Ok(())
    }

    /// Keeps the state of one service in one region.
    pub async fn save(&mut self, services: &Services, route: &Route) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(deferred) = &mut self.deferred {
            deferred.insert(route.clone());
            return Ok(());
        }
        let view = services.snapshot(&route.service, route.home()).await;
        // What only the sandbox itself knows has no state of its own.
        if !view.is_null() {
            self.kept.services.entry(route.service.clone()).or_default().insert(route.home().to_owned(), view);
        }
        let own = services.snapshot(MEMORY, &route.region).await;
        self.kept.services.entry(MEMORY.to_owned()).or_default().insert(route.region.clone(), own);
        write_whole(path, &self.kept).map_err(|error| error.to_string())
    }
}

fn write_whole(path: &Path, kept: &Kept) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = std::io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut writer, kept)?;
    writer.flush()?;
    drop(writer);
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
