/** A page that answers HTTP requests, against a gateway in memory: visitors come as heads, and send bodies by hand. */

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { configure, serve, session, WebSocketListener } from "../pageport/index.js";
import { stop } from "../pageport/receive.js";
import { reset } from "../pageport/send.js";
import * as wire from "../pageport/wire.js";
import { Network, next, until, Visitor } from "./session-network.js";
import { frame, unframe } from "./ws-wire.js";

let gateways = 0;
/** @type {string[]} */
const used = [];
const encoder = new TextEncoder();

/** @param {Network} network @param {any} handler @param {object} [init] */
function begin(network, handler, init) {
  configure({ WebSocket: network.WebSocket });
  const gateway = `http://serve-${++gateways}.test`;
  used.push(gateway);
  return serve(handler, { gateway, ...init });
}

/** One that serves, and a way to ask it. @param {any} handler */
async function site(handler) {
  const network = new Network();
  const server = begin(network, handler);
  await server.opened;
  /** @param {string} path @param {{ method?: string, headers?: [string, string][] }} [head] */
  const visit = (path, head) => network.visit({ kind: "http", method: "GET", url: `http://name1.gw.test${path}`, ...head });
  /** @param {string} path @param {{ method?: string, headers?: [string, string][], body?: string | Uint8Array }} [init] */
  const get = async (path, { body, ...head } = {}) => {
    const visitor = visit(path, head);
    if (body) await visitor.write(body);
    visitor.end();
    const reply = await visitor.reply();
    return { visitor, ...reply, text: await textOf(visitor) };
  };
  return { network, server, visit, get };
}

/** @param {Visitor} visitor */
async function textOf(visitor) {
  const chunks = [];
  for (let chunk; (chunk = await visitor.read()); ) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What was reported while something ran: Node has no reportError, so it goes to the console. @param {() => Promise<void>} run */
async function reported(run) {
  const error = mock.method(console, "error", () => {});
  try {
    await run();
    return error.mock.calls.map(({ arguments: [it] }) => it);
  } finally {
    error.mock.restore();
  }
}

afterEach(() => used.splice(0).forEach((gateway) => session({ gateway }).close()));

test("it opens, says where, and answers", async () => {
  const { server, get } = await site((request) => new Response(`hello ${new URL(request.url).search}`, { status: 203, headers: { "X-Tab": "yes" } }));
  assert.equal(server.url, "ws://name1.gw.test/");
  assert.deepEqual(await server.opened, { name: "name1", url: server.url, pathUrl: "ws://gw.test/@name1/" });
  const { ok, status, headers, text, visitor } = await get("/a?b=1");
  assert.deepEqual([ok, status, text], [true, 203, "hello ?b=1"]);
  assert.deepEqual(headers, [["content-type", "text/plain;charset=UTF-8"], ["x-tab", "yes"]]);
  await until(() => visitor.core.streams.size === 1);
});

test("a handler sees a Request with all that the visitor sent, also what browsers forbid", async () => {
  /** @type {any} */
  let seen;
  const { get } = await site(async (request, info) => {
    seen = { request, info, body: await request.text() };
    return new Response();
  });
  const headers = [["cookie", "a=1"], ["origin", "https://app.test"], ["content-type", "text/plain"], ["x-a", "1"], ["x-a", "2"]];
  await get("/", { method: "PATCH", headers: /** @type {any} */ (headers), body: "Grüße" });
  const { request, info, body } = seen;
  assert.ok(request instanceof Request);
  assert.deepEqual([request.method, request.url, body, info.peer], ["PATCH", "http://name1.gw.test/", "Grüße", "p1"]);
  assert.deepEqual([...request.headers], [["content-type", "text/plain"], ["cookie", "a=1"], ["origin", "https://app.test"], ["x-a", "1, 2"]]);
  assert.equal(request.bodyUsed, true);
});

test("bodies can be read in every way, and twice from a clone", async () => {
  const { get } = await site(async (request) => {
    const way = new URL(request.url).pathname.slice(1);
    const twin = request.clone();
    const value = await request[way]();
    const again = await twin.text();
    const text = { json: () => JSON.stringify(value), formData: () => [...value].join(), blob: () => value.text(), text: () => value, arrayBuffer: () => Buffer.from(value).toString() };
    return new Response(`${await text[way]()} ${again === await new Response(request.method).text() ? "" : again.length} ${twin.headers.get("content-type")}`);
  });
  const post = async (/** @type {string} */ way, /** @type {string} */ body, type = "text/plain") =>
    (await get(`/${way}`, { method: "POST", body, headers: [["content-type", type]] })).text;
  assert.equal(await post("text", "abc"), "abc 3 text/plain");
  assert.equal(await post("json", '{"a":1}'), '{"a":1} 7 text/plain');
  assert.equal(await post("blob", "abc"), "abc 3 text/plain");
  assert.equal(await post("arrayBuffer", "abc"), "abc 3 text/plain");
  const form = "application/x-www-form-urlencoded";
  assert.equal(await post("formData", "a=1&b=2", form), `a,1,b,2 7 ${form}`);
});

test("a request streams while its answer does", async () => {
  const { visit } = await site((request) => new Response(request.body));
  const visitor = visit("/", { method: "POST" });
  assert.equal((await visitor.reply()).status, 200);
  for (const word of ["one", "two", "three"]) {
    await visitor.write(word);
    assert.equal(`${Buffer.from((await visitor.read()) ?? [])}`, word);
  }
  visitor.end();
  assert.equal(await visitor.read(), undefined);
  assert.equal(visitor.stream.failed, -1);
});

test("a Request can be passed on whole, to another fetch", async () => {
  const { get } = await site(async (request) => new Response(await new Request(request, { headers: { "x-new": "1" } }).text()));
  assert.equal((await get("/", { method: "POST", body: "carried" })).text, "carried");
});

test("a clone can be passed on whole, and so can what it was made from", async () => {
  const { get } = await site(async (/** @type {Request} */ request) => {
    const twins = [request.clone(), request, request.clone()];
    const passed = twins.map((each) => new Request(each));
    const texts = await Promise.all(passed.map((each) => each.text()));
    return new Response(passed.map(({ method, headers }, i) => [method, headers.get("x-own"), twins[i].headers.get("cookie"), texts[i]]).join());
  });
  const { text } = await get("/", { method: "PUT", body: "carried", headers: [["x-own", "yes"], ["cookie", "a=1"]] });
  assert.deepEqual(text.split(","), Array(3).fill(["PUT", "yes", "a=1", "carried"]).flat());
});

test("a slow visitor holds the response back", async () => {
  let pulled = 0;
  const { network, visit } = await site(() => {
    const body = new ReadableStream({ pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(16_384))) }, { highWaterMark: 0 });
    return new Response(body);
  });
  const visitor = visit("/");
  await visitor.reply();
  await network.still(() => pulled);
  assert.ok(pulled > 1 && pulled < 20, `${pulled} chunks`);
  const before = pulled;
  for (let read = 0; read < 40 * 16_384; ) read += /** @type {Uint8Array} */ (await visitor.read()).length;
  assert.ok(pulled > before + 30, `${pulled} chunks`);
});

test("an unread body is stopped behind the answer, one that is being read is not", async () => {
  /** @type {any} */
  let late;
  /** @type {Request[]} */
  const clones = [];
  const { visit } = await site((request) => {
    if (request.url.endsWith("late")) late = request.text();
    // Kept, since Node stops what was collected.
    if (request.url.endsWith("cloned")) clones.push(request, request.clone());
    return new Response("enough");
  });
  const ignored = visit("/", { method: "POST" });
  await ignored.write("something");
  assert.equal(await textOf(ignored), "enough");
  await until(() => ignored.stream.reset === 64);
  const cloned = visit("/cloned", { method: "POST" });
  await cloned.write("something");
  assert.equal(await textOf(cloned), "enough");
  await until(() => cloned.stream.reset === 64);
  const read = visit("/late", { method: "POST" });
  assert.equal(await textOf(read), "enough");
  await read.write("the rest");
  read.end();
  assert.equal(await late, "the rest");
  assert.equal(clones.length, 2);
});

test("the answer to HEAD has the fields, and no body", async () => {
  let cancelled = false;
  const { get } = await site(() => new Response(new ReadableStream({ cancel: () => void (cancelled = true) }), { headers: { "content-length": "12" } }));
  const { status, headers, text } = await get("/", { method: "HEAD" });
  assert.deepEqual([status, headers, text], [200, [["content-length", "12"]], ""]);
  assert.ok(cancelled);
});

test("answers without a body, redirects, and lists of cookies pass", async () => {
  const { get } = await site((request, { headers }) => {
    switch (new URL(request.url).pathname) {
      case "/204":
        return new Response(null, { status: 204 });
      case "/moved":
        return Response.redirect("http://elsewhere.test/", 308);
      default:
        headers.append("set-cookie", "c=3");
        return new Response(null, { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
    }
  });
  assert.equal((await get("/204")).status, 204);
  const moved = await get("/moved");
  assert.deepEqual([moved.status, moved.headers], [308, [["location", "http://elsewhere.test/"]]]);
  assert.deepEqual((await get("/")).headers, [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["set-cookie", "c=3"]]);
});

test("what fetch has decoded is not announced as encoded", async () => {
  const { get } = await site(() => {
    const fetched = new Response("plain", { headers: { "content-encoding": "gzip", "content-length": "3", etag: "x" } });
    return Object.defineProperty(fetched, "type", { value: "basic" });
  });
  const { headers, text } = await get("/");
  assert.deepEqual([headers, text], [[["content-type", "text/plain;charset=UTF-8"], ["etag", "x"]], "plain"]);
});

test("a handler that fails, or answers with nothing that can be sent, is 500 without a word of why", async () => {
  const used = new Response("used");
  await used.text();
  const faults = {
    "/throws": () => assert.fail("secret"),
    "/rejects": () => Promise.reject(new Error("secret")),
    "/error": () => Response.error(),
    "/nothing": () => undefined,
    "/used": () => used,
    "/locked": () => {
      const locked = new Response("locked");
      locked.body?.getReader();
      return locked;
    },
    "/value": () => new Response(body(), { headers: { "x-bad": "a\u0001b" } }),
    "/large": () => new Response(body(), { headers: { "x-large": "x".repeat(20_000) } }),
  };
  let dropped = 0;
  const body = () => new ReadableStream({ cancel: () => void dropped++ });
  const { get } = await site((/** @type {Request} */ request) => faults[/** @type {keyof faults} */ (new URL(request.url).pathname)]());
  for (const path of Object.keys(faults)) {
    const errors = await reported(async () => {
      const { status, text } = await get(path);
      assert.deepEqual([path, status, text], [path, 500, "Internal Server Error"]);
    });
    assert.equal(errors.length, 1, path);
  }
  assert.equal(dropped, 2, "bodies that nobody will read");
});

test("methods that no Request has are 405", async () => {
  const { get } = await site(() => assert.fail("it was never asked"));
  for (const method of ["TRACE", "CONNECT", "track"]) assert.equal((await get("/", { method })).status, 405);
});

test("a body that breaks off is a RESET, never a clean end", async () => {
  const { visit } = await site(() => {
    let parts = 0;
    return new Response(new ReadableStream({ pull: (controller) => (parts++ ? controller.error(new Error("half")) : controller.enqueue(encoder.encode("half"))) }));
  });
  const errors = await reported(async () => {
    const visitor = visit("/");
    assert.equal((await visitor.reply()).status, 200);
    await until(() => visitor.stream.failed >= 0);
  });
  assert.deepEqual(errors.map(({ message }) => message), ["half"]);
});

test("a body of something else than bytes is a RESET", async () => {
  const { visit } = await site(() => new Response(new ReadableStream({ start: (controller) => controller.enqueue("a string") })));
  const errors = await reported(async () => {
    const visitor = visit("/");
    await until(() => visitor.stream.failed >= 0);
  });
  assert.ok(errors[0] instanceof TypeError);
});

test("a visitor who leaves aborts the request, and what it waits for", async () => {
  /** @type {Request[]} */
  const requests = [];
  let cancelled = 0;
  const { network, visit } = await site((/** @type {Request} */ request) => {
    requests.push(request);
    if (request.url.endsWith("waits")) return new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
    return new Response(new ReadableStream({ cancel: () => void cancelled++ }));
  });
  const errors = await reported(async () => {
    for (const path of ["/waits", "/streams"]) {
      const visitor = visit(path, { method: "POST" });
      await until(() => requests.length && requests[requests.length - 1].url.endsWith(path));
      if (path === "/streams") await visitor.reply();
      reset(network.core, visitor.stream, 70);
      stop(network.core, visitor.stream, 70);
      network.flush();
      const { signal } = requests[requests.length - 1];
      await until(() => signal.aborted);
      assert.equal(signal.reason.code, "ERR_VISITOR_GONE");
    }
    await until(() => cancelled);
  });
  assert.deepEqual(errors, []);
});

test("a WebSocket is accepted by returning its response", async () => {
  /** @type {any} */
  let socket;
  const { network } = await site((/** @type {Request} */ request, /** @type {any} */ { upgradeWebSocket }) => {
    assert.equal(request.headers.get("upgrade"), "websocket");
    assert.equal(request.url, "http://name.gw.test/chat?a=1");
    assert.throws(() => upgradeWebSocket({ protocol: "never offered" }), { code: "ERR_INVALID_ARGUMENT" });
    const upgraded = upgradeWebSocket({ protocol: "b" });
    socket = upgraded.socket;
    assert.deepEqual([socket.readyState, socket.protocol, socket.url, upgraded.response.status], [0, "b", "ws://name.gw.test/chat?a=1", 101]);
    assert.throws(() => socket.send("early"), { name: "InvalidStateError" });
    socket.onopen = () => socket.send("welcome");
    socket.onmessage = ({ data }) => socket.send(`you said ${data}`);
    return upgraded.response;
  });
  const visitor = network.visit({ headers: [["sec-websocket-protocol", "a, b"]] });
  assert.deepEqual(await visitor.reply(), { ok: true, status: 101, headers: [["sec-websocket-protocol", "b"]] });
  assert.equal(unframe(await visitor.read())[0].text, "welcome");
  await visitor.write(frame(1, "hello"));
  assert.equal(unframe(await visitor.read())[0].text, "you said hello");
  assert.equal(socket.readyState, 1);
});

test("a WebSocket is refused by any other response; its socket fails", async () => {
  /** @type {any} */
  let closed;
  const { network, get } = await site((/** @type {Request} */ _, /** @type {any} */ { upgradeWebSocket }) => {
    const { socket } = upgradeWebSocket();
    assert.throws(() => upgradeWebSocket(), { code: "ERR_INVALID_STATE" });
    closed = next(socket, "close");
    return new Response("members only", { status: 403 });
  });
  const visitor = network.visit();
  const { ok, status } = await visitor.reply();
  assert.deepEqual([ok, status, await textOf(visitor)], [true, 403, "members only"]);
  const { code, wasClean } = await closed;
  assert.deepEqual([code, wasClean], [1006, false]);
  // And who did not ask for one cannot be given one.
  const [error] = await reported(async () => assert.equal((await get("/")).status, 500));
  assert.equal(error.code, "ERR_INVALID_STATE");
});

test("a WebSocketListener of the same name comes first", async () => {
  const { network } = await site(() => new Response("a page", { status: 400 }));
  assert.equal((await network.visit().reply()).status, 400);
  network.names = 0;
  const listener = new WebSocketListener({ gateway: used[0] });
  await next(listener, "listening");
  assert.equal((await network.visit().reply()).status, 101);
  listener.close();
  assert.equal((await network.visit().reply()).status, 400);
});

test("close takes no more visitors, and lets those who are there finish", async () => {
  /** @type {any} */
  let finish;
  const { network, server, visit } = await site(() => new Promise((resolve) => (finish = () => resolve(new Response("done")))));
  const visitor = visit("/");
  await until(() => finish);
  const closing = next(server, "close");
  server.close();
  await closing;
  await server.closed;
  assert.equal((await visit("/").reply()).error, "ERR_LISTENER_UNKNOWN");
  finish();
  assert.equal(await textOf(visitor), "done");
  await until(() => network.core.streams.get(1)?.final < Infinity || !network.core.streams.has(1));
});

test("a signal closes it, before it has opened too", async () => {
  const server = begin(new Network(), () => new Response(), { signal: AbortSignal.abort() });
  await server.closed;
  await assert.rejects(server.opened, { code: "ERR_ABORTED" });
});

test("a refused server rejects with the reason", async () => {
  const network = new Network();
  network.onstream = (stream) => new Visitor(network, stream).answer({ error: "ERR_LISTEN_FORBIDDEN", message: "not you" });
  const server = begin(network, () => new Response());
  const { error } = await next(server, "error");
  assert.deepEqual([error.code, error.message], ["ERR_LISTEN_FORBIDDEN", "not you"]);
  await assert.rejects(server.opened, { code: "ERR_LISTEN_FORBIDDEN" });
  await assert.rejects(server.closed, { code: "ERR_LISTEN_FORBIDDEN" });
});

test("after a lost session it serves again, and says so", async () => {
  const { network, server } = await site(() => new Response("still here"));
  network.names = 5;
  network.restart();
  assert.equal((await next(server, "error")).error.code, "ERR_SESSION_LOST");
  await next(server, "listening");
  assert.equal(server.url, "ws://name6.gw.test/");
  assert.equal((await network.visit({ kind: "http", url: "http://a.test/" }).reply()).status, 200);
});

test("a handler may close its server when its session ends for good", async () => {
  /** @type {any} */
  let server;
  const begun = new Promise((resolve) => {
    server = site((/** @type {Request} */ request) => {
      request.signal.onabort = () => server.close();
      resolve(undefined);
      return new Promise(() => {});
    });
  });
  const { network, visit, server: serving } = await server;
  server = serving;
  visit("/");
  await begun;
  const { closed } = session({ gateway: /** @type {string} */ (used.at(-1)) });
  /** @type {unknown[]} */
  const unheard = [];
  const note = (/** @type {unknown} */ reason) => unheard.push(reason);
  process.on("unhandledRejection", note);
  network.say([wire.CLOSE, 100, ""]);
  await assert.rejects(closed, { code: "ERR_CREDENTIAL_INVALID" });
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  assert.deepEqual(unheard, []);
});
