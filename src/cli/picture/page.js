"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const chart = document.getElementById("chart"), tip = document.getElementById("tip"), cursor = document.getElementById("cursor");
  const bytes = (n) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (n >= 1024 && unit < 4) { n /= 1024; unit += 1; }
    return `${unit ? n.toFixed(1) : n} ${units[unit]}`;
  };
  const row = (stroke, name, size) => {
    const line = document.createElement("div"), left = document.createElement("span"), right = document.createElement("span");
    if (stroke) left.innerHTML = `<svg viewBox="0 0 18 8"><line class="line ${stroke}" x2="18" y1="4" y2="4"/></svg>`;
    left.append(name);
    right.textContent = size;
    line.append(left, right);
    return line;
  };
  const box = Object.fromEntries(Object.entries(cursor.dataset).map(([key, value]) => [key, Number(value)]));
  const hide = () => { tip.hidden = true; cursor.replaceChildren(); };
  const show = (event) => {
    const shape = chart.getBoundingClientRect(), scale = chart.viewBox.baseVal.width / shape.width;
    const share = ((event.clientX - shape.left) * scale - box.left) / (box.right - box.left);
    if (share < 0 || share > 1 || !data.at.length) return hide();
    const wanted = share * data.events;
    let at = data.at.findIndex((place) => place >= wanted);
    if (at < 0) at = data.at.length - 1;
    const x = box.left + (box.right - box.left) * data.at[at] / data.events;
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of [["x1", x], ["x2", x], ["y1", box.top], ["y2", box.top + box.height]]) line.setAttribute(name, value);
    cursor.replaceChildren(line);
    const lines = data.lines.map((one) => [one.stroke, one.name, one.bytes[at]]).sort((a, b) => b[2] - a[2]);
    tip.replaceChildren(row("", `operation ${data.at[at].toLocaleString("en")}`, ""), ...lines.map(([stroke, name, n]) => row(stroke, name, bytes(n))),
      row("", "live", bytes(data.live[at])));
    tip.hidden = false;
    const place = x / scale, width = tip.offsetWidth;
    tip.style.left = `${place + width + 24 > shape.width ? Math.max(0, place - width - 12) : place + 12}px`;
  };
  chart.addEventListener("pointermove", show);
  chart.addEventListener("pointerleave", hide);
  document.querySelectorAll(".scores").forEach((table) => [...table.tHead.rows[0].cells].forEach((head, column) => {
    const body = table.tBodies[0];
    let down = true;
    head.addEventListener("click", () => {
      const key = (line) => line.cells[column].dataset.value, word = (line) => line.cells[column].textContent;
      const order = (a, b) => (key(a) === "") - (key(b) === "") || (key(a) === "" ? word(a).localeCompare(word(b)) : (key(b) - key(a)) * (down ? 1 : -1));
      body.replaceChildren(...[...body.rows].sort(order));
      down = !down;
    });
  }));
})();
