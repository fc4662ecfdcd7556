//! Panels of points on logarithmic axes, for drawings of costs over sizes.

use eyre::{OptionExt, Result};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::{env, fs, ops::Range, path::Path};

/// Where Debian and others keep a plain font; `VOUCH_FONT` names another.
const FONTS: [&str; 3] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
];

/// Has to be called once before anything is drawn.
pub fn load_font() -> Result<()> {
    let named = env::var("VOUCH_FONT").ok();
    let found = named.iter().map(String::as_str).chain(FONTS).find(|path| Path::new(path).is_file());
    let path = found.ok_or_eyre("no font: install fonts-dejavu-core, or name a TrueType file in VOUCH_FONT")?;
    // the library keeps it for the rest of the program
    let bytes = fs::read(path)?.leak();
    register_font("sans-serif", FontStyle::Normal, bytes).map_err(|_| eyre::eyre!("{path} is no TrueType font"))
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Series<'a> = (&'a str, RGBColor, &'a [(f64, f64)]);

/// What is below the panel and beside it.
pub struct Axes<'a> {
    /// What x counts.
    pub x: &'a str,
    /// Labels of x are at powers of this.
    pub base: f64,
    /// The unit of y.
    pub y: &'a str,
}

/// Draws `all`, each with its name and colour, and `line` without points.
pub fn panel(area: &Area<'_>, caption: &str, axes: &Axes<'_>, all: &[Series<'_>], line: &[(f64, f64)]) -> Result<()> {
    let every = || all.iter().flat_map(|(_, _, points)| points.iter());
    let around = |values: &mut dyn Iterator<Item = f64>| -> Range<f64> {
        let (low, high) = values.fold((f64::MAX, 0.0), |(low, high), v| (v.min(low), v.max(high)));
        low / 1.3..high * 1.3
    };
    let x = around(&mut every().map(|(x, _)| *x));
    let y = around(&mut every().map(|(_, y)| *y));
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 24))
        .margin(14)
        .x_label_area_size(50)
        .y_label_area_size(80)
        .build_cartesian_2d(x.log_scale().base(axes.base), y.log_scale())?;
    let number = |v: &f64| if *v < 1.0 { format!("{v}") } else { format!("{v:.0}") };
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(axes.x).y_desc(axes.y).x_label_formatter(&number).y_label_formatter(&number);
    mesh.label_style(("sans-serif", 17)).axis_desc_style(("sans-serif", 19)).draw()?;
    chart.draw_series(LineSeries::new(line.iter().copied(), BLACK.stroke_width(1)))?;
    for (name, colour, points) in all {
        let colour = *colour;
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        chart
            .draw_series(points.iter().map(|at| Circle::new(*at, 5, colour.filled())))?
            .label(*name)
            .legend(move |(x, y)| Circle::new((x + 10, y), 5, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .label_font(("sans-serif", 17))
        .draw()?;
    Ok(())
}
