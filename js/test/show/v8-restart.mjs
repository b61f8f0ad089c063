// The gateway is killed with -9 and started again: expose comes back by itself at the same address, in bounded time, and says so.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fact } from "./facts.mjs";
import { demand, expose, freePort, place, run, start } from "./programs.mjs";

const TOKEN = "a token for this proof";

/** @param {{ database: any }} real */
export async function restart({ database }) {
  const path = place();
  const [port, admin, range] = [await freePort(), await freePort(), await freePort()];
  const hash = createHash("sha256").update(TOKEN.replaceAll(" ", "-")).digest("hex");
  const config = [
    `listen = ["127.0.0.1:${port}"]`,
    `admin = "127.0.0.1:${admin}"`,
    `[tcp]\nports = "${range}"`,
    `[[token]]\nname = "proof"\nmay = ["listen"]\nsha256 = "${hash}"\n`,
  ];
  writeFileSync(join(path, "gateway.toml"), config.join("\n"));
  const gateway = async () => {
    const running = start(process.env.PAGEPORT_BIN ?? "", ["gateway", "--json", "--config", join(path, "gateway.toml")]);
    await Promise.race([
      new Promise((resolve) => running.lines.once("line", resolve)),
      running.exited.then((code) => Promise.reject(new Error(`the gateway ended: ${code}\n${running.log()}`))),
    ]);
    return running;
  };
  const first = await gateway();
  const env = { PAGEPORT_TOKEN: TOKEN.replaceAll(" ", "-") };
  const exposed = await expose([String(database.port), "--tcp", "--gateway", `http://localhost:${port}`], env);
  const one = () => run("psql", ["-X", "-At", "-h", "localhost", "-p", String(exposed.listening.port), "-U", "proof", "-d", "postgres", "-c", "select 1"]);
  demand((await one()).out.toString() === "1\n", "it works before");
  first.kill("SIGKILL");
  await first.exited;
  await exposed.event(({ event }) => event === "away");
  const down = await one();
  demand(down.code !== 0, "control: it cannot work without a gateway");
  const seen = exposed.events.length;
  const second = await gateway();
  const begin = Date.now();
  const again = await exposed.event(({ event }) => event === "listening", seen);
  const ms = Date.now() - begin;
  demand(again.url === exposed.listening.url && (await one()).out.toString() === "1\n", "it works again at the same address");
  fact({ killed: "the gateway, with -9", events: exposed.events.map(({ event }) => event).join(","), back_after_ms: ms, same_address: true });
  exposed.kill("SIGTERM");
  second.kill("SIGTERM");
}
