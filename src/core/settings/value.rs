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

/// Fewest letters of a part of a name that says something by itself.
const LEAST_PART: usize = 4;

/// The candidate that differs from `name` by at most two edits, or shares a part with it, if there is one.
pub fn nearest(name: &[u8], candidates: &mut dyn Iterator<Item = &'static str>) -> Option<&'static str> {
    let ranked = candidates.filter_map(|c| Some((rank(name, c.as_bytes())?, c)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, c)| c)
}

/// How far `name` is from `candidate`: its edits, or more than any of them where only a part is alike.
fn rank(name: &[u8], candidate: &[u8]) -> Option<u8> {
    let whole = distance(name, candidate);
    if whole <= 2 {
        return Some(whole);
    }
    let parts =
        |text| <[u8]>::split(text, |byte| b"-_".contains(byte)).filter(|part| part.len() >= LEAST_PART);
    let nearest = parts(name).flat_map(|a| parts(candidate).map(move |b| distance(a, b))).min()?;
    (nearest <= 1).then_some(3 + nearest)
}

/// Insertions, deletions, replacements and exchanges of neighbours that lead from `a` to `b`, whose case does not
/// matter (Damerau 1964).
fn distance(a: &[u8], b: &[u8]) -> u8 {
    if a.len() > LONGEST || b.len() > LONGEST {
        return u8::MAX;
    }
    let is_same = |x: &u8, y: &u8| x.eq_ignore_ascii_case(y);
    let mut rows = [[0; LONGEST + 1]; LONGEST + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j as u8,
                (_, 0) => i as u8,
                _ => {
                    let replaced = rows[i - 1][j - 1] + u8::from(!is_same(&a[i - 1], &b[j - 1]));
                    let edited = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    let crossed =
                        i > 1 && j > 1 && is_same(&a[i - 1], &b[j - 2]) && is_same(&a[i - 2], &b[j - 1]);
                    if crossed { edited.min(rows[i - 2][j - 2] + 1) } else { edited }
                }
            };
        }
    }
    rows[a.len()][b.len()]
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
        assert_eq!(distance(b"bets", b"best"), 1);
        assert_eq!(distance(b"ELEPHANT", b"POLICY"), 8);
    }
}
