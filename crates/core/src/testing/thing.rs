// SPDX-License-Identifier: Apache-2.0
//! The kinds of the cloud in memory, `t.t` and `g.g`. Their model is a map of strings.
//!
//! Some settings have an effect: `open` and `public` are risks, and `fixed` cannot be changed in place. In live,
//! `person: pending` waits for a person, and `state` is in progress.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diff::{Diff, Phase};
use crate::kind::{Facts, Kind, Notes, Risk};

/// The settings of a resource by name. All values are texts.
pub type ThingSettings = BTreeMap<String, String>;

/// A kind, regional or global.
pub struct Thing<const GLOBAL: bool>;

/// The write operations. A variant has the name of its API operation.
#[derive(Debug, Serialize, Deserialize)]
pub enum Op {
    CreateThing { settings: ThingSettings },
    SetThing { settings: ThingSettings },
    DeleteThing,
    AskAgain,
}

/// The settings that are risks, each with its rule id.
const RISKS: [(&str, &str); 2] = [("open", "t-open"), ("public", "t-public")];

impl<const GLOBAL: bool> Kind for Thing<GLOBAL> {
    const FACTS: Facts = Facts {
        name: if GLOBAL { "g.g" } else { "t.t" },
        service: "T",
        attributes: &["id"],
        global: GLOBAL,
        inventory: &["ListThings"],
        lists: true,
        patience: Duration::from_secs(if GLOBAL { 60 } else { 7 }),
        ..Facts::DEFAULT
    };
    type Spec = ThingSettings;
    type Model = ThingSettings;
    type Op = Op;

    fn desire(_: &str, mut spec: ThingSettings, notes: &mut Notes<'_>) -> ThingSettings {
        if let Some(reason) = spec.remove("waiver") {
            for (_, rule) in RISKS {
                notes.waive(rule, &reason, "waiver");
            }
        }
        spec
    }

    fn risks(model: &ThingSettings) -> Vec<Risk> {
        let is_set = |(path, _): &(&'static str, &'static str)| model.contains_key(*path);
        let risk = |(path, rule): (&'static str, &'static str)| Risk::new(rule, path, format!("makes it {path}"));
        RISKS.into_iter().filter(is_set).map(risk).collect()
    }

    fn remove(_: &ThingSettings, out: &mut Diff<'_, Op>) {
        out.removed(Op::DeleteThing);
    }

    fn diff(want: &ThingSettings, live: Option<&ThingSettings>, out: &mut Diff<'_, Op>) {
        let mut settings = ThingSettings::new();
        let mut covers = out.creation();
        for (name, value) in want {
            let before = live.and_then(|live| live.get(name));
            let differs = out.value(name, value, before);
            if !differs.is_empty() {
                settings.insert(name.clone(), value.clone());
            }
            if name == "fixed" && before.is_some() {
                out.blocked(&differs, "it cannot be changed in place");
            }
            covers = covers.and(differs);
        }
        let is_pending = live.and_then(|live| live.get("person")).is_some_and(|person| person == "pending");
        if is_pending {
            out.waiting_again("a person must confirm it", &Op::AskAgain);
        }
        if let Some(word) = live.and_then(|live| live.get("state")) {
            out.in_progress(word.as_str());
        }
        match live {
            None => out.step(Phase::Create, covers, Op::CreateThing { settings }),
            Some(_) => out.step(Phase::Change, covers, Op::SetThing { settings }),
        }
    }
}
