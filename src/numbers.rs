//! Numbers as people read them.

/// 271346 → 271,346
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let total = seconds.round() as u64;
    match total {
        0 => format!("{seconds:.1} s"),
        1..60 => format!("{total} s"),
        60..3600 => format!("{} min {} s", total / 60, total % 60),
        3600..86_400 => format!("{} h {} min", total / 3600, total % 3600 / 60),
        _ => format!("{} d {} h", total / 86_400, total % 86_400 / 3600),
    }
}

/// `512 B`, `3.4 kB`, `1.2 GB`.
pub fn bytes(count: u64) -> String {
    let mut size = count as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().expect("there are some");
    // What would be rounded to 1000 has the next unit.
    while let Some(next) = (size >= 999.95).then(|| units.next()).flatten() {
        (size, unit) = (size / 1000.0, next);
    }
    if unit == "B" { format!("{count} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_fitting_units() {
        let times: Vec<String> = [0.04, 59.4, 200.0, 7500.0, 273_600.0].map(duration).to_vec();
        assert_eq!(times, ["0.0 s", "59 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"]);
        let sizes: Vec<String> =
            [0, 999, 1000, 999_949, 999_950, 1_234_567_890].map(bytes).to_vec();
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.2 GB"]);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        let shown: Vec<String> = [0, 12, 123, 1234, 271_346].map(thousands).to_vec();
        assert_eq!(shown, ["0", "12", "123", "1,234", "271,346"]);
    }
}
