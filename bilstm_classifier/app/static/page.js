// Runs before Gradio's own script: language and theme as the visitor left them, typing, the history of this browser.
(() => {
  "use strict";

  // --- language: Gradio reads the browser's; what the visitor chose here goes before it ---
  const own = (name) => `bilstm-classifier:${name}`; // other apps are served at this address too
  const stored = (name) => { try { return localStorage.getItem(own(name)); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(own(name), value); } catch { /* storage is off: not kept */ } };
  const asked = new URLSearchParams(location.search).get("language") ?? stored("language");
  const chosen = ["en", "ru"].includes(asked) ? asked : navigator.language?.startsWith("ru") ? "ru" : "en";
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
  document.documentElement.lang = chosen;
  window.rememberedLanguage = () => { restoreText(); return chosen; };
  window.switchLanguage = (language) => {
    if (language === chosen) return;
    const text = document.querySelector("#text textarea")?.value;
    const loses = ["#batch-preview table", "#compare-verdict p"].some((place) => document.querySelector(place));
    if (loses && !confirm(window.languageLoses[chosen])) {
      document.querySelector(`#language input[value="${chosen}"]`)?.click();
      return;
    }
    store("language", language);
    if (text) { try { sessionStorage.setItem(own("text"), text); } catch { /* not kept */ } }
    const address = new URL(location.href); // for where nothing can be stored
    address.searchParams.set("language", language);
    location.replace(address);
  };

  const restoreText = () => { // what was typed before the language was switched
    let text = null;
    try { text = sessionStorage.getItem(own("text")); sessionStorage.removeItem(own("text")); } catch { /* not kept */ }
    const box = document.querySelector("#text textarea");
    if (!text || !box) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // --- theme ---
  const setTheme = (theme) => { // the address is where Gradio looks for it
    const address = new URL(location.href);
    address.searchParams.set("__theme", theme);
    history.replaceState(history.state, "", address);
  };
  if (stored("theme")) setTheme(stored("theme"));
  window.switchTheme = () => {
    const theme = document.body.classList.toggle("dark") ? "dark" : "light";
    store("theme", theme);
    setTheme(theme);
  };

  // --- typing: the text is classified when the fingers rest ---
  const REST = 100; // milliseconds
  let timer;
  document.addEventListener("input", (event) => {
    if (!event.target.closest?.("#text, #columns")) return;
    clearTimeout(timer);
    timer = setTimeout(() => document.querySelector("#classify")?.click(), REST);
  });

  // --- pasting: a browser takes half a minute to lay out ten megabytes that are refused all the same ---
  document.addEventListener("paste", (event) => {
    const box = event.target.closest?.("#text textarea"), pasted = event.clipboardData?.getData("text") ?? "";
    if (!box || pasted.length <= window.maxCharacters) return;
    event.preventDefault();
    box.setRangeText(pasted.slice(0, window.maxCharacters + 1), box.selectionStart, box.selectionEnd, "end");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }, { capture: true });
})();
