/// How a report looks: on a phone, on a desk, in the dark and on paper.
enum ReportStyle {
  /// What stands in the head of every page: nothing is loaded from anywhere.
  static let head = """
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1">
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
    """

  static let css = """

    :root{color-scheme:light dark;--page:#fff;--text:#1b1f23;--soft:#57606a;--line:#d0d7de;--tint:#f6f8fa;\
    --box:#fff;--arrow:#6e7781;--link:#0059a8;--p:#0072b2;--m:#e69f00;--r:#009e73}
    @media (prefers-color-scheme:dark){:root{--page:#14171a;--text:#e6e9ec;--soft:#a6b0ba;--line:#3a4249;\
    --tint:#1b2024;--box:#1d2226;--arrow:#8c959f;--link:#6cb6ff;--p:#56b4e9;--m:#e69f00;--r:#2bbd94}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--page);color:var(--text);\
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif}
    main,header,footer{max-width:1080px;margin:0 auto;padding:0 16px}
    h1{font-size:1.7rem;line-height:1.25;margin:28px 0 8px}
    h2{font-size:1.35rem;margin:44px 0 8px;padding-top:12px;border-top:1px solid var(--line);overflow-wrap:anywhere}
    h3{font-size:1.05rem;margin:26px 0 6px}
    p{margin:6px 0;max-width:46rem}
    a{color:var(--link)}
    ul.text{max-width:46rem;padding-left:1.2em;margin:6px 0}
    ul.text li{margin:3px 0;overflow-wrap:anywhere}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;padding:0;margin:8px 0}
    .note,footer{color:var(--soft);font-size:.875rem}
    footer{margin:40px auto 28px}
    .scroll{overflow-x:auto;max-width:100%}
    .scroll>svg{display:block;margin:0 auto;max-width:100%;height:auto}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}
    .sorts{margin:12px 0;min-width:100%}
    .sorts th,.sorts td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
    .sorts .text{text-align:left}
    .sorts thead th{background:var(--tint);vertical-align:bottom;white-space:normal}
    .sorts button{all:unset;cursor:pointer;font-weight:600;font-size:.875rem}
    .sorts button:focus-visible{outline:2px solid var(--link)}
    .sorts [aria-sort=ascending] button::after{content:" ▲"}
    .sorts [aria-sort=descending] button::after{content:" ▼"}
    .sorts tbody th{font-weight:600}
    button.fold{font:inherit;font-size:.875rem;color:var(--text);background:var(--tint);border:1px solid var(--line);\
    border-radius:6px;padding:3px 10px;margin:4px 6px 4px 0;cursor:pointer}
    \(ChartStyle.css)\
    .narrow{display:none}
    @media (max-width:640px){.wide{display:none}.narrow{display:block}}
    dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:8px 16px;margin:10px 0}
    dt{color:var(--soft);font-size:.8125rem}
    dd{margin:0;font-weight:600;overflow-wrap:anywhere}
    .flow{display:flex;flex-direction:column;align-items:center;min-width:0}
    .flow>*{max-width:100%}
    .box{border:1px solid var(--line);border-left:5px solid var(--line);border-radius:5px;background:var(--box);\
    padding:4px 10px;width:34rem;font-size:.875rem;line-height:1.4}
    div.box,.box>summary{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 14px}
    .box>summary{cursor:pointer;margin:-4px -10px;padding:4px 10px;list-style:none;border-radius:4px}
    .box>summary::-webkit-details-marker{display:none}
    .box>summary::before{content:"▸";color:var(--soft);width:.8em;margin-right:-8px}
    .box[open]>summary::before{content:"▾"}
    .box>summary:hover{background:var(--tint)}
    .box>summary:focus-visible{outline:2px solid var(--link)}
    .box .w{flex:1 1 auto;overflow-wrap:anywhere}
    .box .n{font-weight:600}
    .box .s,.box .cost{color:var(--soft)}
    .box .cost{font-variant-numeric:tabular-nums}
    .box.end{width:auto;border:1px solid var(--line);border-radius:14px;background:var(--tint);padding:2px 16px}
    details.box[open]{width:100%;background:var(--tint)}
    details.box[open]>.flow{padding:14px 0 6px}
    @media (max-width:640px){details.box[open]{padding:4px 5px}.box>summary{margin:-4px -5px}}
    .arrow{position:relative;width:100%;padding-left:calc(50% + 10px);font-size:.8125rem;color:var(--soft);\
    line-height:22px;font-variant-numeric:tabular-nums}
    .arrow::before{content:"";position:absolute;left:50%;top:0;height:18px;margin-left:-.65px;\
    border-left:1.3px solid var(--arrow)}
    .arrow::after{content:"";position:absolute;left:50%;bottom:0;margin-left:-4px;border:4px solid transparent;\
    border-bottom:0;border-top:7px solid var(--arrow)}
    \(kinds)
    .bars{width:100%;table-layout:fixed;font-size:.8125rem;line-height:1.25}
    .bars th{font-weight:400;text-align:left;padding:2px 8px 2px 0;overflow-wrap:anywhere}
    .bars em{font-style:normal;color:var(--soft)}
    .bars thead th{overflow-wrap:normal;font-weight:600;vertical-align:bottom;border-bottom:1px solid var(--line)}
    .bars td{padding:2px 8px 2px 0;vertical-align:middle}
    .bars tbody tr:nth-child(even){background:var(--tint)}
    .bar{display:block;width:100%;height:8px}
    .bars span{color:var(--soft);white-space:nowrap}
    .bars span.wrap{white-space:normal}
    .bar .bound{stroke:var(--text);stroke-width:2;vector-effect:non-scaling-stroke;fill:none}
    .p{fill:var(--p)}.m{fill:var(--m)}.r{fill:var(--r)}
    @media (max-width:640px){.bars{font-size:.75rem}.bars td,.bars th{padding-right:4px}\
    .bars thead th{font-size:.6875rem}.sorts th,.sorts td{padding:5px 7px}.sorts thead th{white-space:nowrap}}
    @media (min-width:900px){.bars td{padding-right:24px}.bars th:first-child{width:27%}}
    @media print{
    :root{--page:#fff;--text:#000;--soft:#333;--line:#bbb;--tint:#f4f4f4;--box:#fff;--arrow:#555;--p:#0072b2;\
    --m:#e69f00;--r:#009e73}
    body{font-size:10pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
    main,header,footer{max-width:none;padding:0}
    button.fold,nav{display:none}
    .scroll{overflow:visible}
    .scroll>svg{min-width:0!important}
    .sorts{font-size:8pt}
    .sorts th,.sorts td{padding:3px 5px}
    tr,.box:not([open]),.arrow,dl{break-inside:avoid}
    h2,h3{break-after:avoid}
    }

    """

  private static let kinds = DiagramBlock.Kind.allCases.map { kind in
    ".box.\(kind.rawValue){border-left-color:\(kind.colour)}"
  }.joined(separator: "\n")
}
