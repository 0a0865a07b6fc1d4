// How a job looks. It suits the width that it is given, not the window's.
import { newSheet } from "./dom.js";

export const jobSheet = newSheet(`
:host { display: block; container-type: inline-size; min-width: 0; }
:host([hidden]) { display: none; }

.job {
  display: grid;
  gap: 8px;
  min-width: 0;
  padding: var(--milepost-padding, 16px 20px 20px);
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--surface);
  overflow-wrap: anywhere;
}
.job:focus { outline: none; }
.job:focus-visible { outline: 2px solid var(--active); }

.head { display: flex; align-items: center; gap: 8px; min-height: 24px; min-width: 0; }
.head .ahead { font-weight: 500; white-space: nowrap; }
.head .quiet { min-width: 0; overflow: hidden; text-overflow: ellipsis; color: var(--quiet); font-size: 13px; white-space: nowrap; }
.head > span:empty { display: none; }
.name {
  flex: 0 1 auto;
  margin-left: auto;
  min-width: 4ch;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  color: var(--quiet);
  font: 12px/20px var(--mono);
}
.attempt { color: var(--quiet); font-size: 12px; white-space: nowrap; }

.title-line { display: flex; flex-wrap: wrap; align-items: start; gap: 4px 16px; min-height: 32px; }
.title { flex: 1 1 9rem; min-width: 0; font-size: 17px; line-height: 24px; font-weight: 600; letter-spacing: -0.005em; }
.title { padding-top: 4px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; }
.actions:not(:has(> :not([hidden]))) { display: none; }
.request { flex: 1 1 100%; color: var(--quiet); font-size: 13px; text-align: right; }
.request.problem { color: var(--bad); }

.line { display: grid; grid-template-columns: 1fr 6ch; align-items: center; gap: 8px; }
.percent { text-align: right; font-weight: 600; min-height: 20px; white-space: nowrap; }

.times { display: flex; flex-wrap: wrap; gap: 0 16px; min-height: 20px; color: var(--quiet); font-size: 13px; }
.times .moved { margin-left: auto; }

.message { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; min-height: 20px; white-space: pre-line; }
.message .step { font-weight: 500; }
.message .step:not(:empty):not(:has(+ :empty))::after { content: " · "; color: var(--quiet); }
[data-look="unknown"] .message { color: var(--quiet); }

.callout {
  padding: 8px 12px;
  border-radius: 8px;
  border-left: 3px solid var(--tone);
  background: color-mix(in srgb, var(--tone) 8%, transparent);
  white-space: pre-line;
}
.error { --tone: var(--bad); display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; }
.error p { flex: 1 1 14rem; min-width: 0; }
.code { margin-right: 8px; color: var(--bad); font: 600 12px/20px var(--mono); }
.retryable { margin-left: 6px; color: var(--quiet); }
.notice { --tone: var(--active); }
.notice[data-severity="warning"] { --tone: var(--warn); }
.notice[data-severity="error"] { --tone: var(--bad); }

.steps { display: grid; gap: 8px; margin-top: 8px; padding-top: 12px; border-top: 1px solid var(--line); }
.steps.many { max-height: 416px; overflow-y: auto; overscroll-behavior: contain; }
.steps li {
  display: grid;
  grid-template-columns: 12px minmax(0, 1fr) 44cqi 7ch;
  align-items: center;
  gap: 0 12px;
}
.steps li.part { padding-left: 24px; }
.steps .title { padding: 0; font-size: 14px; line-height: 20px; font-weight: 400; letter-spacing: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.steps li[aria-current] .title { font-weight: 600; }
.steps li[data-step="planned"] .title, .steps li[data-step="skipped"] .title { color: var(--quiet); }
.steps li[data-step="done"], .steps li[data-step="cached"] { --tone: var(--good); }
.steps li[data-step="skipped"] { --tone: var(--edge); }
.steps li[data-step="failed"] { --tone: var(--bad); }
.steps .number { color: var(--quiet); font-size: 13px; text-align: right; white-space: nowrap; }
.steps li[data-step="failed"] .number { color: var(--bad); }
.steps .note { grid-column: 2 / -1; color: var(--quiet); font-size: 13px; }
.bar.thin { height: 4px; }
.mark { width: 10px; height: 10px; border-radius: 50%; border: 2px solid var(--track); }
li[data-step="started"] .mark { border-color: var(--tone); }
li[data-step="done"] .mark, li[data-step="cached"] .mark, li[data-step="failed"] .mark { border-color: var(--tone); background: var(--tone); }
li[data-step="skipped"] .mark { border-style: dotted; border-color: var(--tone); }

.artifacts { display: flex; flex-wrap: wrap; align-items: start; gap: 8px; margin-top: 4px; }
.artifacts li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 8px; max-width: 100%; padding: 4px 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--sunken); }
.artifacts li.preview { flex-direction: column; width: 176px; padding: 8px; }
.artifacts .artifact { min-width: 0; }
.artifacts img { display: none; }
.artifacts .preview img { display: block; width: 158px; height: 104px; margin-bottom: 4px; border-radius: 4px; background: var(--track); object-fit: cover; }
.artifacts .facts { color: var(--quiet); font-size: 12px; }

pre { font: 12px/18px var(--mono); padding: 12px; border-radius: 8px; background: var(--sunken); overflow: auto; max-height: 15rem; white-space: pre-wrap; }
.tail summary { width: fit-content; padding: 4px 0; color: var(--quiet); font-size: 13px; cursor: pointer; }
.tail .lines { margin-top: 4px; }

@container (max-width: 30rem) {
  .job { padding: var(--milepost-padding, 12px 16px 16px); }
  .steps li { grid-template-columns: 12px minmax(0, 1fr) 7ch; }
  .steps .bar { grid-column: 2 / -1; grid-row: 2; margin: 4px 0; }
  .request { text-align: left; }
  .head .at-most { display: none; }
}
`);
