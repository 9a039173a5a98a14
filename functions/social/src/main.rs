//! Entry point of the social function.

fn main() -> anyhow::Result<()> {
    shared::serve::run([social::group()])
}
