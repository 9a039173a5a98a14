/**
 * What a request fails with. `status` says what happened: 0 if there was no response, else that of the response. Each
 * operation declares its errors as a union by status, such as `LikeProjectError`.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** One message for each rule that is broken. */
  readonly messages: string[];
  /** Error code of the endpoints of Better Auth. */
  readonly code: string | null;
  /** Identifies the request in the logs of the API. */
  readonly requestId: string | null;
  /** Seconds after which to try again. */
  readonly retryAfter: number | null;

  constructor(status: number, messages: string[], details: Partial<Pick<ApiError, "cause" | "code" | "requestId" | "retryAfter">> = {}) {
    super(messages.join("; "), { cause: details.cause });
    this.status = status;
    this.messages = messages;
    this.code = details.code ?? null;
    this.requestId = details.requestId ?? null;
    this.retryAfter = details.retryAfter ?? null;
  }

  /** Converts what a request failed with. An aborted request keeps its reason. */
  static from(body: unknown, response?: Response): unknown {
    if (!response) {
      const isAborted = property(body, "name") === "AbortError" || property(body, "name") === "TimeoutError";
      return isAborted || body instanceof ApiError ? body : new ApiError(0, ["The API is not reachable"], { cause: body });
    }
    const message = property(body, "message");
    const messages = Array.isArray(message) ? message.map(String) : [String(message ?? response.statusText)];
    const code = property(body, "code");
    return new ApiError(response.status, messages, {
      code: typeof code === "string" ? code : null,
      requestId: response.headers.get("x-request-id"),
      retryAfter: retryAfter(response),
    });
  }
}

/** Seconds after which to try again. Better Auth has a header of its own. Null if the failure is not temporary. */
export function retryAfter(response: Response): number | null {
  if (response.status !== 429 && response.status !== 503) {
    return null;
  }
  const seconds = response.headers.get("retry-after") ?? response.headers.get("x-retry-after");
  return Number(seconds ?? 1) || 0;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
