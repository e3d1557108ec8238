//! What a run under the library is set to: a policy, and settings beside it.
//!
//! ```text
//!   None                          the default
//!   Some("lifo-first")            HEAPMM_POLICY=lifo-first
//!   Some("fast,cache=off")        HEAPMM_POLICY=fast HEAPMM_CONF=cache=off
//! ```

use heapmm_core::policy::POLICIES;

/// The configuration without any accelerator.
pub const LITERAL: Option<&str> = Some("implicit-first");

/// The default policy with its caches squeezed to nothing: every call goes to the slabs and the heap.
pub const UNCACHED: Option<&str> = Some("fast,cache=off");

/// New blocks and freed ones are filled with junk, which sees every call.
pub const FILLED: Option<&str> = Some("fast,fill=junk");

/// Free looks late at what it gets, as in a large heap of one thread.
pub const LATE: Option<&str> = Some("fast,late=0");

/// Every process is checked for leaks when it ends.
pub const CHECKED: Option<&str> = Some("fast,leaks=exit");

/// Neighbours are merged when a search has failed, and not before.
pub const DEFERRED: Option<&str> = Some("lifo-first,coalesce=deferred");

/// The default, the literal configuration, and the default without its caches.
pub const THREE: [Option<&str>; 3] = [None, LITERAL, UNCACHED];

/// The policies with an engine of their own.
pub fn designs() -> impl Iterator<Item = Option<&'static str>> {
    POLICIES.iter().filter(|row| !row.policy.is_tagged()).map(|row| Some(row.name))
}

/// All that differs in kind: the three, late looks, deferred merging, junk, and every design.
pub fn every_kind() -> impl Iterator<Item = Option<&'static str>> {
    THREE.into_iter().chain([LATE, DEFERRED, FILLED]).chain(designs())
}

/// The policy of a setup, as reports name it.
pub fn policy_of(setup: Option<&str>) -> &str {
    setup.map_or("fast", |text| text.split(',').next().unwrap_or(text))
}

/// The variables of the environment that make a setup.
pub fn variables(setup: Option<&str>) -> Vec<(&'static str, String)> {
    let Some(text) = setup else { return Vec::new() };
    let (policy, settings) = text.split_once(',').unwrap_or((text, ""));
    let pairs = [("HEAPMM_POLICY", policy), ("HEAPMM_CONF", settings)];
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}
