//! Cross-tabulations of many rows. `tables make FOLDER` writes rows as plain columns, made from a seed; `tables WORK FOLDER` reads them,
//! does the work five times and prints what it found and how long it took as JSON. `tables growth FILE.svg` plots costs against size. `compare.py` puts peers beside it.

mod columns;
mod growth;
mod stored;
mod work;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::stored::Case;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let work = arguments
        .next()
        .context("usage: tables make|sorted|unsorted|stored|hot|people|people-hot|contributors|contributors-hot|adhoc|distinct|keys FOLDER [THREADS]")?;
    let folder = PathBuf::from(arguments.next().context("name a folder")?);
    let threads = arguments.next().map_or(Ok(2), |threads| threads.parse()).context("THREADS is a number")?;
    let result = match work.as_str() {
        "growth" => return growth::growth(&folder, threads),
        "make" => return columns::make(&folder),
        "sorted" | "unsorted" => work::people(&folder.join(&work), threads)?,
        "stored" => stored::stored(&folder, threads, Case::all(false))?,
        "hot" => stored::stored(&folder, threads, Case::all(true))?,
        "people" => stored::stored(&folder, threads, Case::people(false))?,
        "people-hot" => stored::stored(&folder, threads, Case::people(true))?,
        "contributors" => stored::stored(&folder, threads, Case::contributors(false))?,
        "contributors-hot" => stored::stored(&folder, threads, Case::contributors(true))?,
        "adhoc" => stored::stored(&folder, threads, Case::asked_for())?,
        "distinct" => work::distinct(&folder.join("events"), threads)?,
        "keys" => work::keys(&folder.join("records"))?,
        other => bail!("no work is called `{other}`"),
    };
    println!("{result}");
    Ok(())
}
