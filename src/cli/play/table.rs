//! Scores side by side: the table, and what is best in it.

use super::score::{Good, METRICS, Metric, Score};
use crate::fail::{Fail, Verdict};
use crate::show::table::{Cell, Format, Table};

/// Gives each sound replay its points against the best of all.
pub fn award(scores: &mut [Score]) {
    let sound = || scores.iter().filter(|score| score.is_sound());
    let memory = sound().map(|score| score.utilisation).fold(0.0, f64::max);
    let speed = sound().map(|score| score.nanoseconds).fold(f64::INFINITY, f64::min);
    if memory <= 0.0 || speed <= 0.0 {
        return;
    }
    for score in scores.iter_mut().filter(|score| score.is_sound()) {
        score.points = Some(60.0 * score.utilisation / memory + 40.0 * speed / score.nanoseconds);
    }
}

/// The figures of a list `a,b`, by their names in JSON and CSV.
pub fn listed(list: &str) -> Verdict<Vec<&'static Metric>> {
    let known = || METRICS.iter().map(|metric| metric.key).collect::<Vec<_>>().join(", ");
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let metrics = names.map(|name| {
        let metric = METRICS.iter().find(|metric| metric.key == name);
        metric.ok_or_else(|| Fail::usage(format!("no figure '{name}'; there are {}", known())))
    });
    let metrics = metrics.collect::<Verdict<Vec<_>>>()?;
    if metrics.is_empty() {
        return Err(Fail::usage(format!("--columns names no figure; there are {}", known())));
    }
    Ok(metrics)
}

/// The table; as text only the figures that matter in a comparison, and what was refused if anything was.
pub fn table(scores: &[Score], format: Format) -> Table {
    let has_refused = scores.iter().any(|score| score.refused > 0);
    let shown = |metric: &&Metric| {
        format != Format::Text || metric.compared || (has_refused && metric.key == "refused")
    };
    of_figures(scores, &METRICS.iter().filter(shown).collect::<Vec<_>>())
}

/// The table of some figures.
pub fn of_figures(scores: &[Score], metrics: &[&Metric]) -> Table {
    let mut columns = vec![("policy", "policy")];
    columns.extend(metrics.iter().map(|metric| (metric.key, metric.title)));
    let mut table = Table::new("policies", &columns);
    for score in scores {
        let figures =
            metrics.iter().map(|metric| if score.is_whole() { (metric.of)(score) } else { Cell::None });
        table.rows.push([Cell::word(&score.policy)].into_iter().chain(figures).collect());
    }
    for (at, metric) in metrics.iter().enumerate() {
        table.bold.extend(best(&table, scores, at + 1, metric.good).into_iter().map(|row| (row, at + 1)));
    }
    table
}

/// The rows of sound `scores` that are best in `column`, as far as it is shown; none if all are the same.
fn best(table: &Table, scores: &[Score], column: usize, good: Good) -> Vec<usize> {
    let value = |(row, score): (&Vec<Cell>, &Score)| match row[column] {
        _ if !score.is_sound() => None,
        Cell::Count(n) | Cell::Bytes(n) => Some(n as f64),
        Cell::Share(x) | Cell::Ratio(x) => Some(x),
        Cell::Word(_) | Cell::Number(_) | Cell::None => None,
    };
    let values: Vec<Option<f64>> = table.rows.iter().zip(scores).map(value).collect();
    let known = values.iter().flatten().copied();
    let best = match good {
        Good::Low => known.reduce(f64::min),
        Good::High => known.reduce(f64::max),
        Good::Neither => None,
    };
    let Some(at) = best.and_then(|best| values.iter().position(|value| *value == Some(best))) else {
        return Vec::new();
    };
    let text = table.rows[at][column].text();
    let rows: Vec<usize> = (0..table.rows.len())
        .filter(|row| values[*row].is_some() && table.rows[*row][column].text() == text)
        .collect();
    if rows.len() == table.rows.len() { Vec::new() } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(policy: &str, utilisation: f64, nanoseconds: f64) -> Score {
        Score { policy: policy.to_owned(), played: 1.0, utilisation, nanoseconds, ..Score::default() }
    }

    #[test]
    fn the_best_is_bold_unless_all_are_the_same() {
        let table =
            table(&[score("a", 0.95, 10.0), score("b", 0.5, 10.0), score("c", 0.95, 10.0)], Format::Text);

        let utilisation = table.columns.iter().position(|(key, _)| *key == "utilisation");
        assert_eq!(table.bold.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 2]);
        assert!(table.bold.iter().all(|(_, column)| Some(*column) == utilisation));
    }

    #[test]
    fn a_replay_that_was_given_up_gets_no_points() {
        let mut scores = [score("a", 0.5, 10.0), Score { played: 0.4, ..score("b", 0.9, 1.0) }];

        award(&mut scores);

        assert_eq!(scores.map(|score| score.points), [Some(100.0), None]);
    }

    #[test]
    fn a_policy_that_refused_requests_is_best_in_nothing() {
        let mut scores = [score("a", 0.5, 10.0), Score { refused: 1, ..score("b", 0.9, 1.0) }];

        award(&mut scores);
        let table = table(&scores, Format::Text);

        assert_eq!(scores.map(|score| score.points), [Some(100.0), None]);
        assert!(table.bold.iter().all(|(row, _)| *row == 0), "{:?}", table.bold);
        assert!(table.columns.iter().any(|(key, _)| *key == "refused"));
    }
}
