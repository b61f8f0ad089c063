// Files that somebody drops or picks, folders included. Must never read one: a list of what there is, and where.

import { MOST_FILES } from "./site.js";

/** @typedef {{ path: string, file: File }} Picked */

/** @param {FileList} files of an input; with `webkitdirectory` they know where in the folder they are @returns {Picked[]} */
export function picked(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** @param {DataTransfer} transfer @returns {Promise<Picked[]>} */
export async function dropped(transfer) {
  // Both lists are gone after the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = picked(transfer.files);
  if (!entries.some(({ isDirectory }) => isDirectory)) return files;
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (found.length > MOST_FILES) return;
  if (entry.isFile) {
    found.push({ path: entry.fullPath.replace(/^\//, ""), file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // It gives some at a time, and none at the end.
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return;
    for (const inner of batch) await walk(inner, found);
  }
}
