// The elements at their short address, /milepost/elements.js.
export * from "../../clients/web/elements.js";
