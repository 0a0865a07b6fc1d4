// What came out of a job: links, and previews of images. Only addresses that can run nothing become links.
import { element } from "./dom.js";
import { safeUri, sizeText } from "./words.js";

/** @typedef {import("./types.js").Artifact} Artifact */

const kMaxPreviews = 6;

export class ArtifactsView {
  #key = "";

  /** @param {Node} parent */
  constructor(parent) {
    this.root = element("ul", "artifacts", parent);
    this.root.setAttribute("part", "artifacts");
  }

  /**
   * @param {Artifact[]} artifacts
   * @param {string} previews "all", "same-origin" (for pages whose policy lets in no other images) or "none"
   */
  update(artifacts, previews) {
    this.root.hidden = artifacts.length === 0;
    const key = JSON.stringify([artifacts, previews]);
    if (key === this.#key) return;
    this.#key = key;
    let room = kMaxPreviews;
    this.root.replaceChildren(...artifacts.map((artifact) => {
      const preview = room > 0 && hasPreview(artifact, previews);
      if (preview) room--;
      return newItem(artifact, preview);
    }));
  }
}

/**
 * @param {Artifact} artifact
 * @param {string} previews
 */
function hasPreview({ uri, mediaType }, previews) {
  const address = safeUri(uri);
  if (!address || previews === "none" || !/^image\/(png|jpeg|gif|webp|avif|svg\+xml)$/.test(mediaType ?? "")) return false;
  return previews !== "same-origin" || address.startsWith(`${location.origin}/`);
}

/**
 * @param {Artifact} artifact
 * @param {boolean} preview
 */
function newItem({ name, uri, mediaType, sizeBytes }, preview) {
  const item = element("li");
  const address = safeUri(uri);
  const link = element(address ? "a" : "span", "artifact", item);
  if (link instanceof HTMLAnchorElement && address) {
    Object.assign(link, { href: address, rel: "noopener noreferrer", target: "_blank" });
  }
  if (preview && address) {
    item.className = "preview";
    const image = element("img", "", link);
    // The size is fixed by the style sheet, so that nothing moves when the image is there.
    Object.assign(image, { alt: "", loading: "lazy", decoding: "async", referrerPolicy: "no-referrer" });
    image.addEventListener("error", () => item.classList.remove("preview"));
    image.src = address;
  }
  element("span", "name", link).textContent = name || uri || "";
  const facts = [mediaType, sizeText(sizeBytes)].filter(Boolean).join(" · ");
  if (facts) element("span", "facts", item).textContent = facts;
  return item;
}
