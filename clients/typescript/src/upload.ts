import { ApiError } from "./errors.js";
import type { Client } from "./generated/client/index.js";
import { completeUpload, createUpload, deleteUpload } from "./generated/sdk.gen.js";
import type { CreateUpload, File as StoredFile, UploadTarget } from "./generated/types.gen.js";

export interface UploadOptions {
  /** What to upload. A `Blob` without a name needs `filename`. */
  file: Blob;
  filename?: string;
  /** The project that gets the file. Without one, the file is an avatar. */
  projectId?: string;
  /** Called with the share that is uploaded, from 0 to 1. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
  client?: Client;
}

/** Types of files by the end of the name, for files whose type the browser does not know. */
const types = {
  gif: "image/gif",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  md: "text/markdown",
  pdf: "application/pdf",
  png: "image/png",
  txt: "text/plain",
  webp: "image/webp",
  zip: "application/zip",
} satisfies Record<string, CreateUpload["contentType"]>;

/**
 * Uploads a file: announces it, sends it to the bucket, and waits until the API has checked it. Returns the stored file.
 * Throws `ApiError`. A file that does not arrive is removed.
 */
export async function uploadFile(options: UploadOptions): Promise<StoredFile> {
  const { client, file, projectId, signal } = options;
  const filename = options.filename ?? ("name" in file ? String(file.name) : "file");
  const shared = { client, signal, throwOnError: true } as const;
  const { data: created } = await createUpload({
    ...shared,
    body: {
      purpose: projectId === undefined ? "avatar" : "project",
      projectId,
      filename,
      contentType: contentType(file, filename),
      size: file.size,
    },
  });
  const upload = { path: { uploadId: created.file.id } };
  try {
    await put(created.upload, options);
    const { data: completed } = await completeUpload({ ...shared, ...upload });
    return completed;
  } catch (error) {
    // Its result does not matter: a pending file is removed within a day.
    await deleteUpload({ client, ...upload });
    throw error;
  }
}

function contentType({ type }: Blob, filename: string): CreateUpload["contentType"] {
  const ending = filename.split(".").at(-1)?.toLowerCase() ?? "";
  const known = Object.entries(types).find(([name, value]) => value === type.split(";")[0] || (!type && name === ending));
  if (!known) {
    throw new ApiError(400, [`${filename} has a type that cannot be uploaded`]);
  }
  return known[1];
}

/** Sends the file to the bucket. */
function put(target: UploadTarget, options: UploadOptions): Promise<void> {
  // `fetch` reports no progress, and Node has nothing else.
  return typeof XMLHttpRequest === "undefined" ? putByFetch(target, options) : putByXhr(target, options);
}

async function putByFetch({ headers, method, url }: UploadTarget, { file, onProgress, signal }: UploadOptions) {
  onProgress?.(0);
  let response: Response;
  try {
    response = await fetch(url, { method, headers, body: file, signal });
  } catch (error) {
    throw ApiError.from(error);
  }
  if (!response.ok) {
    throw refused(response.status);
  }
  onProgress?.(1);
}

function putByXhr({ headers, method, url }: UploadTarget, { file, onProgress, signal }: UploadOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total ? loaded / total : 0);
    request.onload = () => (request.status < 300 ? resolve() : reject(refused(request.status)));
    request.onerror = () => reject(new ApiError(0, ["The storage is not reachable"]));
    request.onabort = () => reject(signal?.reason);
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      request.setRequestHeader(name, value);
    }
    if (signal?.aborted) {
      return reject(signal.reason);
    }
    signal?.addEventListener("abort", abort);
    request.send(file);
  });
}

const refused = (status: number) => new ApiError(status, [`The storage refused the file with status ${status}`]);
