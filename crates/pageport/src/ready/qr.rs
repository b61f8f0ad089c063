//! A QR code for a terminal: two modules to a character, by half blocks. Must never rely on the terminal's own colours where it may
//! choose: scanners want dark on light.

use std::io::IsTerminal as _;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Black on white, whatever the terminal's theme is.
const COLOURS: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// Lines with the code of a short text; `None` when it is too long for one.
pub(crate) fn lines(text: &str) -> Option<String> {
    let coloured =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    draw(text, coloured)
}

/// Without colours most terminals are light on dark: there a full block is a light module.
fn draw(text: &str, coloured: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if !coloured {
        renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    }
    let (start, end) = if coloured { (COLOURS, PLAIN) } else { ("", "") };
    let drawn = renderer.quiet_zone(true).build();
    Some(drawn.lines().map(|line| format!("  {start}{line}{end}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a scanner would see: true for dark.
    fn modules(drawn: &str) -> Vec<Vec<bool>> {
        let rows = drawn.lines().map(|line| line.trim_start_matches("  ").chars().collect::<Vec<_>>());
        rows.flat_map(|row| {
            let upper = row.iter().map(|char| !matches!(char, '█' | '▀')).collect();
            let lower = row.iter().map(|char| !matches!(char, '█' | '▄')).collect();
            [upper, lower]
        })
        .collect()
    }

    #[test]
    fn every_module_is_drawn_within_a_light_margin() {
        let text = "https://192.168.1.5:7070/";
        let code = QrCode::with_error_correction_level(text, EcLevel::L).expect("short enough");
        let drawn = draw(text, false).expect("short enough");
        // Lines begin with two spaces, which trimming must not take from a dark margin: the margin is light, so it is blocks.
        let seen = modules(&drawn);
        let width = code.width();
        for (y, x) in (0..width).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let dark = code[(x, y)] == qrcode::Color::Dark;
            assert_eq!(seen[y + 4][x + 4], dark, "module {x}, {y}\n{drawn}");
        }
        assert!(seen[..4].iter().flatten().all(|dark| !dark), "{drawn}");
        assert!(seen.iter().all(|row| row.len() == width + 8));
    }

    #[test]
    fn with_colours_each_line_sets_and_resets_them() {
        let drawn = draw("https://192.168.1.5:7070/", true).expect("short enough");
        assert!(drawn.lines().all(|line| line.contains(COLOURS) && line.ends_with(PLAIN)));
    }
}
