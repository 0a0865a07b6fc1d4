// Events whose texts try to look like something else: lines, fields, frames, ends, other encodings.

const kTexts = [
  "", " ", "  two", "data: x", "id: 9", "event: job-completed", "retry: 1", ": comment", ":", "data", "id", "\n", "\r", "\r\n", "\n\n",
  "\r\r", "\r\n\r\n", "a\nb", "a\rb", "\ndata: forged\n\n", "\n\nevent: reset\ndata: {}\n\n", "x\n\nid: zzzzzzzz-1\n\n", "\u0000", "a\u0000b", "\ufeff",
  "\ufeffdata: a", "\u2028", "a\u2028b\u2029c", "\u0085", "\u000b\u000c\u001c\u001d\u001e", "\u007f", "\u00a0", "é", "日本語", "😀👨‍👩‍👧", "\u{10ffff}", "\u200f\u202e",
  "\\", "\\n", "\\u0000", "\"", "\"}\n\n", "</script><script>", "<!--", "&amp;", "{}", "[]", "null", "%0A%0A", "\t", "\u0001\u0002\u001f", "\b\f",
  "x".repeat(9000), "é".repeat(3000), "\n".repeat(500), "\r".repeat(500), "\u2028".repeat(300), "data: a\n".repeat(200), "😀".repeat(2000),
];

/** At most so many characters, none of them cut in two. */
const cut = (text, most) => [...text].slice(0, most).join("");

/** `count` events of `job`, the same in every run. */
export function hostileEvents(job, count) {
  const kinds = [
    (text) => ({ output: { line: { text, stream: "stdout" } } }),
    (text) => ({ notice: { severity: "WARNING", text, code: "X" } }),
    (text) => ({ notice: { severity: "ERROR", text, content: { [cut(text, 40)]: text } } }),
    (text, i) => ({ progress: { step: "a", fraction: (i % 100) / 100, message: cut(text, 500) } }),
    (text) => ({ custom: { name: "hostile-custom", payload: { text, list: [text, null, 1e300, -0.5] } } }),
    (text) => ({ status: { state: "RUNNING", message: cut(text, 500) } }),
  ];
  return Array.from({ length: count }, (_, i) => {
    const text = kTexts[i % kTexts.length];
    const next = kTexts[(i * 7 + 3) % kTexts.length];
    return { job, ...kinds[Math.floor(i / kTexts.length) % kinds.length](cut(text + next, 4000), i) };
  });
}
