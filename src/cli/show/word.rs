//! Words of others in the lines of the command: names of files and commands, what a file says.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `text` with an escape for each control character: a name must not begin a line or move the cursor.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// `words` as a shell reads them back.
pub fn typed(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// The file at `path` as an argument: no option, and as a shell reads it back.
pub fn argument(path: &Path) -> String {
    match path.as_os_str().as_bytes().first() {
        Some(b'-') => quoted(Path::new(".").join(path).as_os_str()),
        _ => quoted(path.as_os_str()),
    }
}

fn quoted(word: &OsStr) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(byte);
    if !word.is_empty() && word.as_bytes().iter().all(is_plain) {
        return word.to_string_lossy().into_owned();
    }
    match word.to_str() {
        Some(text) if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => format!("$'{}'", escaped(word.as_bytes())),
    }
}

/// What stands between `$'` and `'` for `bytes`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().replace('\\', r"\\").replace('\'', r"\'");
        text += &printable(&valid);
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    #[test]
    fn control_characters_are_shown_and_other_words_are_left_alone() {
        assert_eq!(printable("a b\\c é"), "a b\\c é");
        assert_eq!(printable("a\x1b[31m\nb\t\r\u{9b}"), "a\\x1b[31m\\nb\\t\\r\\xc2\\x9b");
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        let words: [&[u8]; 8] = [
            b"plain",
            b"two words",
            b"it's",
            b"$HOME",
            b"",
            b"a\x1b[31m\nb'\\",
            b"\xff\xfe",
            "é*".as_bytes(),
        ];
        let words = words.map(OsStr::from_bytes);

        let line = typed(words);

        assert!(!line.contains(char::is_control), "{line}");
        let output = Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
        assert_eq!(output.stdout, [words.map(OsStr::as_bytes).join(&0), vec![0]].concat());
    }

    #[test]
    fn a_file_is_never_taken_for_an_option() {
        assert_eq!(argument(Path::new("-x y.hmt")), "'./-x y.hmt'");
        assert_eq!(argument(Path::new("a.hmt")), "a.hmt");
    }
}
