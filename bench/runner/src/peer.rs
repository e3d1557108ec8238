//! Who is measured: one table row for heapmm, each peer and each floor.

/// Whom a side stands for in a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// heapmm itself: compared with the best peer.
    Ours,
    /// Counts when the best of a row is looked for.
    Peer,
    /// A synthetic lower bound: shown, never the best.
    Floor,
}

/// Where the preloadable library comes from.
pub enum Source {
    /// The allocator of the C library, so that nothing is preloaded.
    Glibc,
    /// `target/release/libheapmm.so`.
    Heapmm,
    /// A library that a Debian package installs.
    Debian { file: &'static str, package: &'static str },
    /// An archive that a package of `bench/peers` builds, linked as a library.
    Crate { package: &'static str, archive: &'static str, flags: &'static str, link: &'static [&'static str] },
    /// `load/floor.c`, compiled with one definition.
    Floor { define: &'static str },
}

pub struct Peer {
    pub name: &'static str,
    /// One line for the list and the legend.
    pub what: &'static str,
    pub source: Source,
    /// Environment of the measured program.
    pub env: &'static [(&'static str, &'static str)],
    /// Whether `--quick` measures it.
    pub quick: bool,
}

impl Peer {
    pub fn role(&self) -> Role {
        match self.source {
            Source::Heapmm => Role::Ours,
            Source::Floor { .. } => Role::Floor,
            _ => Role::Peer,
        }
    }
}

const MIMALLOC3: Source =
    Source::Crate { package: "peer-mimalloc3", archive: "libmimalloc.a", flags: "", link: &[] };

pub const PEERS: &[Peer] = &[
    Peer { name: "heapmm", what: "this project", source: Source::Heapmm, env: &[], quick: true },
    Peer { name: "glibc", what: "the C library's own", source: Source::Glibc, env: &[], quick: true },
    Peer {
        name: "je-deb",
        what: "jemalloc of Debian",
        source: Source::Debian { file: "libjemalloc.so.2", package: "libjemalloc2" },
        env: &[],
        quick: false,
    },
    Peer {
        name: "mi-deb",
        what: "mimalloc of Debian",
        source: Source::Debian { file: "libmimalloc.so.2", package: "libmimalloc2.0" },
        env: &[],
        quick: false,
    },
    Peer {
        name: "tc",
        what: "gperftools tcmalloc of Debian",
        source: Source::Debian { file: "libtcmalloc_minimal.so.4", package: "libtcmalloc-minimal4" },
        env: &[],
        quick: true,
    },
    Peer {
        name: "mi2",
        what: "mimalloc 2.3",
        source: Source::Crate { package: "peer-mimalloc2", archive: "libmimalloc.a", flags: "", link: &[] },
        env: &[],
        quick: false,
    },
    Peer { name: "mi3", what: "mimalloc 3.3", source: MIMALLOC3, env: &[], quick: true },
    Peer {
        name: "mi3n",
        what: "mimalloc 3.3 without huge pages",
        source: MIMALLOC3,
        env: &[("MIMALLOC_ALLOW_THP", "0")],
        quick: false,
    },
    Peer {
        name: "sn",
        what: "snmalloc 0.7",
        source: Source::Crate {
            package: "peer-snmalloc",
            archive: "libsnmallocshim-rust.a",
            flags: "-DNDEBUG -ftls-model=initial-exec",
            link: SNMALLOC_LINK,
        },
        env: &[],
        quick: true,
    },
    Peer {
        name: "rp",
        what: "rpmalloc 1.4",
        source: Source::Crate {
            package: "peer-rpmalloc",
            archive: "librpmalloc.a",
            flags: "-DENABLE_OVERRIDE=1",
            link: &["-lpthread"],
        },
        env: &[],
        quick: true,
    },
    Peer {
        name: "je",
        what: "jemalloc 5.3.1",
        source: Source::Crate {
            package: "peer-jemalloc",
            archive: "libjemalloc_pic.a",
            flags: "",
            link: &["-lm", "-lpthread"],
        },
        env: &[],
        quick: true,
    },
    Peer {
        name: "stack",
        what: "floor: an array of freed pointers per class",
        source: Source::Floor { define: "-DSTACK" },
        env: &[],
        quick: true,
    },
    Peer {
        name: "list",
        what: "floor: a list of freed blocks per class",
        source: Source::Floor { define: "-DLIST" },
        env: &[],
        quick: true,
    },
];

/// snmalloc's C functions carry a prefix in this build; the linker gives each a
/// second name, which costs nothing when it is called.
const SNMALLOC_LINK: &[&str] = &[
    "-Wl,--defsym,malloc=sn_malloc",
    "-Wl,--defsym,calloc=sn_calloc",
    "-Wl,--defsym,realloc=sn_realloc",
    "-Wl,--defsym,free=sn_free",
    "-Wl,--defsym,posix_memalign=sn_posix_memalign",
    "-Wl,--defsym,aligned_alloc=sn_aligned_alloc",
    "-Wl,--defsym,memalign=sn_memalign",
    "-Wl,--defsym,malloc_usable_size=sn_malloc_usable_size",
    "-Wl,--defsym,valloc=sn_valloc",
    "-Wl,--defsym,pvalloc=sn_pvalloc",
    "-Wl,--exclude-libs,libstdc++.a",
    "-static-libgcc",
    "-Wl,-Bstatic",
    "-lstdc++",
    "-Wl,-Bdynamic",
    "-lpthread",
];

/// The row of the table called `name`.
pub fn named(name: &str) -> Option<&'static Peer> {
    PEERS.iter().find(|peer| peer.name == name)
}
