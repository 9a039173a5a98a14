//! Entry point of the health function.

fn main() -> anyhow::Result<()> {
    shared::serve::run_with(health::api(), |_, app| {
        health::record_metrics()?;
        Ok(health::HealthState::new(app))
    })
}
