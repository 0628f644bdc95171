// SPDX-License-Identifier: Apache-2.0
//! The table of calls that `--stats` prints.

use crate::output::errln;
use comfy_table::{CellAlignment, Table, presets};
use regionctl_aws::session::Calls;

/// Prints the API calls of a session to standard error, by service and operation.
pub fn print(calls: &Calls) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["service", "operation", "calls", "attempts", "throttled"]);
    for (call, count) in calls {
        let numbers = [count.calls, count.attempts, count.throttled].map(|number| number.to_string());
        let [calls, attempts, throttled] = numbers;
        table.add_row([call.service.clone(), call.operation.clone(), calls, attempts, throttled]);
    }
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let total: u64 = calls.values().map(|count| count.calls).sum();
    errln!("{table}\n{total} calls in all");
}
