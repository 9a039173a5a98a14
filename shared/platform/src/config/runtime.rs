//! The runtime that started the process.

/// Returns whether a Lambda runtime started the process.
pub fn under_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Returns the number of requests that an instance serves at a time under Lambda (`AWS_LAMBDA_MAX_CONCURRENCY`, which Lambda
/// Managed Instances set).
pub fn lambda_concurrency() -> u32 {
    std::env::var("AWS_LAMBDA_MAX_CONCURRENCY")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(1)
        .max(1)
}
