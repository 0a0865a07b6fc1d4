// The browser's client at its short address; all its files lie at the same paths as in the source tree.
export * from "./clients/web/milepost.js";
