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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let shown: Vec<String> = [0, 12, 123, 1234, 271_346].map(thousands).to_vec();
        assert_eq!(shown, ["0", "12", "123", "1,234", "271,346"]);
    }
}
