//! The plot of the figures against the number of projects, as an SVG image.

use std::{fmt::Write as _, fs, path::PathBuf};

use testkit::workspace;

use super::{
    Round,
    report::milliseconds,
    rows::{ROWS, Row},
};

/// Width of a panel without its labels, in pixels. The other sizes are also in pixels.
const WIDTH: f64 = 170.0;
/// Height of a panel.
const HEIGHT: f64 = 220.0;
/// Width of the labels, which are on the right of a panel.
const LABELS: f64 = 310.0;
/// Margin around a panel and its labels.
const MARGIN: f64 = 44.0;
/// Number of panels side by side.
const COLUMNS: usize = 2;
/// Distance between labels.
const LINE: f64 = 13.0;
/// Range of the times, in milliseconds. Both axes are logarithmic.
const LEAST: f64 = 0.25;
const MOST: f64 = 256.0;
const COLORS: [&str; 8] = [
    "#1b6ca8", "#c8553d", "#2e8b57", "#8d5a97", "#b8860b", "#008b8b", "#555555", "#d1478c",
];

/// Titles of the parts of the plot, each with the rows of one kind.
const PANELS: [&str; 5] = [
    "Lists",
    "Searches",
    "Facets and totals",
    "People",
    "The caller’s own",
];

/// Returns the title of the part that contains a row.
fn panel_of(row: &Row) -> &'static str {
    let (path, query) = row.path.split_once('?').unwrap_or((row.path, ""));
    match path {
        "/projects/facets" | "/users/facets" | "/stats" => "Facets and totals",
        "/projects" if query.contains("q=") => "Searches",
        "/projects" => "Lists",
        "/users" => "People",
        _ => "The caller’s own",
    }
}

/// Returns the path of the image.
pub fn path() -> PathBuf {
    workspace().join("docs/reads.svg")
}

/// Writes the image to its file.
pub fn write(rounds: &[Round]) -> anyhow::Result<()> {
    Ok(fs::write(path(), image(rounds)?)?)
}

/// Returns the image: a panel for each kind of rows, and a line for each row.
fn image(rounds: &[Round]) -> anyhow::Result<String> {
    let rows = PANELS.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH + LABELS + 2.0 * MARGIN, HEIGHT + 2.0 * MARGIN);
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="sans-serif" font-size="11">
<title>Median time of reads against the number of projects</title>
<rect width="100%" height="100%" fill="white"/>"#,
        width * f(COLUMNS),
        height * f(rows),
    )?;
    for (place, panel) in PANELS.iter().enumerate() {
        let (x, y) = (
            f(place % COLUMNS) * width + MARGIN,
            f(place / COLUMNS) * height + MARGIN,
        );
        writeln!(svg, r#"<g transform="translate({x} {y})">"#)?;
        push_panel(&mut svg, panel, rounds)?;
        writeln!(svg, "</g>")?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn push_panel(svg: &mut String, panel: &str, rounds: &[Round]) -> anyhow::Result<()> {
    writeln!(
        svg,
        r##"<text y="-12" font-size="14">{panel}, ms</text>
<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>"##
    )?;
    for time in [1.0, 5.0, 25.0, 60.0, 150.0] {
        let y = place_of(time);
        writeln!(
            svg,
            r##"<path d="M0 {y:.1}h{WIDTH}" stroke="#ddd"/><text x="-4" y="{:.1}" text-anchor="end">{time}</text>"##,
            y + 4.0
        )?;
    }
    let mut lines = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        if panel_of(row) != panel {
            continue;
        }
        let points: Vec<(f64, f64)> = rounds
            .iter()
            .enumerate()
            .map(|(place, round)| {
                let x = WIDTH * f(place) / f(rounds.len().saturating_sub(1).max(1));
                (x, place_of(milliseconds(round.medians[index].0)))
            })
            .collect();
        lines.push((points, row));
    }
    for (place, round) in rounds.iter().enumerate() {
        let x = WIDTH * f(place) / f(rounds.len().saturating_sub(1).max(1));
        writeln!(
            svg,
            r#"<text x="{x:.1}" y="{}" text-anchor="middle">{}</text>"#,
            HEIGHT + 16.0,
            round.projects
        )?;
    }
    // The labels are sorted by the heights at which their lines end, so that the connections do not cross.
    lines.sort_by(|(one, _), (other, _)| end(other).total_cmp(&end(one)));
    let mut lowest = HEIGHT + LINE;
    for (place, (points, row)) in lines.iter().enumerate() {
        let color = COLORS[place % COLORS.len()];
        let label = end(points).min(lowest - LINE);
        lowest = label;
        let mut line = String::new();
        for (x, y) in points {
            write!(line, "{x:.1},{y:.1} ")?;
            writeln!(
                svg,
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="{color}"/>"#
            )?;
        }
        writeln!(
            svg,
            r#"<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>
<path d="M{WIDTH} {:.1}L{} {label:.1}" stroke="{color}" stroke-width="0.5"/><text x="{}" y="{:.1}" fill="{color}">{}</text>"#,
            end(points),
            WIDTH + 18.0,
            WIDTH + 21.0,
            label + 4.0,
            escaped(&row.name())
        )?;
    }
    Ok(())
}

/// Returns the vertical position of a time in a panel, from 0 at the upper edge to [`HEIGHT`] at the lower edge.
fn place_of(milliseconds: f64) -> f64 {
    let share = (milliseconds.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    HEIGHT * (1.0 - share)
}

fn end(points: &[(f64, f64)]) -> f64 {
    points.last().map_or(HEIGHT, |(_, y)| *y)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Converts a small count to a number for coordinates.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn f(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_row_has_a_line_through_its_sizes() {
        let round = |projects| Round {
            projects,
            medians: vec![(Duration::from_millis(2), None); ROWS.len()],
            combinations: Vec::new(),
        };

        let image = image(&[round(10_000), round(100_000), round(1_000_000)]).unwrap();

        assert_eq!(image.matches("<polyline").count(), ROWS.len());
        assert_eq!(image.matches("<circle").count(), 3 * ROWS.len());
        assert_eq!(image.matches(">1000000</text>").count(), PANELS.len());
        assert!(image.contains("/projects?tag=climate&amp;tag=health</text>"));
    }

    #[test]
    fn a_time_that_is_ten_times_as_long_is_always_as_much_higher() {
        let step = |time: f64| place_of(time) - place_of(10.0 * time);
        assert!((step(1.0) - step(20.0)).abs() < 0.001);
        assert!(step(1.0) > 0.0);
    }
}
