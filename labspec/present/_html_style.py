"""How the page looks: light and dark, narrow and wide, on paper."""

STYLE = """
:root{color-scheme:light dark;--back:#f5f6f8;--card:#fff;--sunk:#f1f3f6;--text:#1a212b;--dim:#566071;--line:#d8dde4;--link:#1a56b0;
--good:#11683a;--good-back:#e3f3e9;--bad:#a8201a;--bad-back:#fdeae8;--warn:#6f4a00;--warn-back:#fff3d4;--warn-line:#e0b64d;
--call:#2f6fc4;--answer:#23877a;--fail:#c5372f;
--t1:#1a56b0;--t1-back:#e4eefc;--t2:#8f4300;--t2-back:#fdeada;--t3:#6a35a8;--t3-back:#f0e7fb;
--t4:#0b6570;--t4-back:#ddf2f4;--t5:#96235f;--t5-back:#fbe5f0;--t6:#4d5d00;--t6-back:#eef3d3;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;--step:.9rem}
@media (prefers-color-scheme:dark){:root{--back:#11151b;--card:#1a2028;--sunk:#141a21;--text:#e4e9f0;--dim:#a2aebd;--line:#333d4a;--link:#8ab8ff;
--good:#7ddba4;--good-back:#14321f;--bad:#ff9d93;--bad-back:#431b19;--warn:#f3cb6c;--warn-back:#362a0d;--warn-line:#8a6a1e;
--call:#5d9bef;--answer:#4fb8a8;--fail:#f0776d;
--t1:#9cc3ff;--t1-back:#1b3152;--t2:#ffb884;--t2-back:#46290f;--t3:#d3b3ff;--t3-back:#35224f;
--t4:#7fd9e4;--t4-back:#0f363b;--t5:#ff9fcb;--t5-back:#471d33;--t6:#cfdd7c;--t6-back:#303711}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;padding:0 clamp(.75rem,3vw,2rem) 3rem;background:var(--back);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
header,nav,main{max-width:88rem;margin:0 auto}
h1,h2,h3,h4,p,ul,dl,pre,table{margin:0}
h1{font-size:clamp(1.6rem,4vw,2.2rem);line-height:1.2;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.3;margin-bottom:.75rem;overflow-wrap:anywhere}
h3{font-size:1.05rem;margin:1.75rem 0 .6rem;padding-top:.9rem;border-top:1px solid var(--line)}
h4{font-size:.95rem;margin:1rem 0 .4rem;overflow-wrap:anywhere}
code,pre{font-family:var(--mono);font-size:.86em}
section>:last-child{margin-bottom:0}
.tags td,.tags tbody th,.fields td,.fields tbody th,.hops td,.hops tbody th[scope=row]{font:.84em/1.6 var(--mono);overflow-wrap:anywhere}
.tags tbody th,.fields tbody th,.hops tbody th[scope=row]{font-weight:600}
td p,.tags .dim,.hops .dim{font:.88rem/1.5 system-ui,sans-serif}
td code,dd code,th code{overflow-wrap:anywhere}
small{font-size:.85em;font-weight:400;color:var(--dim)}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
.wrap{overflow-wrap:anywhere}
.dim{color:var(--dim)}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
header{padding:2rem 0 .5rem}
.title{color:var(--dim);font-size:.9rem;letter-spacing:.03em}
.variant{display:inline-block;vertical-align:middle;font-size:.55em;font-weight:600;padding:.1em .6em;border:1px solid var(--line);border-radius:1em;background:var(--card)}
.overall{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .7rem;margin:1rem 0;padding:.7rem 1rem;border:2px solid;border-radius:.6rem;font-size:1.05rem}
.overall strong{font-size:1.3rem}
.sign{font-size:1.5rem;line-height:1;font-weight:700}
.good{color:var(--good)}.bad{color:var(--bad)}
.overall.good{background:var(--good-back)}.overall.bad{background:var(--bad-back)}
.told{max-width:50rem;margin:.5rem 0;white-space:pre-line;overflow-wrap:anywhere}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 1.75rem}
.facts div{min-width:0}
dt{font-size:.8rem;color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}
header .facts{margin-top:1rem}
nav ul{display:flex;flex-wrap:wrap;gap:.35rem 1.25rem;list-style:none;padding:.75rem 0}
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:clamp(.85rem,2.5vw,1.4rem);margin:0 0 1rem}
summary{cursor:pointer;overflow-wrap:anywhere}
main ul{padding-left:1.2rem}
.mark{display:inline-block;font-weight:600;font-size:.85rem;padding:.05rem .55rem;border-radius:1rem;white-space:nowrap}
.mark.good{background:var(--good-back)}.mark.bad{background:var(--bad-back)}
.request{border-top:1px solid var(--line);padding:.6rem 0}
h2+.request{border-top:0;padding-top:0}
.request>p{margin-top:.5rem}
main .verdicts{list-style:none;padding:0;margin-top:.5rem}
.verdicts>li{display:grid;grid-template-columns:5.5rem 5.5rem minmax(0,1fr);gap:.15rem .75rem;align-items:baseline;padding:.4rem 0;border-top:1px solid var(--line);color:var(--text)}
.verdicts .mark{justify-self:start}
.verdicts div,.otherwise{overflow-wrap:anywhere}
.verdicts div ul{color:var(--bad);margin-top:.2rem}
.whole>summary h2{display:inline;margin:0}
.scroll{overflow-x:auto;max-width:100%}
pre{padding:.7rem .85rem;background:var(--sunk);border:1px solid var(--line);border-radius:.4rem;line-height:1.45;tab-size:4}
.raw{white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{overflow-wrap:anywhere;text-align:left;vertical-align:top;padding:.32rem .75rem .32rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600}
.flow{table-layout:fixed}
thead th:first-child{width:28%}.hops thead th:first-child{width:20%}.tags thead th:first-child{width:33%}.tags thead th:last-child{width:24%}
thead th{font-size:.8rem;font-weight:400;color:var(--dim)}
.group th{padding-top:.8rem;color:var(--dim);font-size:.88rem}
td p{margin-top:.25rem}
.note,.break{background:var(--warn-back);color:var(--warn);border-left:3px solid var(--warn-line);padding:.2rem .6rem;border-radius:0 .3rem .3rem 0}
.otherwise{color:var(--bad);background:var(--bad-back);border-left:3px solid var(--bad);padding:.2rem .6rem;border-radius:0 .3rem .3rem 0}
span.otherwise{display:inline-block}
section details{margin:.4rem 0}
.chip{display:inline-block;font:600 .78rem/1.5 system-ui,sans-serif;padding:0 .5em;border-radius:1em;white-space:nowrap}
.id{border-radius:.2em}
.s{border-bottom:1px dotted var(--dim)}
.t1{color:var(--t1);background:var(--t1-back)}.t2{color:var(--t2);background:var(--t2-back)}.t3{color:var(--t3);background:var(--t3-back)}
.t4{color:var(--t4);background:var(--t4-back)}.t5{color:var(--t5);background:var(--t5-back)}.t6{color:var(--t6);background:var(--t6-back)}
td small{font-family:system-ui,sans-serif;font-size:.92em}
.begun{font-size:.92rem;color:var(--dim);margin-bottom:.3rem}
.fall{border:1px solid var(--line);border-radius:.4rem;overflow:hidden}
.fall>*{margin:0;border-top:1px solid var(--line)}
.fall>:first-child{border-top:0}
.row{display:grid;grid-template-columns:minmax(0,min(24rem,42%)) minmax(0,1fr) 5.25rem;gap:.75rem;align-items:center;padding:.28rem .7rem}
.row::-webkit-details-marker{display:none}
.span[open]{background:var(--sunk)}
summary.row:hover{background:var(--sunk)}
summary.row:focus-visible{outline-offset:-3px}
.who{position:relative;display:block;padding-left:calc(var(--d,0)*var(--step) + 1.1rem);overflow-wrap:anywhere;
background:repeating-linear-gradient(90deg,var(--line) 0 1px,transparent 1px var(--step)) .3rem 0/calc(var(--d,0)*var(--step)) 100% no-repeat}
.who::before{content:"";position:absolute;left:calc(var(--d,0)*var(--step) + .2rem);top:.5em;border:.3em solid transparent;border-left-color:var(--dim);border-right:0}
[open]>.row .who::before{transform:rotate(90deg)}
.kind{font-size:.88em;font-weight:400;color:var(--dim)}
.status{font-size:.8rem;font-weight:600;padding:0 .45em;border:1px solid;border-radius:1em}
.track{position:relative;height:1.05rem;background:linear-gradient(90deg,transparent calc(50% - .5px),var(--line) 0 calc(50% + .5px),transparent 0);border-left:1px solid var(--line);border-right:1px solid var(--line)}
.track i{position:absolute;top:.2rem;bottom:.2rem;min-width:3px;border-radius:2px;background:var(--call)}
.track i.answer{background:var(--answer)}.track i.bad{background:var(--fail)}
.took{text-align:right;font-variant-numeric:tabular-nums;font-size:.9rem}
.axis{font-size:.8rem;color:var(--dim);background:var(--sunk)}
.axis span:nth-child(2){display:flex;justify-content:space-between}
.axis span:last-child{text-align:right}
.axis i{font-style:normal}
.break{margin:0;padding:.35rem .7rem .35rem calc(var(--d,0)*var(--step) + 1.1rem)}
.inside{padding:.5rem .9rem .9rem calc(.7rem + 1.1rem)}
.inside table{margin-top:.6rem}
.inside .facts{font-size:.92rem}
.line{margin-bottom:1.25rem}
.graph{display:block;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.graph text{fill:var(--text);text-anchor:middle}
.graph .left{text-anchor:start;font-size:12px;fill:var(--dim)}
.graph .name{font-size:13px;font-weight:600}
.graph .role{font-size:11px;fill:var(--dim)}
.graph .label{font:11px var(--mono)}
.graph rect.ground{fill:var(--card);stroke:none}
.graph rect{fill:var(--sunk);stroke:var(--dim)}
.graph .none rect{stroke-dasharray:4 3}
.graph rect.sidecar{fill:var(--t1-back);stroke:var(--t1);stroke-dasharray:none}
.graph text.sidecar{font-size:10.5px;fill:var(--t1)}
.graph path{fill:none;stroke:var(--dim);stroke-width:1.3}
.graph path.head{fill:var(--dim);stroke:none}
.graph path.rule{stroke:var(--line);stroke-dasharray:2 4}
.graph path.spans{stroke-dasharray:5 4}
@media (max-width:46rem){
:root{--step:.45rem}
.verdicts>li{grid-template-columns:auto minmax(0,1fr)}
.verdicts div{grid-column:1/-1}
.row{grid-template-columns:minmax(0,1fr) auto;gap:.1rem .6rem;padding:.4rem .6rem}
.row .track,.axis span:nth-child(2){grid-column:1/-1;grid-row:2}
.track{height:.8rem}
.track i{top:.1rem;bottom:.1rem}
.inside{padding:.4rem .6rem .8rem}
.flow,.flow tbody,.flow tr,.flow td,.flow tbody th{display:block;width:100%}
.flow thead{display:none}
.flow tr{padding:.4rem 0;border-bottom:1px solid var(--line)}
.flow th,.flow td{border:0;padding:.1rem 0}
.flow td::before{font:.78rem system-ui,sans-serif;color:var(--dim)}
.tags td:nth-child(2)::before,.hops td:nth-child(3):not(:empty)::before{content:"seen  "}
.tags td:nth-child(3):not(:empty)::before,.hops td:nth-child(2)::before{content:"predicted  "}
.flow.calls td{display:inline;margin-right:.4em}
.calls td:nth-child(2)::before{content:"calls "}
.calls td:nth-child(4)::before{content:"in "}
}
@media print{
body{background:#fff;padding:0;font-size:10pt}
nav{display:none}
section{border:0;padding:0}
.scroll{overflow:visible;white-space:pre-wrap}
.graph{max-width:100%;height:auto}
.track i,.chip,.mark,.overall{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""
