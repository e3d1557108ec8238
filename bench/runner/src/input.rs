//! Inputs that are made rather than committed: text, JSON, an image, a manual and a
//! git repository. The same bytes on every machine.

use crate::place;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// Xorshift, so that the inputs need no package.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.roll() >> 16) % bound
    }

    /// Common words are short and few, rare ones long and many.
    fn word(&mut self) -> String {
        const SYLLABLES: [&str; 12] =
            ["ka", "lo", "mi", "ren", "tas", "u", "bel", "dor", "fi", "sen", "wa", "zu"];
        let spread = 10u64.pow(1 + self.below(4) as u32);
        let mut rank = self.below(spread) + 12;
        let mut word = String::new();
        while rank > 0 {
            word.push_str(SYLLABLES[(rank % 12) as usize]);
            rank /= 12;
        }
        word
    }

    fn line(&mut self, words: u64) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

/// Makes whatever is missing.
pub fn make() -> Result<()> {
    let folder = place::made();
    fs::create_dir_all(&folder)?;
    once(&folder.join("words.txt"), || Ok(words().into_bytes()))?;
    once(&folder.join("people.json"), people)?;
    once(&folder.join("photo.ppm"), || Ok(photo()))?;
    once(&folder.join("manual.man"), || Ok(manual().into_bytes()))?;
    let repository = folder.join("repository");
    if place::program("git").is_some() && !repository.join("made").exists() {
        make_repository(&repository)?;
    }
    Ok(())
}

fn once(path: &Path, contents: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
    if !path.exists() {
        let bytes = contents()?;
        fs::write(path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn words() -> String {
    let mut dice = Dice(11);
    (0..12_000).map(|_| dice.line(8) + "\n").collect()
}

fn people() -> Result<Vec<u8>> {
    let mut dice = Dice(12);
    let rows: Vec<_> = (0..6000)
        .map(|id| {
            let tags: Vec<_> = (0..dice.below(8)).map(|_| dice.word()).collect();
            let city = format!("city {}", dice.below(200));
            serde_json::json!({"id": id, "name": dice.line(2), "city": city, "tags": tags, "note": dice.line(6)})
        })
        .collect();
    Ok(serde_json::to_vec(&rows)?)
}

fn photo() -> Vec<u8> {
    let (width, height) = (1000u64, 700u64);
    let mut dice = Dice(13);
    let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            let noise = dice.below(16);
            let wave = (x * x / 300 + y * 2) % 240;
            bytes.extend([(wave + noise) as u8, ((x + y) % 240 + noise) as u8, (y % 200 + noise) as u8]);
        }
    }
    bytes
}

fn manual() -> String {
    let mut dice = Dice(14);
    let mut text = String::from(".TH MANUAL 1\n");
    for chapter in 0..60 {
        let _ = writeln!(text, ".SH Chapter {chapter} {}", dice.line(3));
        for _ in 0..8 {
            let _ = writeln!(text, ".PP\n{}\n.I {}\n{}", dice.line(60), dice.word(), dice.line(40));
        }
    }
    text
}

/// A history of 250 commits over 120 files, written through git's own importer.
fn make_repository(folder: &Path) -> Result<()> {
    let mut dice = Dice(15);
    let mut files: Vec<Vec<String>> = (0..120).map(|_| (0..80).map(|_| dice.line(7)).collect()).collect();
    let mut stream = String::new();
    for commit in 0..250u64 {
        let _ = writeln!(stream, "commit refs/heads/main");
        let _ = writeln!(stream, "committer A <a@example.org> {} +0000", 1_600_000_000 + commit * 3600);
        let message = dice.line(5);
        let _ = writeln!(stream, "data {}\n{message}", message.len());
        for _ in 0..4 {
            let at = dice.below(120) as usize;
            let line = dice.below(80) as usize;
            files[at][line] = dice.line(7);
            let body = files[at].join("\n") + "\n";
            let _ = writeln!(stream, "M 100644 inline d{}/f{at}.txt\ndata {}\n{body}", at % 9, body.len());
        }
    }
    let source = place::scratch().join("import");
    fs::write(&source, &stream)?;
    git(Command::new("git").args(["init", "-q", "--bare", "-b", "main"]).arg(folder))?;
    git(Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["fast-import", "--quiet"])
        .stdin(File::open(&source)?))?;
    fs::remove_file(&source)?;
    fs::write(folder.join("made"), "")?;
    Ok(())
}

fn git(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status()?;
    if !status.success() {
        bail!("the git repository for the git rows cannot be made: {status}");
    }
    Ok(())
}
