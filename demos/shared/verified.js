// What the gateway has verified of a server before it let the page talk to it within TLS. Must never show anything as verified
// that the gateway did not say.

/** @param {HTMLElement} list a `dl` @param {{ version: string, cipher: string, servername: string, certificate: string, alpn?: string }} [tls] of `opened`; none where it is spoken to in the clear */
export function showVerified(list, tls) {
  if (!tls) return show(list, { TLS: "none: what is said here is said in the clear behind the gateway" });
  const { version, alpn, servername: Name, cipher: Cipher, certificate } = tls;
  show(list, { Name, TLS: version.replace("v", " ") + (alpn ? `, ${alpn}` : ""), Cipher, Certificate: `SHA-256 ${certificate.replace(/(..)(?=.)/g, "$1:")}` }, "code");
}

/** What was verified of another server says nothing of the next one. @param {HTMLElement} list */
export function forgetVerified(list) {
  show(list, { TLS: "not connected yet" });
}

function show(list, facts, kind = "span") {
  const parts = Object.entries(facts).flatMap(([name, value]) => {
    const [term, description, text] = ["dt", "dd", kind].map((name) => document.createElement(name));
    term.textContent = name;
    text.textContent = value;
    description.append(text);
    return [term, description];
  });
  list.replaceChildren(...parts);
}
