// How toasts look: over the page's lower right corner, on a narrow page over its lower edge.
import { newSheet } from "./dom.js";

export const toastsSheet = newSheet(`
:host { position: fixed; inset: auto 16px 16px auto; z-index: 10; width: min(360px, calc(100% - 32px)); pointer-events: none; }
:host([hidden]) { display: none; }

.toasts, .region { display: grid; gap: 8px; }
.toast {
  pointer-events: auto;
  display: grid;
  grid-template-columns: 16px minmax(0, 1fr) 24px;
  align-items: start;
  gap: 0 12px;
  padding: 12px 12px 12px 16px;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--surface);
  box-shadow: 0 8px 24px light-dark(rgb(23 32 43 / 0.14), rgb(0 0 0 / 0.5));
  overflow-wrap: anywhere;
  animation: rise 180ms ease-out;
}
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
.toast { --tone: var(--active); }
.toast[data-tone="good"] { --tone: var(--good); }
.toast[data-tone="warn"] { --tone: var(--warn); }
.toast[data-tone="bad"] { --tone: var(--bad); }
.icon { margin-top: 2px; }
.label { color: var(--tone); font-size: 12px; font-weight: 600; }
.title { color: inherit; font-weight: 600; text-decoration: none; }
a.title:hover { text-decoration: underline; }
.text { color: var(--quiet); font-size: 13px; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6; overflow: hidden; white-space: pre-line; }
img { display: block; width: 100%; height: 140px; margin: 8px 0 4px; border-radius: 8px; background: var(--track); object-fit: cover; }
.link { font-size: 13px; font-weight: 500; }
.close { min-height: 24px; width: 24px; padding: 0; border-color: transparent; background: transparent; color: var(--quiet); font-size: 18px; line-height: 1; }

@media (prefers-reduced-motion: reduce) {
  .toast { animation: none; }
}
`);
