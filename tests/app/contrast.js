// Visible texts whose contrast with what is behind them is below WCAG's AA (4.5 : 1; 3 : 1 where they are large).
() => {
  const parts = (colour) => (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((part, i) => part * a + below[i] * (1 - a));
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parts(getComputedStyle(at).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const seen = (element, style, place) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    place.width > 1 && place.height > 1 && parseFloat(style.fontSize) > 0 &&
    style.clipPath === "none" && !element.closest("script, style, :disabled, [aria-hidden=true]");
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), element = texts.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!text || !seen(element, style, element.getBoundingClientRect())) continue;
    const behind = ground(element), [a, b] = [light(over(parts(style.color), behind)), light(behind)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast >= (large ? 3 : 4.5)) continue;
    found.push(`${contrast.toFixed(2)}: ${text.slice(0, 40)} (${element.tagName}.${element.className})`);
  }
  return found;
}
