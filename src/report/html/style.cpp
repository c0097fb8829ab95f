// SPDX-License-Identifier: MIT
// Colours: rules after Okabe & Ito (2008), darkened or lightened until they stand out from the background by 3:1; gains
// blue, losses orange, which all common kinds of colour blindness tell apart. Text has a contrast of 4.5:1 or more;
// scripts/check_report.py measures it.
#include "report/html/style.h"

namespace ttscale::report::html {
namespace {

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#57606a;--edge:#d0d7de;--card:#f6f8fa;--link:#0a5aa8;
--win:#0b4f9c;--loss:#a3400a;--warn-bg:#fff4e0;--warn-edge:#b35900;
--rs:#6b6b6b;--r0:#0072b2;--r1:#c44e00;--r2:#007a5a;--r3:#a8508a;--r4:#8a6a00;--r5:#2b84bb;--r6:#7a4fb5;
--bin:#8fb8de;--over:#d9762b;--under:#2f6fb5;--count:#9aa4ae;--used:#c44e00;--batch:#0072b2;
--l5:#8c3d00;--l4:#b3540f;--l3:#f2a766;--l2:#f8cda3;--l1:#fcebdc;--n:#f3f4f6;
--g1:#e1eef9;--g2:#b9d8f0;--g3:#86bae4;--g4:#1f6fb5;--g5:#0b3d75;--strong:#fff;--weak:#14181d}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e8eaed;--soft:#a9b1ba;--edge:#3a4149;--card:#1d2126;
--link:#7cc0ff;--win:#7fc1ff;--loss:#ffab66;--warn-bg:#33260f;--warn-edge:#e0a040;
--rs:#a5a5a5;--r0:#56b4e9;--r1:#ff8a3d;--r2:#2cc79a;--r3:#e79cc9;--r4:#f0c300;--r5:#a8d8ff;--r6:#c3a2ff;
--bin:#3f6a94;--over:#ff9a4d;--under:#6db6ff;--count:#6a737d;--used:#ff8a3d;--batch:#56b4e9;
--l5:#ffc791;--l4:#e8954a;--l3:#8a4d10;--l2:#5f3f1d;--l1:#3f3122;--n:#272b30;
--g1:#1f3244;--g2:#1d476b;--g3:#1d5f9a;--g4:#67b0ea;--g5:#b3dbfa;--strong:#111417;--weak:#f2f4f6}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main,header,footer{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:20px}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.2em 0 .5em;border-bottom:1px solid var(--edge);padding-bottom:.2em}
h3{font-size:1.05rem;margin:1.4em 0 .5em}
p{margin:.5em 0;max-width:52rem;overflow-wrap:anywhere}
a{color:var(--link)}
code,pre{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--edge);border-radius:6px;padding:12px;white-space:pre-wrap}
.flag{white-space:nowrap}
.subtitle,.note,.caption{color:var(--soft)}
.note,.caption{font-size:.9rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;padding:0;margin:.6em 0;font-size:.9rem}
.verdict{font-size:1.15rem}
.cards{display:flex;flex-wrap:wrap;gap:12px;margin:1em 0}
.card{flex:1 1 200px;background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:10px 14px;min-width:0}
.big{font-size:1.8rem;font-weight:700;line-height:1.2;font-variant-numeric:tabular-nums}
.good .big{color:var(--win)}.bad .big{color:var(--loss)}
.what{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
.warnings{background:var(--warn-bg);border-left:4px solid var(--warn-edge);margin:0;padding:10px 14px 10px 32px;overflow-wrap:anywhere}
.warnings li{margin:.25em 0}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.875rem}
caption{text-align:left;font-weight:600;padding:4px 0;overflow-wrap:anywhere}
.heat{border-spacing:2px;border-collapse:separate}
.heat th{font-weight:600;text-align:right;padding:3px 6px;vertical-align:bottom;overflow-wrap:anywhere}
.heat th[scope=row],.heat .domain{text-align:left;vertical-align:middle;position:sticky;left:0;background:var(--bg);max-width:260px}
.heat thead .domain{vertical-align:bottom}
.heat th[scope=row],.heat .domain{min-width:96px}
.heat th.rule{min-width:104px;max-width:170px}
.heat td{text-align:right;padding:3px 6px;border-radius:3px;white-space:nowrap;min-width:104px}
.heat td b{font-weight:600}
.heat td small{font-size:.75rem;display:inline-block;min-width:3.4em}
.heat tfoot td,.heat tfoot th{border-top:2px solid var(--fg)}
.grid-map th{padding:2px 4px}
.grid-map .severity{text-align:center}
.grid-map th[scope=row]{max-width:124px;font-weight:400;line-height:1.15}
.grid-map td{min-width:44px;padding:2px 3px;text-align:center;line-height:1.15}
.grid-map td b,.grid-map td small{display:block;min-width:0}
.grid-map td small{font-size:.7rem}.grid-map td{height:2.4em}
.dn{background:transparent}.blank{background:transparent}
.d-5{background:var(--l5);color:var(--strong)}.d-4{background:var(--l4);color:var(--strong)}
.d-3{background:var(--l3);color:var(--weak)}.d-2{background:var(--l2);color:var(--weak)}
.d-1{background:var(--l1);color:var(--weak)}.d0{background:var(--n);color:var(--weak)}
.d1{background:var(--g1);color:var(--weak)}.d2{background:var(--g2);color:var(--weak)}
.d3{background:var(--g3);color:var(--weak)}.d4{background:var(--g4);color:var(--strong)}
.d5{background:var(--g5);color:var(--strong)}
.gain-key{display:flex;flex-wrap:wrap;align-items:center;gap:4px 8px;font-size:.8rem;margin:.6em 0}
.gain-key ol{list-style:none;display:flex;flex-wrap:wrap;padding:0;margin:0;gap:1px}
.gain-key li{padding:2px 6px;min-width:44px;text-align:center;white-space:nowrap}
.numbers th,.numbers td{padding:3px 10px;border-bottom:1px solid var(--edge);text-align:right;white-space:nowrap}
.numbers th[scope=row],.numbers th:first-child{text-align:left;position:sticky;left:0;background:var(--bg);white-space:normal;max-width:280px;min-width:110px;overflow-wrap:anywhere}
.numbers thead th{vertical-align:bottom;white-space:normal;max-width:150px}
.numbers .left-out{text-align:left;color:var(--soft)}
.extra td{white-space:normal}
.panels{display:flex;flex-wrap:wrap;gap:16px 20px;align-items:flex-start;margin:.6em 0}
.panel{margin:0;max-width:100%}
.panel figcaption{font-weight:600;font-size:.9rem;overflow-wrap:anywhere;max-width:260px}
svg{display:block;max-width:100%}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .axis-title{fill:var(--fg)}
svg.wide{max-width:none}
.grid{stroke:var(--edge);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.zero{stroke:var(--fg);stroke-width:1.5}
.boundary{stroke:var(--soft);stroke-width:1}.minor{stroke:var(--edge)}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.rs{stroke:var(--rs);stroke-width:1.6;stroke-dasharray:1 3;stroke-linecap:round}
.line.rs{stroke-width:2.4}
.r0{stroke:var(--r0)}.r1{stroke:var(--r1);stroke-dasharray:7 3}.r2{stroke:var(--r2);stroke-dasharray:10 3 2 3}
.r3{stroke:var(--r3);stroke-dasharray:4 2}.r4{stroke:var(--r4);stroke-dasharray:12 4}
.r5{stroke:var(--r5);stroke-dasharray:2 2}.r6{stroke:var(--r6);stroke-dasharray:8 2 2 2 2 2}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:.6em 0;font-size:.9rem}
.legend li{display:flex;gap:8px;align-items:center;min-width:0;overflow-wrap:anywhere}
.sample{flex:none}
.strips{list-style:none;padding:0;margin:.4em 0}
.strip-row{display:grid;grid-template-columns:minmax(120px,240px) 150px 340px;gap:4px 16px;align-items:center;padding:2px 0}
.strip-rule{font-weight:600;overflow-wrap:anywhere}
.strip-value{text-align:right;font-variant-numeric:tabular-nums}
.strip-none{color:var(--soft);font-size:.9rem}
.dot{fill-opacity:.55;stroke-width:1}.win{fill:var(--win);stroke:var(--win)}.dot.loss{fill:var(--loss);stroke:var(--loss)}
.point{fill:none}
.mean-bar{fill:var(--fg)}
.bin{fill:var(--bin)}.gap{fill-opacity:.35;stroke-width:1.5}
.over{fill:var(--over);stroke:var(--over)}.under{fill:var(--under);stroke:var(--under)}
.count{fill:var(--count)}.diagonal{stroke:var(--fg);stroke-width:1;stroke-dasharray:4 3}
.swatch{display:inline-block;width:14px;height:14px;flex:none;background:var(--bin)}
.gap-over{background:color-mix(in srgb,var(--over) 35%,transparent);border:2px solid var(--over)}
.gap-under{background:color-mix(in srgb,var(--under) 35%,transparent);border:2px solid var(--under)}
.batch-swatch{background:var(--batch);border-radius:50%}.used-swatch{background:var(--used)}
.between{stroke:var(--count);stroke-width:2}.batch-dot{fill:var(--batch)}.used-dot{fill:var(--used)}
.examples{list-style:none;padding:0;margin:.6em 0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:12px}
.example{display:flex;gap:12px;background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:10px;font-size:.875rem;min-width:0}
.example>div{min-width:0;overflow-wrap:anywhere}
.example img{width:96px;height:96px;object-fit:contain;image-rendering:pixelated;flex:none;background:var(--edge);border-radius:4px}
.who{font-weight:600;margin-right:.4em}.right .mark{color:var(--win)}.wrong .mark{color:var(--loss)}
.path{color:var(--soft);font-size:.8rem}
details{margin:.8em 0}summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}
.group{border:1px solid var(--edge);border-radius:8px;padding:8px 12px}
dl{display:grid;grid-template-columns:minmax(100px,180px) 1fr;gap:6px 16px}
dt{font-weight:600}dd{margin:0;min-width:0;overflow-wrap:anywhere}dd ul{margin:0;padding-left:1.2em}
footer{color:var(--soft);font-size:.85rem;padding-top:24px;padding-bottom:40px}
@media(max-width:760px){main,header,footer{padding-left:14px;padding-right:14px}
.strip-row{grid-template-columns:1fr auto}.strip-row .strip,.strip-none{grid-column:1/-1}
.heat th[scope=row],.heat .domain{max-width:128px}.heat td,.heat th.rule{min-width:88px}
.cards{gap:8px}.card{flex-basis:150px;padding:8px 10px}
.gain-key ol{flex-wrap:nowrap;width:100%}.gain-key li{flex:1 1 0;min-width:0;padding:2px 0;font-size:.65rem}
.grid-map th[scope=row]{max-width:96px}.grid-map td{min-width:40px}
.numbers th[scope=row],.numbers th:first-child{max-width:130px}
dl{grid-template-columns:1fr;gap:2px}dd{margin-bottom:8px}.big{font-size:1.35rem}}
@media print{details:not([open]){display:none}.scroll{overflow:visible}}
)css";

}  // namespace

const char* style_sheet() { return kStyle; }

}  // namespace ttscale::report::html
