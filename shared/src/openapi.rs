//! OpenAPI documents of the groups, written down beside their routes.
