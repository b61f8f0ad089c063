// What the gateway has verified of a server before it let the page talk to it within TLS. Must never show anything as verified
// that the gateway did not say.

/** @param {HTMLElement} list a `dl`; empty without TLS @param {{ version: string, cipher: string, servername: string, certificate: string, alpn?: string }} [tls] of `opened` */
export function showVerified(list, tls) {
  const facts = tls && {
    Name: tls.servername,
    TLS: `${tls.version.replace("v", " ")}${tls.alpn ? `, ${tls.alpn}` : ""}`,
    Cipher: tls.cipher,
    Certificate: "SHA-256 " + tls.certificate.replace(/(..)(?=.)/g, "$1:"),
  };
  const parts = Object.entries(facts ?? { TLS: "none: what is said here is said in the clear behind the gateway" }).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    term.textContent = name;
    const description = document.createElement("dd");
    const code = document.createElement("code");
    code.textContent = value;
    description.append(tls ? code : value);
    return [term, description];
  });
  list.replaceChildren(...parts);
  list.hidden = false;
}
