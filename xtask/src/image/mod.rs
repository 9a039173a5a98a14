//! `cargo xtask image`: builds a container image of `codecave` without a container engine.

mod build;
mod layer;
mod layout;
mod trial;

use std::{fs, path::PathBuf};

use anyhow::ensure;
use testkit::target;

use crate::auditable;

pub use self::{
    layer::Layer,
    layout::{Description, Image, digest},
    trial::Unpacked,
};

/// Maximum size of the compressed image with all functions, in bytes.
const MAX_SIZE: u64 = 40_000_000;

/// What to build
#[derive(Clone, Debug, clap::Args)]
pub struct ImageOptions {
    /// Cargo profile of the program; `dev` builds faster and is larger
    #[arg(long, default_value = "release")]
    profile: String,
    /// Take this static program instead of building one
    #[arg(long, conflicts_with = "profile")]
    binary: Option<PathBuf>,
    /// Where to write the image [default: target/image/codecave.tar]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Also unpack the image and run it as another user in an empty root
    #[arg(long)]
    run: bool,
}

/// Builds the program, writes the image, and with `run` checks that it works.
pub async fn run(options: &ImageOptions) -> anyhow::Result<()> {
    let program = match &options.binary {
        Some(binary) => binary.clone(),
        None => build::program(&options.profile).await?,
    };
    let program = fs::read(program)?;
    build::check_static(&program)?;
    if options.binary.is_none() {
        auditable::check(&program)?;
    }
    let program_size = program.len();
    let image = Image::new(&Layer::new(program)?, &Description::of_commit()?)?;
    let output = options
        .output
        .clone()
        .unwrap_or_else(|| target().join("image/codecave.tar"));
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&output, image.archive()?)?;
    let size = fs::metadata(&output)?.len();
    println!(
        "{}: {} kB, the program {} kB, {}",
        output.display(),
        size / 1000,
        program_size / 1000,
        image.digest()
    );
    if options.run {
        trial::run(&output).await?;
    }
    ensure!(
        options.profile != "release" || size <= MAX_SIZE,
        "the image is larger than {MAX_SIZE} bytes"
    );
    Ok(())
}
