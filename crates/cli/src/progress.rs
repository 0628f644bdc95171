// SPDX-License-Identifier: Apache-2.0
//! Progress on standard error: a progress bar on a terminal, one line per event otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use regionctl_aws::session::{Pause, PauseListener};
use regionctl_core::apply::Event;

use crate::output::{self, errln};

/// Shows a spinner on a terminal while regions are read. The caller clears it.
pub fn reading(regions: usize) -> ProgressBar {
    if !output::stderr_is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("Reading {}", regionctl_core::render::counted(regions, "region")));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// The progress of an apply. Clones share their state.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Shown>>);

struct Shown {
    /// None if standard error is not a terminal.
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
    failed: usize,
    running: BTreeMap<u32, String>,
    in_progress: BTreeMap<String, String>,
    paused: BTreeSet<String>,
}

impl Progress {
    /// Makes a progress that shows nothing until [`Self::start`].
    pub fn new() -> Self {
        let shown = Shown {
            bar: None,
            total: 0,
            done: 0,
            failed: 0,
            running: BTreeMap::new(),
            in_progress: BTreeMap::new(),
            paused: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(shown)))
    }

    /// Starts again with a number of steps.
    pub fn start(&self, total: usize) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (shown.total, shown.done, shown.failed) = (total, 0, 0);
        shown.running.clear();
        shown.in_progress.clear();
        shown.bar = output::stderr_is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            let template = "{spinner} {pos}/{len} {bar:20} {wide_msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
    }

    pub fn show(&self, event: &Event<'_>) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { id, address, call } => {
                shown.running.insert(*id, format!("{call} {}", address.name));
                shown.message();
            }
            Event::Done { id, address, call } => {
                shown.done += 1;
                shown.running.remove(id);
                let line = shown.line(AnsiColor::Green, "done", &format!("{address}  {call}"));
                shown.say(&line);
            }
            Event::Failed { id, address, failure } => {
                shown.failed += 1;
                shown.running.remove(id);
                let line = shown.line(AnsiColor::Red, "failed", &format!("{address}  {failure}"));
                shown.say(&line);
            }
            Event::InProgress { address, word } => {
                let word = format!("{address} is {word}");
                let before = shown.in_progress.insert(address.to_string(), word.clone());
                if before.as_ref() != Some(&word) && shown.bar.is_none() {
                    shown.say(&format!("waiting   {word}"));
                }
                shown.message();
            }
            Event::Ready { address } => {
                shown.in_progress.remove(&address.to_string());
                let line = shown.line(AnsiColor::Green, "ready", &address.to_string());
                shown.say(&line);
            }
            Event::Skipped { address, call, .. } => {
                let line = shown.line(AnsiColor::Yellow, "not tried", &format!("{address}  {call}"));
                shown.say(&line);
            }
        }
    }

    /// Prints a line above the progress bar.
    pub fn say(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).say(text);
    }

    /// Says how far the apply got: `3 calls done, 1 in progress, 12 not tried`.
    pub fn summary(&self) -> String {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Shown { total, done, failed, running, .. } = &*shown;
        let failures = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        let left = total.saturating_sub(done + failed + running.len());
        let done = regionctl_core::render::counted(*done, "call");
        format!("{done} done{failures}, {} in progress, {left} not tried", running.len())
    }

    /// Removes the progress bar.
    pub fn finish(&self) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Returns a listener for waits due to request rates. Without a progress bar, each operation is reported once.
    pub fn on_pause(&self) -> PauseListener {
        let progress = self.clone();
        Arc::new(move |Pause { call, wait }| {
            let mut shown = progress.0.lock().unwrap_or_else(PoisonError::into_inner);
            let text = format!("waiting {:.1} s for the request rate limit of {call}", wait.as_secs_f64());
            if let Some(bar) = &shown.bar {
                bar.set_message(text);
            } else if shown.paused.insert(call) {
                shown.say(&text);
            }
        })
    }
}

impl Shown {
    fn line(&self, color: AnsiColor, word: &str, rest: &str) -> String {
        let style = if output::stderr_has_color() { color.on_default() } else { Style::new() };
        format!("{style}{word:<9}{style:#} {:>3}/{}  {rest}", self.done, self.total)
    }

    fn say(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.println(output::in_charset(text));
                bar.set_position(self.done as u64);
                self.message();
            }
            None => errln!("{text}"),
        }
    }

    fn message(&self) {
        if let Some(bar) = &self.bar {
            let now: Vec<&str> = self.running.values().chain(self.in_progress.values()).map(String::as_str).collect();
            bar.set_message(now.join(", "));
        }
    }
}
