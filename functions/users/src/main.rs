//! Entry point of the users function.

fn main() -> anyhow::Result<()> {
    shared::serve::run([users::group()])
}
