//! `HEAPMM_FILL`: what it writes, under every kind of policy.

#![allow(clippy::expect_used)]

mod support;

use support::{Run, THREE, compile, designs};

/// Runs a case of `fill.c` with `HEAPMM_FILL=fill` under every policy that fills in its own way.
fn holds(case: &str, fill: &str) {
    for policy in THREE.into_iter().chain(designs()) {
        let run = Run::new(compile("fill", &["-fno-builtin"])).args([case]);
        run.env("HEAPMM_FILL", fill).preload(policy).run().succeeded().report();
    }
}

#[test]
fn junk_fills_a_new_block() {
    holds("junk_fills_a_new_block", "junk");
}

#[test]
fn junk_fills_a_freed_block() {
    holds("junk_fills_a_freed_block", "junk");
}

#[test]
fn junk_leaves_what_calloc_and_realloc_promise() {
    holds("junk_leaves_what_calloc_and_realloc_promise", "junk");
}

#[test]
fn zero_fills_a_new_block() {
    holds("zero_fills_a_new_block", "zero");
}

#[test]
fn junk_fills_what_realloc_adds() {
    holds("junk_fills_what_realloc_adds", "junk");
}

#[test]
fn zero_fills_what_realloc_adds() {
    holds("zero_fills_what_realloc_adds", "zero");
}
