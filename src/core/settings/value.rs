//! Values of settings: words, switches, sizes, times; and the nearest name for a mistyped one.

/// The meaning of `text` among `words`.
pub(super) fn word<T: Copy>(text: &[u8], words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| word.as_bytes() == text).map(|(_, meaning)| *meaning)
}

/// `on`, `1`, `true` or their opposites.
pub(super) fn switch(text: &[u8]) -> Option<bool> {
    let words = [("on", true), ("1", true), ("true", true), ("off", false), ("0", false), ("false", false)];
    word(text, &words)
}

/// A size in bytes: a number, and K, M or G behind it for powers of 1024.
pub(super) fn size(text: &[u8]) -> Option<usize> {
    let (number, unit) = number(text)?;
    let unit = word(unit, &[("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)])?;
    number.checked_mul(unit)
}

/// A time: a number with `ms` or `s` behind it.
pub(super) fn milliseconds(text: &[u8]) -> Option<u64> {
    let (number, unit) = number(text)?;
    let unit = word(unit, &[("ms", 1), ("s", 1000)])?;
    (number as u64).checked_mul(unit)
}

/// A number without a unit.
pub(super) fn plain(text: &[u8]) -> Option<u32> {
    let (number, rest) = number(text)?;
    u32::try_from(number).ok().filter(|_| rest.is_empty())
}

fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut value = 0usize;
    for digit in &text[..digits] {
        value = value.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?;
    }
    (digits > 0).then_some((value, &text[digits..]))
}

/// Longest name that is compared.
const LONGEST: usize = 24;

/// The candidate that differs from `name` by at most two edits, if there is one.
pub(super) fn nearest(name: &[u8], candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let near = candidates.map(|c| (distance(name, c.as_bytes()), c));
    near.filter(|(edits, _)| *edits <= 2).min_by_key(|(edits, _)| *edits).map(|(_, c)| c)
}

/// Insertions, deletions and replacements that lead from `a` to `b`, whose case does not matter
/// (Levenshtein 1966).
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: [usize; LONGEST + 1] = core::array::from_fn(|n| n);
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(size(b"64K"), Some(65536));
        assert_eq!(size(b"2M"), Some(2 << 20));
        assert_eq!(size(b"17"), Some(17));
        assert_eq!(size(b"K"), None);
        assert_eq!(size(b"99999999999999999999"), None);
        assert_eq!(milliseconds(b"5s"), Some(5000));
        assert_eq!(milliseconds(b"10ms"), Some(10));
        assert_eq!(milliseconds(b"10"), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance(b"POLICY", b"POLICY"), 0);
        assert_eq!(distance(b"policy", b"POLICY"), 0);
        assert_eq!(distance(b"POLIC", b"POLICY"), 1);
        assert_eq!(distance(b"STAT", b"STATS"), 1);
        assert_eq!(distance(b"ELEPHANT", b"POLICY"), 8);
    }
}
