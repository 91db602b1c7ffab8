// An answer as HTML: its label in large letters, below it a bar for each probability, with its threshold if it has one.
window.bars = (answer) => {
  "use strict";
  if (!answer?.confidences) return "";
  const safe = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
  const language = document.documentElement.lang === "ru" ? "ru" : "en";
  const whole = new Intl.NumberFormat(language, { style: "percent" });
  const fine = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const place = (share) => `${(100 * Math.min(Math.max(share, 0), 1)).toFixed(2)}%`;
  const bar = ({ label, confidence, threshold, least, chosen }) => {
    const mark = least === undefined ? "" : `<span class="mark" style="inset-inline-start:${place(threshold)}"></span>`;
    const bound = least === undefined ? "" : ` <span class="least">${safe(least)}</span>`;
    const tick = chosen ? `<span aria-hidden="true">✓ </span><span class="unseen">${safe(chosen)}: </span>` : "";
    return `<li class="confidence-set${least !== undefined && !chosen ? " passed-over" : ""}">` +
      `<span class="name">${tick}${safe(label)}</span> ` +
      `<span class="share">${(least === undefined ? whole : fine).format(confidence)}${bound}</span>` +
      `<span class="track"><span class="bar" style="inline-size:${place(confidence)}"></span>${mark}</span></li>`;
  };
  return `<h2>${safe(answer.label)}</h2><ul class="shares">${answer.confidences.map(bar).join("")}</ul>`;
};
