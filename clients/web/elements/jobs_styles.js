// How a list of jobs looks.
import { newSheet } from "./dom.js";

export const kWideRow = 64; // The height of a row, in pixels.
export const kNarrowRow = 108;

export const jobsSheet = newSheet(`
:host { display: block; min-width: 0; }
:host([hidden]) { display: none; }

.list { position: relative; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); overflow: clip; box-sizing: content-box; }

.row {
  position: absolute;
  inset: 0 0 auto 0;
  height: ${kWideRow}px;
  display: grid;
  grid-template: "icon main line times state" 1fr / 16px minmax(0, 1fr) minmax(120px, 240px) 136px 116px;
  align-items: center;
  gap: 0 16px;
  padding: 0 20px;
  border-bottom: 1px solid var(--line);
  contain: strict;
}
.row:hover { background: var(--sunken); }
.row:has(:focus-visible) { background: var(--sunken); box-shadow: inset 3px 0 0 var(--active); }
.row .icon { grid-area: icon; }
.row .main { grid-area: main; display: grid; min-width: 0; }
.row .line { grid-area: line; display: grid; grid-template-columns: 1fr 6ch; align-items: center; gap: 4px; }
.row .times { grid-area: times; display: grid; font-size: 12px; line-height: 18px; color: var(--quiet); min-width: 0; }
.row .state { grid-area: state; color: var(--tone); font-size: 13px; font-weight: 600; text-align: right; white-space: nowrap; }
.row .title, .row .text, .row .times span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row .title { color: inherit; font-weight: 600; text-decoration: none; cursor: pointer; justify-self: stretch; }
.row .title::after { content: ""; position: absolute; inset: 0; }
.row .title:focus-visible { outline: none; }
.row .title:focus-visible::after { outline: 2px solid var(--active); outline-offset: -3px; border-radius: var(--radius); }
.row .text { color: var(--quiet); font-size: 13px; }
.row[data-look="failed"] .text { color: var(--bad); }
.row[data-look="stalled"] .text { color: var(--warn); }
.row .ahead { color: var(--text); }
.row .percent { text-align: right; font-size: 13px; white-space: nowrap; }
.row .bar { height: 6px; }

.narrow .row {
  height: ${kNarrowRow}px;
  grid-template:
    "icon main state" 48px
    "line line line" 20px
    "times times times" 20px / 16px minmax(0, 1fr) auto;
  align-content: center;
  gap: 0 12px;
  padding: 0 16px;
}
.narrow .row .icon, .narrow .row .state { align-self: start; margin-top: 4px; }
.narrow .row .state { margin-top: 2px; }
.narrow .row .times { display: flex; justify-content: space-between; gap: 12px; }

.skeleton { display: grid; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); overflow: hidden; }
.bone { height: ${kWideRow}px; border-bottom: 1px solid var(--line); padding: 18px 20px; }
.bone::before, .bone::after { content: ""; display: block; height: 10px; border-radius: 5px; background: var(--track); }
.bone::before { width: 34%; }
.bone::after { width: 58%; margin-top: 8px; opacity: 0.6; }

.none { padding: 24px; color: var(--quiet); text-align: center; }
.more { display: flex; margin: 16px auto 0; }
`);
