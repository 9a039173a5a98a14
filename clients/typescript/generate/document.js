// The OpenAPI document as the client sees the API: its errors are those that the client throws.

/** Type of the error for each status. */
const failures = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  413: "PayloadTooLarge",
  415: "UnsupportedMediaType",
  422: "UnprocessableEntity",
  429: "TooManyRequests",
  500: "InternalServerError",
  503: "ServiceUnavailable",
};

/** Statuses whose responses say when to try again. */
const temporary = ["429", "503"];

/** Every operation with its path and its method. */
export const operations = (document) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.operationId)
      .map(([method, operation]) => ({ path, method, ...operation, operation })),
  );

/** Names of the operation's parameters in that place. */
export const parameters = ({ operation }, place, document) =>
  (operation.parameters ?? [])
    .map((parameter) => document.components.parameters?.[parameter.$ref?.split("/").at(-1)] ?? parameter)
    .filter((parameter) => parameter.in === place)
    .map(({ name }) => name);

/** Replaces the response of every error by the error that the client throws, and adds that of a lost connection. */
export function clientDocument(document) {
  const { schemas } = document.components;
  const used = new Map();
  for (const { operation } of operations(document)) {
    const succeeds = Object.keys(operation.responses).some((status) => status.startsWith("2"));
    for (const status of Object.keys(operation.responses)) {
      if (status === "304") {
        // The browser answers with what it has.
        delete operation.responses[status];
      } else if (Number(status) >= 400) {
        const name = failures[status];
        if (!name) {
          throw new Error(`generate/document.js has no name for the status ${status} of ${operation.operationId}`);
        }
        operation.responses[status] = response(name);
        used.set(name, status);
      }
    }
    if (succeeds) {
      operation.responses.default = response("Unreachable");
    }
  }
  for (const [name, status] of used) {
    schemas[name] = failure(Number(status), `A response with status ${status}`);
  }
  schemas.Unreachable = failure(0, "No response: the network or the API is not reachable");
  for (const replaced of ["Error", "AuthError"]) {
    delete schemas[replaced];
  }
  delete document.components.responses;
  return document;
}

const response = (name) => ({
  description: name,
  content: { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } },
});

function failure(status, description) {
  const isTemporary = temporary.includes(String(status));
  const properties = {
    name: { type: "string", const: "ApiError" },
    status: { type: "integer", const: status },
    message: { description: "All messages in one line", type: "string" },
    messages: { description: "One message for each rule that is broken", type: "array", items: { type: "string" } },
    code: { description: "Error code of the endpoints of Better Auth", type: ["string", "null"] },
    requestId: { description: "Identifies the request in the logs of the API", type: ["string", "null"] },
    retryAfter: { description: "Seconds after which to try again", type: isTemporary ? "number" : ["number", "null"] },
  };
  return { description, type: "object", required: Object.keys(properties), properties };
}
