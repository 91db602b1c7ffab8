// Runs before Gradio's own script: language and theme as the visitor left them, typing, the history of this browser.
(() => {
  "use strict";

  // --- language: Gradio reads the browser's; what the visitor chose here goes before it ---
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* storage is off: not kept */ } };
  const chosen = stored("language") ?? (navigator.language?.startsWith("ru") ? "ru" : "en");
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
  document.documentElement.lang = chosen;
  window.rememberedLanguage = () => chosen;
  window.switchLanguage = (language) => {
    store("language", language);
    const text = document.querySelector("#text textarea");
    if (text) { try { sessionStorage.setItem("text", text.value); } catch { /* not kept */ } }
    location.reload();
  };

  // --- theme ---
  const dark = () => (stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const applyTheme = () => document.body?.classList.toggle("dark", dark());
  window.switchTheme = () => { store("theme", dark() ? "light" : "dark"); applyTheme(); };
  addEventListener("DOMContentLoaded", applyTheme);

  // --- typing: the text is classified when the fingers rest ---
  const REST = 150; // milliseconds
  let timer;
  document.addEventListener("input", (event) => {
    if (!event.target.closest?.("#text")) return;
    clearTimeout(timer);
    timer = setTimeout(() => document.querySelector("#classify")?.click(), REST);
  });
  window.remember = () => {};
})();
