// The files of a site, by path. It knows nothing of requests, nor of the page that it runs in. Must never hold the content of a
// file: that stays where it is until somebody asks for it.

export const MOST_FILES = 5000;

/** @typedef {Blob & { name: string, lastModified: number }} FileLike a File, or what looks like one */

export class Site {
  /** By path, `/` first. @type {Map<string, FileLike>} */
  files = new Map();

  /**
   * Adds files to those that are there. A folder that holds all of them is the site itself, not a part of it.
   * @param {{ path: string, file: FileLike }[]} added paths without a `/` in front
   * @returns {number} files that there was no room for
   */
  add(added) {
    const [top] = added[0]?.path.split("/") ?? [];
    const isInside = added.every(({ path }) => path.startsWith(`${top}/`));
    let left = 0;
    for (const { path, file } of added) {
      const own = `/${isInside ? path.slice(top.length + 1) : path}`;
      if (this.files.has(own) || this.files.size < MOST_FILES) this.files.set(own, file);
      else left++;
    }
    return left;
  }

  clear() {
    this.files.clear();
  }

  get bytes() {
    let bytes = 0;
    for (const { size } of this.files.values()) bytes += size;
    return bytes;
  }

  /**
   * What is at a path: a file; a folder, which its index stands for; or a folder whose path lacks its last slash.
   * @param {string} path decoded
   * @returns {{ path: string, file: FileLike } | { folder: string[] } | { moved: string } | undefined}
   */
  find(path) {
    const own = path.endsWith("/") ? `${path}index.html` : path;
    const file = this.files.get(own);
    if (file) return { path: own, file };
    const inside = path.endsWith("/") ? path : `${path}/`;
    const below = [...this.files.keys()].filter((name) => name.startsWith(inside)).map((name) => name.slice(inside.length));
    // An empty site has a first page too: it says that it is empty.
    if (!below.length && path !== "/") return undefined;
    if (path !== inside) return { moved: inside };
    return { folder: [...new Set(below.map((name) => name.replace(/\/.*/, "/")))].sort() };
  }
}

/** As it stands in an address. @param {string} path */
export function encodePath(path) {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}
