// Where processor time goes: how much of it processes use, and what `perf` sees of one.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { tree } from "../browser/memory.js";

const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Seconds that a process has used so far. @param {number} pid */
export async function secondsOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat ? (Number(fields[11]) + Number(fields[12])) / TICKS : 0;
}

/** The same of a process and all below it. @param {number} pid */
export async function secondsOfTree(pid) {
  const seconds = await Promise.all((await tree(pid)).map(secondsOf));
  return seconds.reduce((sum, one) => sum + one, 0);
}

/** `perf` looks at a process while something happens. @param {number} pid @param {string} file @param {() => Promise<unknown>} during */
export async function perf(pid, file, during) {
  const child = spawn("perf", ["record", "-q", "-F", "1999", "-g", "-p", String(pid), "-o", file], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  await during();
  child.kill("SIGINT");
  await ended;
}
