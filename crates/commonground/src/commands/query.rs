//! `commonground query`: published figures, as the API gives them.

use std::fmt::Write;

use model::TidyRow;
use platform::{DataRequest, PeriodChoice, Platform, PlatformError};

use crate::cli::{Format, QueryArgs, RowsArgs};
use crate::config::Config;
use crate::terminal::{note, print};

pub(crate) fn run(config: &Config, args: &QueryArgs) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    let Some(indicator) = &args.indicator else { return list(&platform) };
    let request = request(indicator, &args.rows)?;
    let answer = platform.data(&platform.local_operator()?, &request)?;
    match args.format {
        Format::Csv => print(&api::csv(&answer.rows, answer.synthetic.then_some(api::SYNTHETIC_NOTICE))?)?,
        Format::Json => print(format!("{}\n", serde_json::to_string_pretty(&api::json(&answer.rows))?).as_bytes())?,
        Format::Table => print(table(answer.rows.get())?.as_bytes())?,
    }
    answer.notes.iter().for_each(note);
    if answer.synthetic {
        note(api::SYNTHETIC_NOTICE);
    }
    Ok(())
}

/// What is asked for.
pub(super) fn request(indicator: &str, args: &RowsArgs) -> Result<DataRequest, PlatformError> {
    Ok(DataRequest {
        indicator: indicator.parse().map_err(PlatformError::Name)?,
        area_type: args.area_type.as_deref().map(str::parse).transpose().map_err(PlatformError::Name)?,
        period_type: args.period_type.as_deref().map(str::parse).transpose().map_err(PlatformError::Name)?,
        areas: args.area.iter().map(|a| a.parse()).collect::<Result<_, _>>().map_err(PlatformError::Name)?,
        within: None,
        period: match args.period.as_str() {
            "latest" => PeriodChoice::Latest,
            "all" => PeriodChoice::All,
            interval => PeriodChoice::Interval(interval.to_owned()),
        },
        sex: args.sex.as_deref().map(str::parse).transpose().map_err(PlatformError::Name)?,
        age: args.age.as_deref().map(str::parse).transpose().map_err(PlatformError::Name)?,
        breakdown: args.breakdown.clone(),
        purpose: None,
    })
}

fn list(platform: &Platform) -> anyhow::Result<()> {
    let mut out = String::new();
    for card in platform.indicators(&platform.local_operator()?) {
        writeln!(out, "{:<36} {}", card.id.as_str(), card.title)?;
        for view in card.views {
            let by = if view.by.is_empty() { String::new() } else { format!(" by {}", view.by.join(" and ")) };
            writeln!(
                out,
                "    {} by {}{by}: {} periods, {} of {} cells visible",
                view.area_type.title(),
                view.period_type,
                view.periods.len(),
                view.visible,
                view.cells
            )?;
        }
    }
    if out.is_empty() {
        note(
            "nothing is published yet: an indicator needs a geography, and data of its numerator and its denominator; \
             `commonground ingest` says what one waits for",
        );
    }
    Ok(print(out.as_bytes())?)
}

fn table(rows: &[TidyRow]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let width = rows.iter().map(|row| row.area_name.chars().count()).max().unwrap_or(4);
    writeln!(
        out,
        "{:<12} {:<width$} {:<18} {:<14} {:>10} {:>21}  {:>8}",
        "code", "area", "period", "of", "value", "95 % interval", "count"
    )?;
    for row in rows {
        let value = row.value.map_or_else(|| format!("[{}]", row.status.as_str()), |v| format!("{v:.2}"));
        let interval = row.lower_95.zip(row.upper_95).map(|(l, u)| format!("{l:.2} to {u:.2}")).unwrap_or_default();
        let count = row.count.map(|c| c.to_string()).unwrap_or_default();
        let mut of: Vec<String> = Vec::new();
        if row.sex != model::Sex::All {
            of.push(row.sex.to_string());
        }
        if row.age != model::AgeBand::All {
            of.push(row.age.to_string());
        }
        of.extend(row.breakdown.clone().filter(|b| b != "all"));
        writeln!(
            out,
            "{:<12} {:<width$} {:<18} {:<14} {value:>10} {interval:>21}  {count:>8}",
            row.area_code.as_str(),
            row.area_name,
            row.period.label(),
            of.join(" "),
        )?;
    }
    Ok(out)
}
