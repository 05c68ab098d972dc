"""How the page of a report looks: light, dark and printed. Colour only repeats what words say already."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --quiet: #57606a; --paper: #ffffff; --panel: #f5f6f8; --line: #d5d9de;
  --good: #17663a; --good-bg: #e6f4ea; --bad: #a3151f; --bad-bg: #fdecec; --wait: #7a4b00; --wait-bg: #fff4dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e7eb; --quiet: #a3acb7; --paper: #14171b; --panel: #1d2127; --line: #363c45;
    --good: #7fd6a0; --good-bg: #12301f; --bad: #ff9a9a; --bad-bg: #3a1719; --wait: #f0c674; --wait-bg: #352a12;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 64rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
header { border-left: .5rem solid; padding: 1rem 1.25rem; border-radius: .25rem; }
header.good { border-color: var(--good); background: var(--good-bg); }
header.bad { border-color: var(--bad); background: var(--bad-bg); }
header.wait { border-color: var(--wait); background: var(--wait-bg); }
header .word { margin: 0; font-size: 1.9rem; font-weight: 700; line-height: 1.2; letter-spacing: .02em; }
.good .word, td.good { color: var(--good); }
.bad .word, td.bad { color: var(--bad); }
.wait .word, td.wait { color: var(--wait); }
td.good, td.bad, td.wait { font-weight: 600; white-space: nowrap; }
h1 { margin: .25rem 0 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
header p { margin: .5rem 0 0; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.25rem; margin: 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85em; }
code { overflow-wrap: anywhere; }
pre { padding: .75rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: .25rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
bdi { unicode-bidi: isolate; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--quiet); padding-bottom: .5rem; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.name { overflow-wrap: anywhere; min-width: 10rem; width: 100%; }
td.size, th.size { text-align: right; white-space: nowrap; padding-right: 0; }
div.digest { color: var(--quiet); font-size: .9em; overflow-wrap: anywhere; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
li { overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--quiet);
  font-size: .9rem; }
@media (max-width: 40rem) {
  table, tbody, tr, td { display: block; }
  caption { display: block; }
  thead { display: none; }
  td { border: 0; padding: .1rem 0; }
  td.size { text-align: left; }
  td.good, td.bad, td.wait { white-space: normal; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media print {
  :root { --ink: #000; --quiet: #444; --paper: #fff; --panel: #fff; --line: #bbb;
    --good: #000; --good-bg: #fff; --bad: #000; --bad-bg: #fff; --wait: #000; --wait-bg: #fff; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  header { border: 2px solid #000; }
  thead { display: table-header-group; }
  tr, h2, header { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
