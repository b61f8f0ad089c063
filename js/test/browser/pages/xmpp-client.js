// In a page: an XMPP client (RFC 6120, RFC 6121), as far as logging in and one-to-one messages need it.

import { decode, encode, scram } from "./scram.js";

const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NAMESPACES = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
const TAG = /<(?:\?[^>]*|(\/?)([^\s/>?]+)(?:[^>"']|"[^"]*"|'[^']*')*?(\/?))>/g;
const encoder = new TextEncoder();

/** @type {any} */
let socket;
/** @type {any} */
let streams;
/** What came and is not a whole element yet. */
let rest = "";
/** Messages that came. @type {{ from: string, body: string }[]} */
const heard = [];
/** @type {Set<() => void>} */
const waiting = new Set();

/** @param {{ gateway: string, host: string, port: number, how: "on" | "starttls", user: string, password: string }} place @returns {Promise<any>} what is known */
export async function login({ gateway, host, port, how, user, password }) {
  const module = await import(`${gateway}/pageport.js`);
  socket = module.connect({ hostname: host, port }, { secureTransport: how });
  await socket.opened;
  let features = await begin(host);
  if (how === "starttls") {
    if (!features.querySelector("starttls > required")) throw new Error("TLS is not required");
    if (features.querySelector("mechanism")) throw new Error("a login is possible in the clear");
    await send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await next("proceed");
    socket = socket.startTls();
    features = await begin(host);
  }
  const { tls } = await socket.opened;
  const mechanisms = [...features.querySelectorAll("mechanism")].map(({ textContent }) => textContent);
  const server = await authenticate(user, password);
  features = await begin(host);
  await send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  const jid = (await next("iq")).querySelector("jid")?.textContent;
  await send("<presence/>");
  listen();
  return { tls, jid, mechanisms, server };
}

/** @param {{ to: string, text: string }} place */
export const say = ({ to, text }) => send(`<message to='${escaped(to)}' type='chat'><body>${escaped(text)}</body></message>`);

/** @param {{ number: number }} place */
export async function hear({ number }) {
  while (heard.length <= number) await new Promise((resolve) => waiting.add(() => resolve(undefined)));
  return heard[number];
}

export async function logout() {
  await send("</stream:stream>");
  return socket.close().then(() => "well", (/** @type {any} */ error) => error.code);
}

/** SCRAM-SHA-1, which every server has. @param {string} user @param {string} password */
async function authenticate(user, password) {
  const talk = scram("SHA-1", user, password);
  await send(`<auth xmlns='${SASL}' mechanism='SCRAM-SHA-1'>${encode(encoder.encode(talk.first))}</auth>`);
  const challenge = new TextDecoder().decode(decode((await next("challenge")).textContent ?? ""));
  const { last, expected } = await talk.answer(challenge);
  await send(`<response xmlns='${SASL}'>${encode(encoder.encode(last))}</response>`);
  const success = new TextDecoder().decode(decode((await next("success")).textContent ?? ""));
  if (success !== expected) throw new Error("not the server that knows the password");
  return "proven";
}

async function listen() {
  for (let element; (element = await stanza()); ) {
    const body = element.querySelector("body")?.textContent;
    if (element.localName !== "message" || !body) continue;
    heard.push({ from: element.getAttribute("from") ?? "", body });
    for (const go of waiting) go();
  }
}

/** A new stream of XML, on a new socket or the one that there is; its features. @param {string} host */
async function begin(host) {
  if (streams?.socket !== socket) streams = { socket, reader: socket.readable.getReader(), writer: socket.writable.getWriter(), decoder: new TextDecoder() };
  rest = "";
  await send(`<?xml version='1.0'?><stream:stream to='${host}' ${NAMESPACES} version='1.0'>`);
  return next("features");
}

/** @param {string} xml */
const send = (xml) => streams.writer.write(encoder.encode(xml));

/** @param {string} name */
async function next(name) {
  const element = await stanza();
  if (element?.localName !== name) throw new Error(`${name} was expected: ${element?.outerHTML}`);
  return element;
}

/** The next element right below the stream's own; none at the end. @returns {Promise<Element | null>} */
async function stanza() {
  for (;;) {
    const xml = cut();
    if (xml) return new DOMParser().parseFromString(`<s ${NAMESPACES}>${xml}</s>`, "text/xml").documentElement.firstElementChild;
    const { value, done } = await streams.reader.read();
    if (done) return null;
    rest += streams.decoder.decode(value, { stream: true });
  }
}

/** Takes what is a whole element off the beginning of what came. */
function cut() {
  let [depth, from] = [0, 0];
  for (const { 0: tag, 1: closes, 2: name, 3: isEmpty, index } of rest.matchAll(TAG)) {
    if (name === "stream:stream" || tag.startsWith("<?")) {
      from = index + tag.length;
      continue;
    }
    depth += closes ? -1 : isEmpty ? 0 : 1;
    if (depth) continue;
    const xml = rest.slice(from, index + tag.length);
    rest = rest.slice(index + tag.length);
    return xml;
  }
}

/** @param {string} text */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
