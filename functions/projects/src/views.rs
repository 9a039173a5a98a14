//! Views of projects.

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shared::{
    AppState,
    http::{
        ClientAddress, Error, Fields, FromFields, Json, NoContent, Path, Result, ResultExt, Viewer,
    },
};

use crate::queries;

/// A view has no properties.
pub struct CreateView;

impl FromFields for CreateView {
    fn from_fields(_: &mut Fields) -> Self {
        Self
    }
}

/// `POST /projects/{projectId}/views`
pub async fn create(
    viewer: Viewer,
    address: ClientAddress,
    headers: HeaderMap,
    State(app): State<AppState>,
    Path(project): Path,
    Json(CreateView): Json<CreateView>,
) -> Result<NoContent> {
    let who = match viewer.id() {
        Some(id) => id.to_owned(),
        None => stranger(&salt(&app).await?, address, &headers),
    };
    app.db
        .retry(|| queries::insert_view(&app.db, viewer.id(), &project, &who))
        .await
        // The project was deleted after the visibility check.
        .on_constraint("projectView_projectId_fkey", Error::NotFound("Project"))?
        .ok_or(Error::NotFound("Project"))?;
    Ok(NoContent)
}

/// Returns the id of an anonymous viewer. It is the same for one address and user agent on one UTC day. After the day its
/// salt is deleted, so that the id cannot be traced to an address.
fn stranger(salt: &[u8], address: ClientAddress, headers: &HeaderMap) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(
        address
            .0
            .map(|address| address.to_string())
            .unwrap_or_default()
            .as_bytes(),
    );
    mac.update(b"\n");
    mac.update(
        headers
            .get(header::USER_AGENT)
            .map_or(&[][..], |agent| agent.as_bytes()),
    );
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Returns the salt of this day. The first request of the day creates it.
async fn salt(app: &AppState) -> Result<Vec<u8>> {
    if let Some(salt) = queries::find_salt(&app.db).await? {
        return Ok(salt);
    }
    let new: [u8; 32] = rand::random();
    Ok(queries::upsert_salt(&app.db, &new).await?)
}
