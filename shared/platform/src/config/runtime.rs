//! The runtime that started the process.

/// Returns whether a Lambda runtime started the process.
pub fn under_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}
