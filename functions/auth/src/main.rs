//! Entry point of the auth function.

fn main() -> anyhow::Result<()> {
    shared::serve::run_with(auth::api(), |_, app| auth::AuthState::new(app))
}
