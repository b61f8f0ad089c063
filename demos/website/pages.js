// The two pages that a site has without anybody having written them: a folder's list, and "not found". Names of files and
// paths are strangers' words: must never put one into markup without escaping it.

const STYLE = `:root { color-scheme: light dark; --accent: light-dark(#0a6570, #71d1cf) }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif;
  color: light-dark(#1a2226, #e6ebe9); background: light-dark(#f6f5f1, #11171a); overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.2 } a { color: var(--accent) } ul { padding: 0; list-style: none }
li { border-top: 1px solid light-dark(#dbdad2, #2d383d) } li a { display: block; padding: .45rem 0 }`;

/** @param {string} path @param {string[]} names of what is in it; folders end with a slash */
export function folderPage(path, names) {
  if (!names.length) return html("Nothing here yet", "<p>This site is served by a browser tab, and nobody has put a file into it so far.</p>");
  const up = path === "/" ? [] : ["../"];
  const items = [...up, ...names].map((name) => `<li><a href="${escape(link(name))}">${escape(name)}</a></li>`);
  return html(path === "/" ? "Files" : `Files in ${path}`, `<ul>${items.join("")}</ul>`);
}

/** @param {string} path */
export function notFoundPage(path) {
  return html("Not found", `<p>There is nothing at <code>${escape(path)}</code>.</p><p><a href="/">To the first page</a></p>`);
}

function html(title, body) {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>`;
  return `<!doctype html><html lang="en"><head>${head}<style>${STYLE}</style></head><body><main><h1>${escape(title)}</h1>${body}</main></body></html>`;
}

/** Relative, even when a name looks like a scheme. */
function link(name) {
  return name === "../" ? name : `./${encodeURIComponent(name).replace(/%2F$/, "/")}`;
}

function escape(text) {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
