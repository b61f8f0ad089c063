// Lines to paste for clients that are not this page. `*.localhost` resolves in browsers and in few other programs, so the
// others are told to connect to the gateway itself and to name the listener in the handshake.

/** @typedef {{ name: string, line: string }} Client */

/** @param {string} url of the listener by name, as in `ws://name.localhost:7070/` @returns {Client[]} */
export function byName(url) {
  const { host } = new URL(url);
  const gateway = reach(url);
  return [
    { name: "Browser console, on any page", line: browserLine(url) },
    { name: "websocat", line: `websocat --ws-c-uri=${url} - ws-c:tcp:${gateway.host}` },
    { name: "wscat", line: `npx wscat --host ${host} --connect ${url.replace(host, gateway.host)}` },
    { name: "Python, pip install websockets", line: pythonLine(`"${url}", host="${gateway.hostname}", port=${gateway.port}`) },
  ];
}

/** @param {string} url of the listener by path, as in `ws://localhost:7070/@name/` @returns {Client[]} */
export function byPath(url) {
  return [
    { name: "Browser console, on any page", line: browserLine(url) },
    { name: "websocat", line: `websocat ${url}` },
    { name: "wscat", line: `npx wscat --connect ${url}` },
    { name: "Python, pip install websockets", line: pythonLine(`"${url}"`) },
  ];
}

function browserLine(url) {
  return `ws = new WebSocket("${url}"); ws.onmessage = (e) => console.log(e.data); ws.onopen = () => ws.send("hello")`;
}

function pythonLine(target) {
  return [
    "python3 - <<'EOF'",
    "from websockets.sync.client import connect",
    `with connect(${target}) as ws:`,
    '    ws.send("hello")',
    "    print(ws.recv())",
    "EOF",
  ].join("\n");
}

/** Where the gateway is for a program that cannot resolve the listener's name. */
function reach(url) {
  const { hostname, port, protocol } = new URL(url);
  const local = hostname.endsWith(".localhost") ? "127.0.0.1" : hostname;
  const number = port || (protocol === "wss:" ? "443" : "80");
  return { host: `${local}:${number}`, hostname: local, port: number };
}
