//! Entry point of the health function.

fn main() -> anyhow::Result<()> {
    shared::serve::run_with(health::api(), |_, app| Ok(health::HealthState::new(app)))
}
