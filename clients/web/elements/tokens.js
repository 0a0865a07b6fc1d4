// Colours, spaces and type that all elements share. A page changes the look by the custom properties --milepost-*;
// light or dark follows the page's own `color-scheme`.
import { newSheet } from "./dom.js";

export const tokens = newSheet(`
:host {
  --surface: var(--milepost-surface, light-dark(#ffffff, #161d25));
  --sunken: var(--milepost-sunken, light-dark(#f3f5f8, #10161c));
  --line: var(--milepost-line, light-dark(#e2e6ec, #29323d));
  --edge: var(--milepost-edge, light-dark(#8591a0, #67778a));
  --text: var(--milepost-text, light-dark(#17202b, #e7ecf1));
  --quiet: var(--milepost-quiet, light-dark(#566271, #9eabb9));
  --track: var(--milepost-track, light-dark(#e6eaef, #2a3440));
  --active: var(--milepost-active, light-dark(#0f766e, #2dd4bf));
  --good: var(--milepost-good, light-dark(#11703a, #4ade80));
  --bad: var(--milepost-bad, light-dark(#b42318, #fb8a80));
  --warn: var(--milepost-warn, light-dark(#92590a, #f5b942));
  --ask: var(--milepost-ask, light-dark(#1d5bbf, #7fb2ff));
  --radius: var(--milepost-radius, 12px);
  --mono: var(--milepost-mono, ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace);
  --tone: var(--quiet);
  color: var(--text);
  font: 400 14px/20px var(--milepost-font, system-ui, -apple-system, "Segoe UI", sans-serif);
  font-variant-numeric: tabular-nums;
  -webkit-font-smoothing: antialiased;
}

*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
p, ol, ul, pre, h2, h3, figure { margin: 0; padding: 0; }
ol, ul { list-style: none; }
a { color: var(--active); text-underline-offset: 2px; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--active); outline-offset: 2px; border-radius: 6px; }

[data-look="running"] { --tone: var(--active); }
[data-look="completed"], [data-look="skipped"] { --tone: var(--good); }
[data-look="failed"] { --tone: var(--bad); }
[data-look="stalled"], [data-look="cancelling"] { --tone: var(--warn); }
[data-look="waiting"] { --tone: var(--ask); }

.unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.icon { width: 16px; height: 16px; flex: none; color: var(--tone); }
.icon circle { fill: color-mix(in srgb, currentColor 16%, transparent); }
.icon path { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
[data-look="running"] .icon path { fill: currentColor; stroke-width: 1; }

.chip {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  padding: 2px 10px 2px 4px;
  border-radius: 999px;
  background: color-mix(in srgb, var(--tone) 10%, transparent);
  color: var(--tone);
  font-size: 12px;
  font-weight: 600;
  line-height: 20px;
  white-space: nowrap;
}
.chip .icon circle { fill: none; }

.bar { height: 8px; border-radius: 999px; background: var(--track); overflow: hidden; }
.bar .fill {
  width: 100%;
  height: 100%;
  border-radius: inherit;
  background: var(--tone);
  transform: translateX(-100%);
  transition: transform 240ms ease-out;
}
.bar.moves .fill { width: 32%; animation: slide 1.8s cubic-bezier(0.45, 0, 0.55, 1) infinite alternate; transition: none; }
@keyframes slide { from { transform: translateX(-20%); } to { transform: translateX(232%); } }

button, .button {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  min-height: 32px;
  padding: 4px 12px;
  border: 1px solid var(--line);
  border-radius: 8px;
  background: var(--surface);
  color: var(--text);
  font: inherit;
  font-weight: 500;
  text-decoration: none;
  cursor: pointer;
}
button:hover, .button:hover { border-color: var(--edge); background: var(--sunken); }
button[aria-disabled="true"] { color: var(--quiet); cursor: default; }
button.primary { border-color: transparent; background: var(--active); color: light-dark(#ffffff, #06201d); }
button.cancel { color: var(--bad); }

@media (prefers-reduced-motion: reduce) {
  .bar .fill { transition: none; }
  .bar.moves .fill { width: 100%; animation: none; transform: none; opacity: 0.35; }
}
@media (forced-colors: active) {
  .bar { border: 1px solid CanvasText; }
  .bar .fill { background: Highlight; forced-color-adjust: none; }
}
`);
