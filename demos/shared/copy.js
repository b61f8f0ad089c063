// Copy buttons: `<button data-copy="ID">` copies the text of the element with that id. Must never copy anything else.

/** @param {ParentNode} root @param {(text: string) => void} announce */
export function copyButtons(root, announce) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const copied = await copy(source);
      announce(copied ? "Copied." : "Selected: press Ctrl+C to copy.");
      flash(button, copied ? "Copied" : "Selected");
    });
  }
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Without permission, or on a plain-http page of another machine: the reader's own copy command still works.
    getSelection().selectAllChildren(source);
    return false;
  }
}

/** Says it on the button too, in its first text, and takes it back. */
function flash(button, word) {
  const label = button.firstChild;
  button.dataset.label ??= label.data;
  label.data = word;
  setTimeout(() => (label.data = button.dataset.label), 1500);
}
