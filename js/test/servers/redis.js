// Redis: a server that forgets everything when it ends.

import { freePort, launch, version, workDirectory } from "../proxies/daemon.js";

export async function startRedis() {
  const [dir, port] = [workDirectory("redis"), await freePort()];
  const settings = { port, bind: "127.0.0.1", dir, daemonize: "no", save: "", appendonly: "no" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const daemon = await launch("/usr/bin/redis-server", args, { port });
  return { name: "redis", version: version("redis-server"), host: "127.0.0.1", port, stop: daemon.stop };
}
