// Uploads to a bucket.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { createApi, getUpload, updateProfile, uploadFile } from "@codecave/api";
import { createAuth } from "@codecave/api/auth";

import { Browser, agree, api, newcomer, site } from "../browser.js";

// One pixel.
const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const skip = process.env.STORAGE ? false : "there is no bucket";

describe("a file", { skip }, () => {
  let client;
  before(async () => {
    const browser = new Browser();
    const auth = createAuth({ baseUrl: api, fetch: browser.fetch });
    const { data } = await auth.signIn.social({ provider: "github", callbackURL: `${site}/home` });
    await browser.visit(agree(data.url, newcomer()));
    client = createApi({ baseUrl: api, fetch: browser.fetch });
  });

  test("is uploaded in one call", async () => {
    const shares = [];
    const file = new File([picture], "me.png", { type: "image/png" });
    const stored = await uploadFile({ client, file, onProgress: (share) => shares.push(share) });
    assert.deepEqual([stored.status, stored.width, stored.filename, stored.purpose], ["ready", 1, "me.png", "avatar"]);
    assert.deepEqual(shares, [0, 1]);
    const { data } = await updateProfile({ client, body: { avatar: stored.imageUrl } });
    assert.equal(data.avatar, stored.imageUrl);
  });

  test("that is not what it says is removed", async () => {
    let announced;
    const watching = createApi({
      baseUrl: api,
      fetch: async (request) => {
        const response = await client.getConfig().fetch(request);
        announced ??= await response.clone().json();
        return response;
      },
    });
    const file = new Blob(["no picture"], { type: "image/png" });
    await assert.rejects(uploadFile({ client: watching, file, filename: "me.png" }), { name: "ApiError", status: 400 });
    const { error } = await getUpload({ client, path: { uploadId: announced.file.id } });
    assert.equal(error.status, 404);
  });

  test("of a type that the API does not take is not sent", async () => {
    const file = new File(["<svg/>"], "me.svg", { type: "image/svg+xml" });
    await assert.rejects(uploadFile({ client, file }), { status: 400, message: /me\.svg/ });
  });
});
