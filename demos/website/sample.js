// A small site for those with no files at hand: pages, a picture, a tune to seek in, and something large enough to watch.
// Made here, so that nothing has to be fetched.

const RATE = 8000;
const NOTES = [262, 294, 330, 392, 440, 392, 330, 294];
const NOTE_SECONDS = 0.75;
const ROUNDS = 5;
const NOISE_MIB = 32;

/** @returns {Promise<import("./pick.js").Picked[]>} */
export async function sample() {
  const file = (path, parts) => ({ path, file: new File(parts, path.split("/").at(-1), { lastModified: 0 }) });
  return [
    file("index.html", [INDEX]),
    file("404.html", [page("Not here", "<p>Even this page, which says that there is none, came from the tab.</p><p><a href=\"/\">Back</a></p>")]),
    file("style.css", [STYLE]),
    file("pictures/route.svg", [PICTURE]),
    file("tune.wav", [tune()]),
    file("noise.bin", noise()),
  ];
}

function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/pictures/route.svg">
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`;
}

const INDEX = page(
  "Served from a tab",
  `<p>This page, its style, its picture and its tune come from a browser tab. Close the tab and they are gone.</p>
<p><img src="pictures/route.svg" alt="A visitor, the gateway and the tab, with lines between them" width="360" height="90"></p>
<h2>A tune to seek in</h2>
<p><audio controls preload="metadata" src="tune.wav"></audio></p>
<h2>Something large</h2>
<p><a href="noise.bin" download>noise.bin, ${NOISE_MIB} MiB</a></p>
<h2>Something that is not there</h2>
<p><a href="/nowhere">/nowhere</a></p>`,
);

const STYLE = `:root { color-scheme: light dark; --accent: light-dark(#0a6570, #71d1cf) }
body { margin: 0; font: 1.05rem/1.6 system-ui, sans-serif; color: light-dark(#1a2226, #e6ebe9); background: light-dark(#f6f5f1, #11171a) }
main { max-width: 40rem; margin: 0 auto; padding: 3rem 1rem }
h1 { font-size: 2.2rem; line-height: 1.15; letter-spacing: -.02em } h2 { font-size: 1.15rem; margin-top: 2rem }
a { color: var(--accent) } img { max-width: 100%; height: auto } audio { width: 100% }
`;

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 90">
<rect width="360" height="90" rx="12" fill="#0a6570"/>
<path d="M60 45h240" stroke="#7fe0dc" stroke-width="4"/>
<g fill="#fff"><circle cx="60" cy="45" r="18"/><circle cx="180" cy="45" r="18"/><circle cx="300" cy="45" r="18"/></g>
</svg>
`;

/** PCM, 16 bit, one channel, in a RIFF file. */
function tune() {
  const perNote = RATE * NOTE_SECONDS;
  const samples = new Int16Array(perNote * NOTES.length * ROUNDS);
  for (let i = 0; i < samples.length; i++) {
    const pitch = NOTES[Math.floor(i / perNote) % NOTES.length];
    const fade = Math.exp((-3 * (i % perNote)) / perNote);
    samples[i] = Math.sin((2 * Math.PI * pitch * i) / RATE) * fade * 9000;
  }
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, words) => [...words].forEach((char, i) => header.setUint8(at + i, char.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + samples.byteLength, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, RATE, true);
  header.setUint32(28, RATE * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  text(36, "data");
  header.setUint32(40, samples.byteLength, true);
  return new Blob([header, samples]);
}

/** Random, so that nothing on its way can make it smaller. */
function noise() {
  return Array.from({ length: NOISE_MIB }, () => {
    const bytes = new Uint8Array(1 << 20);
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    return bytes;
  });
}
