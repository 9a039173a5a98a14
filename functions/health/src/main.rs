//! Entry point of the health function.

fn main() -> anyhow::Result<()> {
    shared::serve::run([health::group()])
}
