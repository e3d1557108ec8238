//! The files below a directory, as a value that can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Every path below a directory, with all that a command should repeat:
/// kind, mode and content, but no times and no inode numbers.
#[derive(PartialEq)]
pub(super) struct Tree(BTreeMap<PathBuf, Entry>);

/// What stands at one path.
#[derive(PartialEq)]
struct Entry {
    kind: &'static str,
    mode: u32,
    content: Vec<u8>,
}

impl Tree {
    /// Reads all below `folder`.
    pub(super) fn of(folder: &Path) -> Tree {
        let mut entries = BTreeMap::new();
        collect(folder, &mut entries);
        Tree(entries)
    }

    /// The first paths in which this tree is not `other`.
    pub(super) fn difference(&self, other: &Tree) -> Option<String> {
        let paths = self.0.keys().chain(other.0.keys());
        let differing: Vec<String> = paths
            .filter(|path| self.0.get(*path) != other.0.get(*path))
            .map(|path| path.display().to_string())
            .take(5)
            .collect();
        (!differing.is_empty()).then(|| format!("files: {}", differing.join(", ")))
    }
}

/// Reads one directory and those below.
fn collect(folder: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    for entry in fs::read_dir(folder).expect("a fixture can be listed") {
        let path = entry.expect("a fixture can be listed").path();
        let entry = Entry::of(&path);
        if entry.kind == "directory" {
            collect(&path, entries);
        }
        entries.insert(path, entry);
    }
}

impl Entry {
    /// Looks at one path, not through a link.
    fn of(path: &Path) -> Entry {
        let data = fs::symlink_metadata(path).expect("a fixture can be looked at");
        let kind = data.file_type();
        let (kind, content) = if kind.is_dir() {
            ("directory", Vec::new())
        } else if kind.is_symlink() {
            let target = fs::read_link(path).expect("a link can be read");
            ("link", target.into_os_string().into_encoded_bytes())
        } else if kind.is_file() {
            ("file", fs::read(path).expect("a file can be read"))
        } else if kind.is_fifo() {
            ("fifo", Vec::new())
        } else {
            ("other", Vec::new())
        };
        Entry { kind, mode: data.permissions().mode(), content }
    }
}
