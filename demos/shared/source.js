// Shows a page its own source: what runs here is what is read here. Text only, and fetched when somebody looks.

/** @param {HTMLDetailsElement} details with `data-files`: names of files beside the page @param {(text: string) => void} announce */
export function showSource(details, announce) {
  details.addEventListener("toggle", () => fill(details, announce), { once: true });
}

async function fill(details, announce) {
  const body = document.createElement("div");
  details.append(body);
  for (const name of details.dataset.files.split(" ")) {
    body.append(...(await listing(new URL(name, location.href), name, announce)));
  }
}

async function listing(url, name, announce) {
  const heading = document.createElement("h3");
  const pre = document.createElement("pre");
  const code = document.createElement("code");
  const text = await read(url);
  code.textContent = text;
  pre.append(code);
  pre.className = "listing";
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", `Source of ${name}`);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = `Copy ${name}`;
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    announce(copied ? `Copied ${name}.` : "Copying is not allowed here.");
  });
  const head = document.createElement("div");
  head.className = "head";
  heading.textContent = `${name}, ${text.trimEnd().split("\n").length} lines`;
  head.append(heading, button);
  return [head, pre];
}

async function read(url) {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : `${response.status} ${response.statusText}`;
  } catch {
    return "The gateway did not answer.";
  }
}
