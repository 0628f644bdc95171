// SPDX-License-Identifier: Apache-2.0
//! The backup and maintenance windows of a spec, in UTC
//! (<https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>).

/// The minutes of a day.
const DAY: u32 = 1_440;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A window in minutes since the start of its cycle: of the day, or of the week, which starts on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    start: u32,
    end: u32,
    cycle: u32,
}

impl Window {
    /// Parses a daily window: `02:00-03:00`.
    pub(super) fn daily(text: &str) -> Option<Self> {
        Self::parse(text, DAY, minutes)
    }

    /// Parses a weekly window: `sun:04:00-sun:05:00`.
    pub(super) fn weekly(text: &str) -> Option<Self> {
        Self::parse(text, 7 * DAY, |text| {
            let (day, time) = text.split_once(':')?;
            let day = DAYS.iter().position(|other| *other == day)?;
            Some(u32::try_from(day).ok()? * DAY + minutes(time)?)
        })
    }

    fn parse(text: &str, cycle: u32, parse: fn(&str) -> Option<u32>) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        Some(Self { start: parse(start)?, end: parse(end)?, cycle })
    }

    /// Returns the minutes of the window. It may include midnight or the end of the week.
    pub(super) fn length(self) -> u32 {
        (self.end + self.cycle - self.start) % self.cycle
    }

    /// Returns whether this daily window and a weekly one have a minute in common.
    pub(super) fn overlaps(self, weekly: Self) -> bool {
        let after = |from: u32, to: u32| (to + weekly.cycle - from) % weekly.cycle;
        (0..7)
            .map(|day| self.start + day * DAY)
            .any(|start| after(start, weekly.start) < self.length() || after(weekly.start, start) < weekly.length())
    }
}

/// Returns the minutes since midnight of a time such as `02:00`.
fn minutes(time: &str) -> Option<u32> {
    let number = |text: &str, most: u32| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| is_number && *number <= most)
    };
    let (hours, minutes) = time.split_once(':')?;
    Some(number(hours, 23)? * 60 + number(minutes, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_two_daily_or_weekly_times() {
        assert_eq!(Window::daily("23:30-00:15").unwrap().length(), 45);
        assert_eq!(Window::weekly("sun:23:30-mon:00:30").unwrap().length(), 60);
        for text in ["24:00-01:00", "2:00-03:00", "02:00", "sun:02:00-sun:03:00"] {
            assert_eq!(Window::daily(text), None, "{text}");
        }
        for text in ["Sun:04:00-sun:05:00", "04:00-05:00", "sun:04:00-sun:05:60"] {
            assert_eq!(Window::weekly(text), None, "{text}");
        }
    }

    #[test]
    fn a_backup_window_overlaps_with_the_maintenance_window_of_one_day() {
        let overlaps = |daily, weekly| Window::daily(daily).unwrap().overlaps(Window::weekly(weekly).unwrap());
        assert!(overlaps("04:00-05:00", "sun:04:30-sun:05:30") && overlaps("23:30-00:30", "mon:00:15-mon:01:00"));
        assert!(overlaps("02:00-02:30", "sat:23:00-sun:03:00"));
        assert!(!overlaps("02:00-03:00", "sun:03:00-sun:04:00") && !overlaps("05:00-06:00", "sun:04:00-sun:05:00"));
    }
}
