//! Entry point of the auth function.

fn main() -> anyhow::Result<()> {
    shared::serve::run([auth::group()])
}
