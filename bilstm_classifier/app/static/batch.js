// On the file tab: a file past the limit is refused before it is sent. `texts` by language and `limit` in bytes come before.
const refuse = (event, files) => {
  const file = [...(files ?? [])].find((one) => one.size > limit);
  if (!file || !event.target.closest?.("#batch-file")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.type === "change") event.target.value = "";
  const text = (texts[document.documentElement.lang] ?? texts.en)
    .replace("{name}", () => file.name)
    .replace("{found}", Math.ceil(file.size / 1e6));
  const shown = document.createElement("li");
  shown.className = "bad";
  shown.textContent = text;
  props.value = `<ul class="notes" role="status">${shown.outerHTML}</ul>`;
};
document.addEventListener("change", (event) => refuse(event, event.target.files), true);
document.addEventListener("drop", (event) => refuse(event, event.dataTransfer?.files), true);
