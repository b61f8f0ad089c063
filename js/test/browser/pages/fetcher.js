// In a page: a visitor that uses `fetch`. Fails where fetch fails.

import { BLOCK, block, blocks, Checked } from "./blocks.js";

/** @typedef {{ status: number, text?: string, bytes?: number, wrong?: number, failed?: string, protocol?: string }} Fetched */

/** @param {string} url @returns {Promise<Fetched>} */
export function get(url) {
  // The buffer of entries would be full some day.
  performance.clearResourceTimings();
  return seen(fetch(url), async (response) => {
    const text = await response.text();
    const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByName(url));
    return { text, protocol: entries.at(-1)?.nextHopProtocol };
  });
}

/** @param {string} url @returns {Promise<Fetched>} */
export const download = (url) => seen(fetch(url), (response) => new Checked().all(response.body));

/** @param {string} url @param {number} size @returns {Promise<Fetched>} */
export const upload = (url, size) =>
  seen(fetch(url, { method: "POST", body: blobOf(size) }), async (response) => ({ text: await response.text() }));

/** Leaves after the first bytes. @param {string} url @returns {Promise<Fetched>} */
export function leave(url) {
  const control = new AbortController();
  return seen(fetch(url, { signal: control.signal }), async (response) => {
    const reader = response.body?.getReader();
    const first = await reader?.read();
    control.abort();
    return { bytes: first?.value?.length };
  });
}

/** So many at once; how many of them were right. @param {string} url @param {number} count */
export async function crowd(url, count) {
  const right = async (/** @type {number} */ i) => (await (await fetch(`${url}?to=${i}`)).text()) === `hello ${i}`;
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => right(i).catch(() => false)));
  return answers.filter(Boolean).length;
}

/** Begins to read, says so, and goes on until it ends or fails. @type {Promise<Fetched> | undefined} */
let pending;

/** @param {string} url */
export async function begin(url) {
  const response = await fetch(url);
  const reader = /** @type {ReadableStreamDefaultReader<Uint8Array>} */ (response.body?.getReader());
  const checked = new Checked();
  checked.push((await reader.read()).value ?? new Uint8Array());
  const rest = async () => {
    for (let read; !(read = await reader.read()).done; ) checked.push(read.value);
    return { status: response.status, ...checked.seen() };
  };
  pending = rest().catch((error) => ({ status: response.status, ...checked.seen(), failed: String(error) }));
}

export const end = () => pending;

/** @param {Promise<Response>} response @param {(response: Response) => Promise<object>} read @returns {Promise<Fetched>} */
async function seen(response, read) {
  try {
    const { status } = await response;
    return { status, ...(await read(await response)) };
  } catch (error) {
    return { status: 0, failed: String(error) };
  }
}

/** Of parts that are shared, so that it is large and cheap. @param {number} size */
function blobOf(size) {
  if (size <= 64 * BLOCK) return new Blob([...blocks(size)]);
  return new Blob(Array.from({ length: size / BLOCK }, (_, i) => new Blob([block(i)])));
}
