//! Replays against the figures of an independent simulator, and what a comparison says.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, Outcome, columns, command, heapmm};

/// Utilisation in per cent of each of `policies` on one generated trace.
fn utilisations(folder: &Folder, trace: &str, policies: &str, realloc: &str) -> Vec<f64> {
    let file = folder.file(trace);
    heapmm(["trace", "gen", trace, "-o", &file]).success();
    let csv =
        heapmm(["compare", &file, "--policies", policies, "--realloc", realloc, "--format", "csv"]).success();
    columns(&csv, ["utilisation"]).into_iter().map(|[share]| 100.0 * share.parse::<f64>().unwrap()).collect()
}

fn assert_near(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() <= 0.5, "{what}: {got:.2}, not {expected}");
}

#[test]
fn the_classroom_traces_use_what_the_oracle_says() {
    let folder = Folder::new();
    let policies = "implicit-first,implicit-next,implicit-best,implicit-worst,lifo-first";
    let rows = [
        ("coalescing", [99.4; 5]),
        ("binary", [53.7; 5]),
        ("binary2", [47.4; 5]),
        ("realloc", [33.3, 33.4, 33.4, 33.4, 33.4]),
        ("realloc2", [50.0; 5]),
    ];

    for (trace, expected) in rows {
        let got = utilisations(&folder, trace, policies, "copy");
        assert_eq!(got.len(), expected.len());
        for ((got, expected), policy) in got.into_iter().zip(expected).zip(policies.split(',')) {
            assert_near(got, expected, &format!("{trace} {policy}"));
        }
    }
}

#[test]
fn realloc_in_place_uses_nearly_all() {
    let folder = Folder::new();

    for (trace, expected) in [("realloc", 99.9), ("realloc2", 87.2)] {
        assert_near(utilisations(&folder, trace, "implicit-first", "in-place")[0], expected, trace);
    }
}

#[test]
fn geometric_growth_takes_more_than_exact_growth() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "random", "-o", &file]).success();
    let peak = |growth: &str| {
        let csv = heapmm(["replay", &file, "--growth", growth, "--format", "csv"]).success();
        columns(&csv, ["peak"])[0][0].parse::<u64>().unwrap()
    };

    assert!(peak("geometric") > peak("exact"));
}

#[test]
fn a_replay_gives_the_same_figures_every_time() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "steady", "--rounds", "3000", "-o", &file]).success();
    let figures = || {
        let csv = heapmm(["compare", &file, "--format", "csv"]).success();
        let names = ["policy", "utilisation", "external", "splits", "coalesces", "probes_per_allocation"];
        columns(&csv, names)
    };

    assert_eq!(figures(), figures());
}

#[test]
fn the_seed_decides_what_the_dice_show() {
    let folder = Folder::new();
    let trace = |seed: &str| {
        let file = folder.file(seed);
        heapmm(["trace", "gen", "random", "--seed", seed, "-o", &file]).success();
        std::fs::read_to_string(file).unwrap()
    };

    assert_eq!(trace("1"), trace("1"));
    assert_ne!(trace("1"), trace("2"));
}

#[test]
fn a_comparison_has_a_row_for_each_policy_and_ends_with_advice() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "random", "-o", &file]).success();

    let text = heapmm(["compare", &file, "--policies", "implicit-worst,segregated-best"]).success();

    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("implicit-worst "));
    assert!(lines[4].starts_with("Take segregated-best: "), "{text}");
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn json_has_every_figure_as_a_number() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "100\n1\n2\n1\na 0 100\nf 0\n");

    let text = heapmm(["replay", &file, "--format", "json"]).success();

    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], 1);
    let row = document["policies"][0].as_object().unwrap();
    assert_eq!(row["policy"], "segregated-best");
    assert_eq!(row["peak"], 160);
    assert!(row.iter().all(|(key, value)| key == "policy" || key == "score" || value.is_number()), "{text}");
}

#[test]
fn the_page_and_the_pictures_need_nothing_else() {
    let folder = Folder::new();
    let (file, page, sheet) = (folder.file("<a>.rep"), folder.file("a.html"), folder.file("a.svg"));
    heapmm(["trace", "gen", "binary", "-o", &file]).success();

    heapmm(["compare", &file, "--policies", "lifo-first,address-best", "--html", &page, "--svg", &sheet])
        .success();

    let page = std::fs::read_to_string(page).unwrap();
    let sheet = std::fs::read_to_string(sheet).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("&lt;a&gt;.rep"));
    assert!(sheet.starts_with("<svg ") && sheet.ends_with("</svg>\n"));
    for text in [&page, &sheet] {
        assert!(text.len() < 250_000);
        assert!(text.contains("data:image/png;base64,") && text.contains("prefers-color-scheme: dark"));
        let addresses = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http"), "something is loaded from elsewhere");
    }
}

#[test]
fn a_policy_that_takes_too_long_is_given_up_and_said() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "binary2", "-o", &file]).success();

    let outcome = heapmm(["compare", &file, "--policies", "lifo-first", "--patience", "0"]);

    assert!(outcome.stderr.contains("lifo-first: given up after 0 s"), "{outcome:?}");
    heapmm(["replay", &file, "--patience", "0"]).failure(1, "given up");
}

#[test]
fn requests_that_are_refused_are_said_and_do_not_count_as_held() {
    let folder = Folder::new();
    // The second is refused; the third makes the true peak.
    let trace = folder.write("huge.rep", "0\n3\n5\n1\na 0 1000\na 1 99999999999999\nf 0\na 2 3000\nf 2\n");

    let policies = heapmm(["compare", "--policies", "implicit-first,slab", &trace]);
    let figures = heapmm(["compare", "--policies", "implicit-first,slab", "--format", "csv", &trace]);
    let alone = heapmm(["replay", &trace]);

    let said = "heapmm: requests were refused by every policy: they do not count as held";
    assert!(policies.stderr.contains(said), "{policies:?}");
    let text = policies.success();
    assert!(text.lines().next().unwrap().contains("refused"), "{text}");
    assert!(text.ends_with("No policy served all requests: there is none to take.\n"), "{text}");
    for [utilisation, waste, refused, score] in
        columns(&figures.success(), ["utilisation", "waste", "refused", "score"])
    {
        let share = 0.0..=1.0;
        assert!(share.contains(&utilisation.parse().unwrap()) && share.contains(&waste.parse().unwrap()));
        assert!(utilisation.parse::<f64>().unwrap() > 0.01, "{utilisation}");
        assert_eq!((refused.as_str(), score.as_str()), ("1", ""));
    }
    assert!(alone.stderr.contains("refused by segregated-best"), "{alone:?}");
    assert!(alone.success().contains("  refused                  1 "));
}

#[test]
fn a_step_draws_the_blocks_and_the_free_list() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "100\n2\n4\n1\na 0 100\na 1 24\nf 0\nf 1\n");

    let text = heapmm(["step", &file, "--policy", "implicit-first", "--width", "20", "--to", "3"]).success();

    let last: Vec<&str> = text.lines().skip_while(|line| *line != "3  free 0").collect();
    assert_eq!(last[1], "  │····░░░░░░░░░░░░░███│");
    assert_eq!(last[2], "  blocks  (112) 1:32");
    assert_eq!(last[3], "  free    112@40");
    assert_eq!(last[4], "  sum     192 bytes from the system, 24 live in 1 block, 112 free in 1 block");
    assert_eq!(last.len(), 5);
}

#[test]
fn a_step_draws_free_blocks_in_the_order_of_their_list() {
    let folder = Folder::new();
    let small = ["a 0 24", "a 1 24", "a 2 100", "a 3 24", "a 4 40", "a 5 24", "f 0", "f 4", "f 2"];
    let file = folder.write("a.rep", format!("100\n6\n9\n1\n{}\n", small.join("\n")));
    let free = |policy: &str| {
        let text = heapmm(["step", &file, "--policy", policy, "--from", "9"]).success();
        text.lines().find_map(|line| line.trim().strip_prefix("free    ").map(str::to_owned)).unwrap()
    };

    assert_eq!(free("lifo-first"), "112@104 48@248 32@40", "the newest first");
    assert_eq!(free("address-first"), "32@40 112@104 48@248");
    assert_eq!(free("implicit-first"), "32@40 112@104 48@248");
    assert_eq!(free("segregated-best"), "32@40 48@248 112@104", "by size");
    assert_eq!(free("segregated-first"), "32@40 48@248 112@104", "by bin");
}

#[test]
fn every_policy_says_how_many_pages_it_touches_and_pins() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "binary", "-o", &file]).success();

    let csv = heapmm(["compare", &file, "--format", "csv"]).success();

    let rows = columns(&csv, ["policy", "page_faults", "pinned_pages", "peak"]);
    for [policy, faults, pinned, peak] in rows {
        let [faults, pinned, peak] = [faults, pinned, peak].map(|word| word.parse::<u64>().unwrap());
        assert!(
            faults > 1_100_000 / 4096 && faults * 4096 < peak + 8192,
            "{policy}: {faults} of {peak} bytes"
        );
        assert!(pinned < 10, "{policy}: nearly all is used at the peak");
    }
}

#[test]
fn a_comparison_shows_the_figures_that_are_asked_for() {
    let folder = Folder::new();
    let file = folder.file("a.rep");
    heapmm(["trace", "gen", "binary", "-o", &file]).success();
    let compare =
        |columns| heapmm(["compare", &file, "--policies", "implicit-first,slab", "--columns", columns]);

    let text = compare("utilisation,splits").success();

    let heads: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["policy", "utilisation", "splits"]);
    assert_eq!(text.lines().count(), 3, "no advice: {text}");
    compare("usage").failure(2, "no figure 'usage'; there are utilisation, peak");
}

/// What an independent simulator says of slabs over best fit; slabs alone do no worse.
#[test]
fn slabs_use_more_of_the_binary_traces_than_any_fit() {
    let folder = Folder::new();

    for (trace, least) in [("binary", 88.2), ("binary2", 95.7)] {
        let [slab, fit] = utilisations(&folder, trace, "slab,segregated-best", "copy")[..] else { panic!() };
        assert!(slab >= least && fit < 55.0, "{trace}: {slab} {fit}");
    }
}

#[test]
fn all_policies_may_stand_in_a_list_and_each_is_played_once() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "100\n1\n2\n1\na 0 100\nf 0\n");
    let played = |policies| {
        let csv = heapmm(["compare", &file, "--policies", policies, "--format", "csv"]).success();
        columns(&csv, ["policy"]).into_iter().map(|[name]| name).collect::<Vec<_>>()
    };

    let (all, first) = (played("all"), played("slab,all,slab"));

    assert_eq!((all.len(), first.len(), first[0].as_str()), (all.len(), all.len(), "slab"));
    heapmm(["compare", &file, "--policies", ","]).failure(2, "--policies names no policy");
    heapmm(["compare", &file, "--columns", ""])
        .failure(2, "--columns names no figure; there are utilisation");
}

#[test]
fn steps_that_no_trace_has_are_refused() {
    let folder = Folder::new();
    let file = folder.write("a.rep", "100\n1\n2\n1\na 0 100\nf 0\n");

    heapmm(["step", &file, "--from", "3"]).failure(2, "a.rep: --from 3 lies behind its 2 operations");
    heapmm(["step", &file, "--from", "2", "--to", "1"]).failure(2, "--from 2 lies behind --to 1");
    assert_eq!(heapmm(["step", &file, "--from", "0"]).status, 2);
    assert!(heapmm(["step", &file, "--from", "2", "--to", "9"]).success().starts_with("2  free 0\n"));
}

#[test]
fn outputs_of_a_comparison_are_looked_at_before_it_begins() {
    let folder = Folder::new();
    let text = "100\n1\n2\n1\na 0 100\nf 0\n";
    let (file, page) = (folder.write("a.rep", text), folder.file("page"));
    let compare = |args: &[&str]| {
        Outcome::of(command([&["compare", &file, "--policies", "fast"], args].concat()).output().unwrap())
    };

    let far = compare(&["--svg", "/nowhere/a.svg"]);
    let twice = compare(&["--html", &page, "--svg", &format!("{}/./page", folder.path().display())]);
    let input = compare(&["--html", &file]);
    let late = compare(&["--html", "/dev/full", "--svg", &page]);

    assert!(far.stdout.is_empty() && twice.stdout.is_empty() && input.stdout.is_empty());
    far.failure(1, "/nowhere/a.svg: No such file or directory");
    twice.failure(2, "it would replace the trace, or the other output");
    input.failure(2, "it would replace the trace, or the other output");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    assert_eq!((late.status, late.stdout.lines().count()), (1, 4), "{late:?}");
    assert!(std::fs::read_to_string(&page).unwrap().starts_with("<svg "), "the other output is there");
}
