//! Entry point of the migrate function.

fn main() -> anyhow::Result<()> {
    migrate::serve()
}
