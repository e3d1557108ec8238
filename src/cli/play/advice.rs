//! One sentence at the end of a comparison: which policy to take, why, and how to see that it is true.
//!
//! ```text
//!   utilisation  │ best      ├─ a point below ─┤ the others: too much memory
//!                └─ the fastest of these; what is not a twentieth faster than the best does not count
//! ```

use super::score::Score;
use crate::show::number::{bytes, percent};

/// Points of utilisation that speed may cost.
const SLACK: f64 = 0.01;

/// Times below this factor are no difference: a second run would say another.
const TIE: f64 = 1.05;

/// Which policy to take; `is_live` if processes were played and not rules.
pub fn of(scores: &[Score], is_live: bool) -> String {
    let sound: Vec<&Score> = scores.iter().filter(|score| score.is_sound()).collect();
    let fastest = |a: &&&Score, b: &&&Score| a.nanoseconds.total_cmp(&b.nanoseconds);
    let utilisation = sound.iter().map(|score| score.utilisation).fold(0.0, f64::max);
    let as_tight = |score: &&&Score| percent(score.utilisation) == percent(utilisation);
    let Some(tightest) = sound.iter().filter(as_tight).min_by(fastest) else {
        return match scores.iter().any(Score::is_whole) {
            true => "No policy served all requests: there is none to take.".to_owned(),
            false => "No policy played the whole trace; give them more --patience.".to_owned(),
        };
    };
    let near = || sound.iter().filter(|score| score.utilisation >= utilisation - SLACK);
    let is_faster = |score: &&&Score| tightest.nanoseconds > TIE * score.nanoseconds;
    let pick = near().filter(is_faster).min_by(fastest).unwrap_or(tightest);
    let equals: Vec<&str> = near()
        .filter(|score| {
            score.policy != pick.policy && percent(score.utilisation) == percent(pick.utilisation)
        })
        .filter(|score| score.nanoseconds <= TIE * pick.nanoseconds)
        .map(|score| score.policy.as_str())
        .collect();
    let why = match (sound.len(), pick.policy == tightest.policy) {
        (1, _) => {
            return format!("{} uses {} of its memory for this trace.", pick.policy, percent(utilisation));
        }
        (_, false) => faster(pick, tightest),
        (_, true) if equals.is_empty() => {
            format!("uses memory best ({}), and none that comes near is faster", percent(utilisation))
        }
        (_, true) => {
            format!("uses memory best ({}), and {}", percent(utilisation), do_too(&equals))
        }
    };
    format!("Take {}: it {why}; {}.", pick.policy, check(pick, is_live))
}

/// Why `pick` is to be preferred to what uses memory best.
fn faster(pick: &Score, tightest: &Score) -> String {
    let lost = 100.0 * (tightest.utilisation - pick.utilisation);
    let close = if lost < 0.05 {
        "as well as any".to_owned()
    } else {
        format!("within {lost:.1} points of the best")
    };
    let times = tightest.nanoseconds / pick.nanoseconds.max(f64::MIN_POSITIVE);
    let used = percent(pick.utilisation);
    format!("uses memory {close} ({used}) and is {times:.1} times as fast as {}", tightest.policy)
}

/// That `names` are as good.
fn do_too(names: &[&str]) -> String {
    match names {
        [one] => format!("{one} does as well and is as fast"),
        [some @ .., last] => format!("{} and {last} do as well and are as fast", some.join(", ")),
        [] => String::new(),
    }
}

/// How the advice is put to the test.
fn check(pick: &Score, is_live: bool) -> String {
    let name = &pick.policy;
    if is_live {
        return format!("with HEAPMM_POLICY={name} the process takes {} at most", bytes(pick.peak));
    }
    format!("HEAPMM_POLICY={name} sets it, and --live says what a process takes then")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(policy: &str, utilisation: f64, nanoseconds: f64) -> Score {
        Score { policy: policy.to_owned(), played: 1.0, utilisation, nanoseconds, ..Score::default() }
    }

    #[test]
    fn speed_may_cost_a_point_of_memory_and_no_more() {
        let near = [score("tight", 0.95, 400.0), score("quick", 0.945, 50.0), score("loose", 0.80, 10.0)];
        let far = [score("tight", 0.95, 400.0), score("loose", 0.80, 10.0)];

        assert!(of(&near, false).starts_with("Take quick: "), "{}", of(&near, false));
        assert!(of(&near, false).contains("8.0 times as fast as tight"));
        assert!(of(&far, false).starts_with("Take tight: "));
    }

    #[test]
    fn a_twentieth_of_speed_is_no_reason() {
        let near = [score("tight", 0.95, 51.0), score("quick", 0.945, 50.0)];
        let same = [score("a", 0.9501, 51.0), score("b", 0.9502, 50.0), score("c", 0.9499, 52.0)];

        assert!(of(&near, false).starts_with("Take tight: it uses memory best (95.0 %), and none"));
        assert!(
            of(&same, false)
                .starts_with("Take b: it uses memory best (95.0 %), and a and c do as well and are as fast;")
        );
    }

    #[test]
    fn a_policy_that_refused_requests_is_not_to_be_taken() {
        let refusing = Score { refused: 1, ..score("small", 0.99, 1.0) };
        let scores = [refusing.clone(), score("tight", 0.95, 51.0), score("loose", 0.5, 51.0)];

        assert!(of(&scores, false).starts_with("Take tight: "), "{}", of(&scores, false));
        assert_eq!(of(&[refusing], false), "No policy served all requests: there is none to take.");
    }

    #[test]
    fn the_advice_of_a_live_comparison_can_be_checked() {
        let pick = Score { peak: 3 << 20, ..score("tight", 0.95, 51.0) };
        let scores = [pick, score("loose", 0.5, 51.0)];

        assert!(of(&scores, true).ends_with("; with HEAPMM_POLICY=tight the process takes 3.0 MiB at most."));
        assert!(of(&scores, false).ends_with("and --live says what a process takes then."));
    }
}
