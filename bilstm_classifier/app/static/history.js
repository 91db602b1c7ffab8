// What this visitor asked and was answered: kept in the browser's storage, shown in its tab, never sent to the server.
(() => {
  "use strict";

  const KEY = "bilstm-classifier:history";
  const MOST_ENTRIES = 500, MOST_CHARACTERS = 2000, ROWS = 50;
  const REST = 1500; // milliseconds after which a text counts as written
  const CONTINUES = 60_000; // milliseconds within which a longer or shorter form of it replaces it
  const language = document.documentElement.lang === "ru" ? "ru" : "en";
  const { say: messages, labels } = window.historyTexts; // from messages.yaml

  const say = (key, values = {}) =>
    messages[key][language].replace(/\{(\w+)\}/g, (blank, name) => values[name] ?? blank);
  // Labels are kept as the model calls them, so that a change of language does not count them twice.
  const modelsName = (shown) => Object.keys(labels).find((label) => labels[label][language] === shown) ?? shown;
  const shownName = (label) => (Object.hasOwn(labels, label) ? labels[label][language] : label);

  // --- entries, the latest first ---
  const isEntry = (entry) =>
    entry !== null && typeof entry === "object" && !Number.isNaN(Date.parse(entry.time)) &&
    typeof entry.text === "string" && typeof entry.label === "string" && Number.isFinite(entry.confidence);
  let entries = [];
  let kept = true; // false: storage is off or full, the list is that of this page
  const load = () => {
    if (!kept) return;
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      entries = Array.isArray(found) ? found.filter(isEntry) : [];
    } catch (error) {
      entries = [];
      kept = error instanceof SyntaxError; // damaged: written anew
    }
  };
  const save = () => {
    try {
      localStorage.setItem(KEY, JSON.stringify(entries));
      kept = true;
    } catch {
      kept = false;
    }
  };

  load();
  let resting; // the text that may still be typed on
  let latest = entries[0]; // the entry that it may continue: that of this page, or of what was the page before a reload
  const continues = (text, entry) =>
    entry && Date.now() - Date.parse(entry.time) < CONTINUES && (text.startsWith(entry.text) || entry.text.startsWith(text));
  const keep = () => {
    const { text, label, confidence } = resting;
    resting = undefined;
    load();
    const entry = { time: new Date().toISOString(), text, label, confidence };
    if (continues(text, latest)) {
      entries = entries.filter(({ time, text }) => time !== latest.time || text !== latest.text);
    }
    entries = [entry, ...entries].slice(0, MOST_ENTRIES);
    latest = entry;
    save();
    render();
  };
  let timer;
  window.remember = (text, answer) => {
    clearTimeout(timer);
    resting = undefined;
    const first = answer?.confidences?.[0];
    if (!text?.trim() || !first) return;
    const half = /[\uD800-\uDBFF]$/; // of a character that was cut in two
    resting = {
      text: text.slice(0, MOST_CHARACTERS).replace(half, ""), label: modelsName(answer.label),
      confidence: (answer.confidences.find(({ label }) => label === answer.label) ?? first).confidence,
    };
    timer = setTimeout(keep, REST);
  };
  const keepAtOnce = () => { clearTimeout(timer); if (resting) keep(); };
  addEventListener("pagehide", keepAtOnce);
  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) { load(); render(); } });

  // --- files ---
  const cell = (value) => {
    let text = String(value);
    // a spreadsheet would run it as a formula
    if (/^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(text) && !/^[+-]?\d+([.,]\d+)?$/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const columns = ["time", "text", "label", "confidence"];
  const asCsv = () =>
    "\uFEFF" + [columns, ...entries.map((entry) => columns.map((name) => entry[name]))]
      .map((row) => row.map(cell).join(",") + "\r\n").join("");
  const download = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // --- the tab ---
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const button = (text, onclick, className = "history-button") =>
    make("button", { type: "button", textContent: text, onclick, className });
  const own = new Intl.DateTimeFormat().resolvedOptions().locale; // en-GB writes dates otherwise than en-US
  const locale = own.startsWith(language) ? own : language;
  const percent = new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

  const status = make("p", { tabIndex: -1 });
  status.setAttribute("role", "status");
  let frame, rows = ROWS, asking = false;
  window.showHistory = (element) => {
    frame = make("div");
    element.querySelector("#history").replaceChildren(status, frame);
    load();
    render();
  };

  const classifyAgain = (text) => {
    document.querySelector('#tabs [role="tab"][data-tab-id="classify"]')?.click();
    const box = document.querySelector("#text textarea");
    if (!box) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.focus();
  };

  const chart = () => {
    const counts = new Map();
    for (const { label } of entries) counts.set(label, (counts.get(label) ?? 0) + 1);
    const ranked = [...counts].sort(([, one], [, other]) => other - one);
    const bars = ranked.map(([label, count]) => {
      const bar = make("span", { className: "bar" });
      bar.style.inlineSize = `${(100 * count) / ranked[0][1]}%`;
      return make("li", {}, make("span", { className: "name", textContent: shownName(label) }),
        make("span", { className: "track" }, bar), make("span", { className: "count", textContent: count }));
    });
    return make("section", {}, make("h3", { textContent: say("history_chart", { count: entries.length }) }),
      make("ul", { className: "history-chart" }, ...bars));
  };

  const table = () => {
    const heads = ["time", "text", "label", "confidence"].map((name) =>
      make("th", { scope: "col", textContent: say(`history_${name}`) }));
    const body = entries.slice(0, rows).map(({ time, text, label, confidence }) => {
      const again = button(text, () => classifyAgain(text), "again");
      again.title = say("history_again");
      return make("tr", {},
        make("td", {}, make("time", { dateTime: time, textContent: moment.format(new Date(time)) })), make("td", {}, again),
        make("td", { textContent: shownName(label) }), make("td", { className: "number", textContent: percent.format(confidence) }));
    });
    const more = Math.min(ROWS, entries.length - rows);
    return make("section", {}, make("h3", { textContent: say("history_list") }),
      make("table", { className: "history-table" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body)),
      ...(more > 0 ? [button(say("history_more", { count: more }), () => { rows += ROWS; render(); })] : []));
  };

  const actions = () => {
    const row = make("div", { className: "history-actions" });
    if (asking) {
      const sure = say("history_sure", { count: entries.length });
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", sure);
      row.append(make("span", { textContent: sure }), button(say("history_yes"), clear, "history-button danger"),
        button(say("history_no"), () => ask(false)));
    } else {
      row.append(button(say("history_csv"), () => download("history.csv", "text/csv;charset=utf-8", asCsv())),
        button(say("history_json"), () => download("history.json", "application/json", JSON.stringify(entries, null, 2))),
        button(say("history_clear"), () => ask(true)));
    }
    return row;
  };
  const ask = (really) => {
    asking = really;
    render();
    frame.querySelector(".history-actions button:last-of-type").focus(); // where the button was that is gone
  };
  const clear = () => {
    clearTimeout(timer);
    resting = latest = undefined;
    entries = [];
    rows = ROWS;
    asking = false;
    save();
    render();
    status.textContent = say("history_cleared");
    status.focus();
  };

  const render = () => {
    if (!frame) return; // the tab was not opened yet
    const notes = [say("history_about"), ...(kept ? [] : [say("history_unkept")]), ...(entries.length ? [] : [say("history_empty")])];
    if (entries.length) status.textContent = "";
    frame.replaceChildren(...notes.map((note) => make("p", { textContent: note })),
      ...(entries.length ? [chart(), actions(), table()] : []));
  };
})();
