// The tab for programs: calls with this app's own address in them, and buttons that copy them.
window.showCalls = (element, watch) => {
  "use strict";
  const address = new URL(".", location.href).href.replace(/\/$/, "");
  const fill = () => { for (const span of element.querySelectorAll(".address")) span.textContent = address; };
  fill();
  watch("value", fill);
  element.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = button.dataset.copied;
    } catch { // not over plain HTTP: selected, to be copied by key
      getSelection().selectAllChildren(code);
    }
  });
};
