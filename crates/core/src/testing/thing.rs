//! The kinds of the cloud in memory: `t.t` and `g.g`, whose model is a mapping of texts.
//!
//! Some settings mean something: `open` and `public` are risks, `fixed` cannot be changed; `person: pending` waits for
//! a person and `state` is in progress, where live has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diff::{Diff, Phase};
use crate::kind::{Facts, Kind, Notes, Risk};

/// A resource's settings.
pub type Settings = BTreeMap<String, String>;

/// A kind; its names are the same in every region where it is global.
pub struct Thing<const GLOBAL: bool>;

/// What is done to a thing.
#[derive(Debug, Serialize, Deserialize)]
pub enum Op {
    CreateThing { settings: Settings },
    SetThing { settings: Settings },
    DeleteThing,
    AskAgain,
}

/// The settings that are risks, each with its rule.
const RISKS: [(&str, &str); 2] = [("open", "t-open"), ("public", "t-public")];

impl<const GLOBAL: bool> Kind for Thing<GLOBAL> {
    const FACTS: Facts = Facts {
        name: if GLOBAL { "g.g" } else { "t.t" },
        service: "T",
        outputs: &["id"],
        global: GLOBAL,
        inventory: &["ListThings"],
        ..Facts::DEFAULT
    };
    type Spec = Settings;
    type Model = Settings;
    type Op = Op;

    fn desire(_: &str, mut spec: Settings, notes: &mut Notes<'_>) -> Settings {
        if let Some(reason) = spec.remove("waiver") {
            for (_, rule) in RISKS {
                notes.waive(rule, &reason, "waiver");
            }
        }
        spec
    }

    fn risks(model: &Settings) -> Vec<Risk> {
        let is_there = |(path, _): &(&'static str, &'static str)| model.contains_key(*path);
        let risk = |(path, rule): (&'static str, &'static str)| Risk::new(rule, path, format!("makes it {path}"));
        RISKS.into_iter().filter(is_there).map(risk).collect()
    }

    fn remove(_: &Settings, out: &mut Diff<'_, Op>) {
        out.removed(Op::DeleteThing);
    }

    fn diff(want: &Settings, live: Option<&Settings>, out: &mut Diff<'_, Op>) {
        let mut settings = Settings::new();
        let mut covers = out.birth();
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
            out.coming(word.as_str());
        }
        match live {
            None => out.step(Phase::Create, covers, Op::CreateThing { settings }),
            Some(_) => out.step(Phase::Change, covers, Op::SetThing { settings }),
        }
    }
}
