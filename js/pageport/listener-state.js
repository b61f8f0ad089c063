/**
 * How far a listener has come: the values of its `readyState`.
 *
 * Must never import anything: then a bundler puts the numbers where the names are.
 */

export const OPENING = 0;
export const LISTENING = 1;
export const CLOSED = 2;
