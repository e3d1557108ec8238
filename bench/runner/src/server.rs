//! The redis row: the server runs under the side, its benchmark as the client does not.

use crate::forge::Side;
use crate::launch::{self, Cost, Running, Task};
use crate::place;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Programs that the row needs.
pub const PROGRAMS: [&str; 2] = ["redis-server", "redis-benchmark"];

/// What the client asks for: small and larger values, lists, hashes, sorted sets.
const CLIENT: &[&str] = &[
    "-n",
    "20000",
    "-r",
    "20000",
    "-c",
    "16",
    "-P",
    "16",
    "-d",
    "200",
    "-q",
    "-t",
    "set,get,lpush,lpop,sadd,hset,zadd,mset",
];

pub fn timed(side: &Side) -> Result<Cost> {
    serve(side, launch::start)?.finish()
}

pub fn traced(side: &Side) -> Result<u64> {
    serve(side, launch::start_traced)?.finish_traced()
}

/// Starts the server, runs the client to its end and asks the server to stop.
fn serve(side: &Side, start: fn(&Task, &Side) -> Result<Running>) -> Result<Running> {
    let socket = std::env::temp_dir().join(format!("heapmm-bench-{}.sock", std::process::id()));
    let path = socket.display().to_string();
    let argv = ["redis-server", "--port", "0", "--unixsocket", &path, "--save", "", "--appendonly", "no"];
    let argv = argv.iter().map(ToString::to_string).collect();
    let running = start(&Task { argv, linked: true, ..Task::default() }, side)?;
    let mut control = connected(&socket)?;
    let client = Command::new(place::program(PROGRAMS[1]).unwrap_or_else(|| PathBuf::from(PROGRAMS[1])))
        .arg("-s")
        .arg(&socket)
        .args(CLIENT)
        .stdout(Stdio::null())
        .status()
        .context("redis-benchmark cannot be started")?;
    control.write_all(b"SHUTDOWN NOSAVE\r\n")?;
    let mut rest = Vec::new();
    control.read_to_end(&mut rest)?;
    if !client.success() {
        bail!("redis-benchmark ends with {client}");
    }
    Ok(running)
}

/// A connection, as soon as the server listens.
fn connected(socket: &Path) -> Result<UnixStream> {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > patience => {
                return Err(error).context("redis-server does not listen");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
