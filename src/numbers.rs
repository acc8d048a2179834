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

/// A share as a percentage of two or more digits that is 0 % or 100 % only where the share is 0 or
/// 1: `87 %`, `2.2 %`, `99.97 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let distance = percent.abs().min((100.0 - percent).abs());
    let decimals = match distance {
        0.0 => 0,
        // Two digits of what is missing to 0 % or 100 %.
        distance if distance < 10.0 => (1 - distance.log10().floor() as i32).clamp(0, 10) as usize,
        _ => 0,
    };
    let text = format!("{percent:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A number in so many significant digits; whole numbers up to 2⁵³ stay exact. Very small and very
/// large ones are written with a power of ten.
pub fn significant(value: f64, digits: usize) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 9_007_199_254_740_992.0 {
        return format!("{value:.0}");
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let digits = digits.max(1);
    // Rounded first: 9.996 in three digits is 10.0.
    let scientific = format!("{value:.*e}", digits - 1);
    let exponent: i32 =
        scientific.split_once('e').map_or(0, |(_, power)| power.parse().unwrap_or(0));
    if !(-4..15).contains(&exponent) {
        return scientific;
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A number in so many decimals, or as a power of ten where that would be longer than
/// 14 characters, as of a loss on its way to infinity.
pub fn fixed(value: f64, decimals: usize) -> String {
    match value.abs() {
        size if size >= 1e9 => significant(value, 3),
        size if size >= 1e5 && value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1e5 => format!("{value:.1}"),
        _ => format!("{value:.decimals$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_columns_keep_their_whole_part() {
        let shown: Vec<String> =
            [0.871_24, 12.0, 270_946.0, 270_946.52, 3.2e12].map(|v| fixed(v, 4)).to_vec();
        assert_eq!(shown, ["0.8712", "12.0000", "270946", "270946.5", "3200000000000"]);
        assert_eq!(fixed(1.234_56e30, 4), "1.23e30");
    }

    #[test]
    fn percentages_are_whole_only_where_nothing_matters_behind_the_point() {
        let shares = [0.0, 1.0, 0.8687, 0.0219, 0.5, 0.9997, 0.000_05, 0.25, 0.998, 2.0];
        let shown: Vec<String> = shares.map(percent).to_vec();
        let expected = [
            "0 %", "100 %", "87 %", "2.2 %", "50 %", "99.97 %", "0.005 %", "25 %", "99.8 %",
            "200 %",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn significant_digits_never_cut_whole_numbers() {
        for (value, digits, shown) in [
            (270_946.0, 3, "270946"),
            (0.871_24, 3, "0.871"),
            (9.996, 3, "10.0"),
            (12_345.678, 3, "12346"),
            (6.77e-50, 2, "6.8e-50"),
            (-0.5, 2, "-0.50"),
            (0.0, 2, "0"),
            (f64::INFINITY, 2, "inf"),
        ] {
            assert_eq!(significant(value, digits), shown);
        }
    }

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
