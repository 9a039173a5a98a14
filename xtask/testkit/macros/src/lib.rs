//! The attribute `#[testkit::test]`, for tests that need a database.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Ident, ItemFn, parse_macro_input};

/// Turns an asynchronous function that takes a `PgPool` into a test with a database of its own.
///
/// `#[testkit::test]` creates a database with all migrations, `#[testkit::test(empty)]` one without tables. The database is
/// removed when the test ends.
#[proc_macro_attribute]
pub fn test(schema: TokenStream, function: TokenStream) -> TokenStream {
    let schema = if schema.is_empty() {
        quote!(Migrated)
    } else {
        match parse_macro_input!(schema as Ident) {
            name if name == "empty" => quote!(Empty),
            name => {
                let error = syn::Error::new(name.span(), "the only option is `empty`");
                return error.into_compile_error().into();
            }
        }
    };
    let ItemFn {
        attrs, sig, block, ..
    } = parse_macro_input!(function as ItemFn);
    let (name, inputs) = (&sig.ident, &sig.inputs);
    quote! {
        #(#attrs)*
        #[::core::prelude::v1::test]
        fn #name() {
            async fn #name(#inputs) #block
            ::testkit::database::run(::testkit::database::Schema::#schema, #name)
        }
    }
    .into()
}
