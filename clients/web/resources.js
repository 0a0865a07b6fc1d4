// Names of resources, and which events belong to them. Pure.
import { MilepostError } from "./errors.js";

export const kMaxResources = 512; // Of one stream.
const kName = /^[a-z][a-z0-9_-]{0,31}:([A-Za-z0-9._~-]{1,128}|[A-Za-z0-9._~-]{0,127}\*)$/;

/** @param {string} resource A name or a pattern (`kind:*`, `kind:prefix*`). Throws if it is neither. */
export function checkResource(resource) {
  if (kName.test(resource)) return resource;
  const quoted = JSON.stringify(String(resource).slice(0, 64));
  throw new MilepostError("INVALID_ARGUMENT", `${quoted} is not a resource name: write kind:id, for example job:42`);
}

/** @param {string} resource */
export const isPattern = (resource) => resource.endsWith("*");

/** @param {string} resource @param {{job: string, resources?: string[]}} event */
export function covers(resource, event) {
  if (!isPattern(resource)) return event.job === resource || event.resources?.includes(resource) === true;
  const prefix = resource.slice(0, -1);
  return event.job.startsWith(prefix) || event.resources?.some((name) => name.startsWith(prefix)) === true;
}
