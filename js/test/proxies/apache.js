// Debian's Apache with the modules that it enables, those that a stanza of ours needs, and that stanza in place of its site.

import { join } from "node:path";
import { changed, freePort, launch, lines, stanza, workDirectory, written } from "./daemon.js";

/**
 * @param {string} file the stanza
 * @param {string[]} modules that it needs
 * @param {Record<string, string | number>} values that it has gaps for
 */
export async function apache(file, modules, values) {
  const [dir, port] = [workDirectory("apache2"), await freePort()];
  const load = modules.map((name) => `Include mods-available/${name}.load`).join("\n");
  const config = changed("/etc/apache2/apache2.conf", [
    [/^Include ports\.conf$/m, load],
    [/^IncludeOptional sites-enabled\/\*\.conf$/m, stanza(file, { ...values, PORT: port, DIR: dir })],
  ]);
  const env = {
    APACHE_RUN_USER: "www-data",
    APACHE_RUN_GROUP: "www-data",
    APACHE_PID_FILE: join(dir, "pid"),
    APACHE_RUN_DIR: dir,
    APACHE_LOCK_DIR: dir,
    APACHE_LOG_DIR: dir,
  };
  const daemon = await launch("apache2", ["-d", "/etc/apache2", "-f", written(dir, config), "-DFOREGROUND"], { port, env });
  const log = () => lines(join(dir, "access.log"));
  return { port, log, bytes, daemon };
}

/** @param {string} line of its combined format */
const bytes = (line) => Number(/" \d{3} (\d+) "/.exec(line)?.[1]);
