//! Makes cargo compile the migrations in again when a file is added to them.

fn main() {
    println!("cargo:rerun-if-changed=.");
}
