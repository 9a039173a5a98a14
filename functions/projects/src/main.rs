//! Entry point of the projects function.

fn main() -> anyhow::Result<()> {
    shared::serve::run([projects::group()])
}
