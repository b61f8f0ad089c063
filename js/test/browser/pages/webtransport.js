// In a page: a web site that gives bodies back, over the carriers that the test allows.

/** @type {any} */
let module;
/** @type {any} */
let session;
let native = 0;
/** @type {string[]} */
const changes = [];

/** @param {[string, string[]]} where the gateway's origin, and which carriers */
export async function open([gateway, carriers]) {
  const { createUnidirectionalStream } = WebTransport.prototype;
  // Counted from outside: how many streams have got a native one.
  WebTransport.prototype.createUnidirectionalStream = function (...args) {
    native++;
    return createUnidirectionalStream.apply(this, args);
  };
  module = await import(`${gateway}/pageport.js`);
  module.configure({ carriers });
  session = module.session({ gateway });
  session.addEventListener("carrierchange", (/** @type {any} */ { carrier, reason }) => changes.push(`${carrier} ${reason}`));
  const site = module.serve((/** @type {Request} */ request) => new Response(request.body), { gateway });
  const { url } = await site.opened;
  return /** @type {string} */ (url);
}

/** Resolves once the session is carried by one of these. @param {string[]} carriers */
export async function carry(carriers) {
  module.configure({ carriers });
  while (!carriers.includes(session.carrier)) await new Promise((resolve) => session.addEventListener("carrierchange", resolve, { once: true }));
}

export const seen = () => ({ carrier: session.carrier, native, changes });
