//! The embedded folder must exist for the crate to compile; an empty one means that the web application was not built,
//! which the server says plainly when it is asked for a page.

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=dist");
    std::fs::create_dir_all("dist")
}
