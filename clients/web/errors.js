// The one class of errors, with a closed set of codes.

/**
 * @typedef {"INVALID_ARGUMENT" | "UNAUTHENTICATED" | "PERMISSION_DENIED" | "NOT_FOUND" | "FAILED_PRECONDITION" |
 *   "RESOURCE_EXHAUSTED" | "UNAVAILABLE" | "CANCELLED" | "MALFORMED" | "INTERNAL"} Code
 */

/** @type {{[status: number]: Code}} */
const kCodes = {
  400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
  409: "FAILED_PRECONDITION", 413: "RESOURCE_EXHAUSTED", 415: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED",
  502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "UNAVAILABLE",
};

export class MilepostError extends Error {
  name = "MilepostError";

  /**
   * @param {Code} code
   * @param {string} message
   * @param {number} [status] Of the HTTP answer, if there was one.
   */
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }

  /** @param {number} status @param {string} message */
  static ofStatus(status, message) {
    return new MilepostError(kCodes[status] ?? "INTERNAL", message, status);
  }

  /** @param {unknown} error A failure of fetch, or of what it was given. */
  static of(error) {
    if (error instanceof MilepostError) return error;
    const { name, message } = /** @type {Error} */ (error);
    return new MilepostError(name === "AbortError" ? "CANCELLED" : "UNAVAILABLE", message || "there is no connection");
  }
}
