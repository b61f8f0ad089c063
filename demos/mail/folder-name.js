// Names of folders as people read them (RFC 3501 §5.1.3, a UTF-7 of its own). Must never be sent back: servers want their own form.

/** What is not well formed stays as it is. @param {string} name */
export function folderName(name) {
  return name.replace(/&([A-Za-z0-9+,]*)-/g, (whole, coded) => {
    if (!coded) return "&";
    try {
      const binary = atob(coded.replaceAll(",", "/"));
      const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
      return new TextDecoder("utf-16be", { fatal: true }).decode(bytes.subarray(0, bytes.length & ~1));
    } catch {
      return whole;
    }
  });
}
