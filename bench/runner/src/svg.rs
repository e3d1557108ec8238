//! Just enough of SVG for tables and curves: one string that needs no other file.

use std::fmt::Write as _;

pub struct Svg {
    width: f64,
    body: String,
}

/// Where a text is anchored.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub fn new(width: f64) -> Svg {
        Svg { width, body: String::new() }
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"/>"#
        );
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{stroke}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    pub fn dot(&mut self, at: (f64, f64), radius: f64, fill: &str) {
        let _ =
            writeln!(self.body, r#"<circle cx="{:.1}" cy="{:.1}" r="{radius}" fill="{fill}"/>"#, at.0, at.1);
    }

    pub fn path(&mut self, points: &[(f64, f64)], stroke: &str, width: f64) {
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.body,
            r#"<polyline points="{}" fill="none" stroke="{stroke}" stroke-width="{width}"/>"#,
            list.join(" ")
        );
    }

    pub fn text(&mut self, at: (f64, f64), size: f64, anchor: Anchor, text: &str) {
        self.styled(at, size, anchor, text, "#222", false);
    }

    pub fn styled(&mut self, at: (f64, f64), size: f64, anchor: Anchor, text: &str, fill: &str, bold: bool) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if bold { r#" font-weight="bold""# } else { "" };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.body,
            r#"<text x="{:.1}" y="{:.1}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>{text}</text>"#,
            at.0, at.1
        );
    }

    /// The whole picture, `height` tall, on white.
    pub fn finish(self, height: f64) -> String {
        let width = self.width;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// A colour for each side: heapmm's stands out, floors are grey.
pub fn colour(side: &str) -> &'static str {
    match side {
        "heapmm" => "#d00000",
        "glibc" => "#000000",
        "je-deb" => "#c8a2d8",
        "je" => "#8e44ad",
        "mi-deb" => "#a9cbe8",
        "mi2" => "#5b9bd5",
        "mi3" => "#1f5fa8",
        "mi3n" => "#17becf",
        "tc" => "#2e8b57",
        "sn" => "#e08a00",
        "rp" => "#8c564b",
        _ => "#999999",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new(10.0);

        svg.text((1.0, 2.0), 9.0, Anchor::Start, "a<b & c");

        assert!(svg.finish(10.0).contains("a&lt;b &amp; c"));
    }
}
