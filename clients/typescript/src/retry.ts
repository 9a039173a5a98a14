import { retryAfter } from "./errors.js";

export interface RetrySettings {
  /** How often a request is sent at most; 3 by default, 1 for never again. */
  attempts?: number;
  /** Seconds that a request waits at most to be sent again; 10 by default. If the API asks for more, the request fails. */
  maxWait?: number;
}

/**
 * Repeats requests that the API asks to repeat: those over the rate limit, and those that it could not serve for the moment.
 * Of the latter, and of those without a response, a `POST` is repeated only if it has an `Idempotency-Key`.
 */
export function retrying(
  send: (request: Request) => Promise<Response>,
  { attempts = 3, maxWait = 10 }: RetrySettings = {},
): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const hasKey = request.headers.has("idempotency-key");
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= attempts;
      let seconds: number | null;
      try {
        const response = await send(isLast ? request : request.clone());
        const isSafe = response.status === 429 || request.method !== "POST" || hasKey;
        seconds = isSafe ? retryAfter(response) : null;
        if (isLast || seconds === null || seconds > maxWait) {
          return response;
        }
        await response.body?.cancel();
      } catch (error) {
        // The response to a `POST` is lost. The key keeps it from being done twice.
        if (isLast || !hasKey || request.signal?.aborted) {
          throw error;
        }
        seconds = attempt;
      }
      // Not all clients at once.
      await pause(seconds * 1000 + Math.random() * 100, request.signal);
    }
  };
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) {
      abort();
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}
