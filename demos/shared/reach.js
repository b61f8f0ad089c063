// Addresses that work on the gateway's own machine only, seen from a page on another one. Must never hide such an address: whoever
// sits at that machine needs it.

const LOOPBACK = /^(.+\.)?localhost$|^127\.|^\[?::1\]?$/;

/** @param {string} host of an address @returns {boolean} whether this page is on another machine than the one that it means */
export function isElsewhere(host) {
  return LOOPBACK.test(host) && !LOOPBACK.test(location.hostname);
}

/** Says so below an address, or nothing. @param {HTMLElement} note @param {string} host */
export function noteReach(note, host) {
  note.hidden = !isElsewhere(host);
  note.textContent = "Found on the machine that runs the gateway, and not from here.";
}
