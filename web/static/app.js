// What JavaScript adds: liveness. Every page works without it.
"use strict";
(() => {
  const all = (sel, root = document) => root.querySelectorAll(sel);

  // Times in the reader's zone; what the server wrote, in UTC, stays in the title.
  const localTimes = (root) => {
    for (const t of all("time[datetime]:not([title])", root)) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      t.title = t.textContent;
      const pad = (n) => String(n).padStart(2, "0");
      const seconds = /:\d\d:\d\d/.test(t.textContent) ? ":" + pad(at.getSeconds()) : "";
      t.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}${seconds}`;
    }
  };

  // Copy buttons: <button data-copy="text" hidden>, or one is put behind an element with data-copy.
  const copyButtons = (root) => {
    for (const of of all("[data-copy]", root)) {
      const button = of.localName === "button" ? of : document.createElement("button");
      if (button === of ? !of.hidden : of.dataset.copy === "ready") continue;
      if (button !== of) {
        of.dataset.copy = "ready";
        Object.assign(button, { type: "button", className: "small ghost copy", textContent: "Copy" });
        (of.closest("pre") || of).after(button);
      }
      button.hidden = false;
      button.setAttribute("aria-live", "polite");
      button.addEventListener("click", async () => {
        const text = button === of ? of.dataset.copy : of.textContent.trim();
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch { // not allowed, or a page without TLS: the reader takes it from here
          if (button === of) button.textContent = text;
          getSelection().selectAllChildren(of);
        }
      });
    }
  };

  document.addEventListener("submit", (e) => {
    const question = (e.submitter && e.submitter.dataset.confirm) || e.target.dataset.confirm;
    if (question && !confirm(question)) e.preventDefault();
  });

  // Elements with data-live=NAME take the text of that name, progress bars the number.
  const show = (root, texts, numbers = {}) => {
    for (const el of all("[data-live]", root)) {
      const name = el.dataset.live;
      if (root === document && el.closest("[data-download]")) continue; // those are a download's own
      if (el.localName === "progress") el.value = numbers[name] ?? el.value;
      else if (name in texts && el.textContent !== texts[name]) el.textContent = texts[name];
    }
  };

  const unread = (n) => {
    for (const el of all('[data-live="unread"]')) {
      el.hidden = n === 0;
      const link = el.closest("a");
      if (link) link.setAttribute("aria-label", "Notifications" + (n ? `: ${n} new` : ""));
    }
  };

  const download = (d) => {
    for (const row of all(`[data-download="${d.infohash}"]`)) show(row, d.show, { done: d.done_ppm });
  };

  // One stream of events a page: closed while the page is hidden for long, opened again with growing pauses.
  const hiddenFor = 5 * 60e3, shortest = 1e3, longest = 60e3;
  const url = document.body.dataset.events;
  let stream, pause = shortest, again, hiding;

  const close = () => {
    clearTimeout(again);
    if (stream) stream.close();
    stream = null;
  };
  const open = () => {
    if (!url || stream || document.hidden) return;
    clearTimeout(again);
    stream = new EventSource(url);
    const on = (name, f) => stream.addEventListener(name, (e) => f(JSON.parse(e.data)));
    on("wallet", (w) => { pause = shortest; show(document, w.show); unread(w.unread); });
    on("download", download);
    on("gone", (infohash) => { for (const row of all(`[data-download="${infohash}"]`)) show(row, { state: "ended" }); });
    on("displaced", close); // a newer page took the place of this one
    stream.addEventListener("error", () => {
      close();
      again = setTimeout(open, pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, longest);
    });
  };

  // A part with data-quote=ADDRESS is taken from the page anew when what the address answers has changed, unless
  // somebody is at it.
  const quoteEvery = 30e3, quotes = new Map();
  const requote = async () => {
    for (const part of all("[data-quote]")) {
      if (document.hidden) return;
      const address = part.dataset.quote, answer = await fetch(address);
      if (!answer.ok) continue;
      const text = await answer.text(), was = quotes.get(address);
      if (was !== undefined && was !== text) {
        if (part.contains(document.activeElement)) continue;
        const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
        const fresh = [...all("[data-quote]", page)].find((f) => f.dataset.quote === address);
        if (!fresh) continue;
        part.replaceChildren(...fresh.childNodes);
        enhance(part);
      }
      quotes.set(address, text);
    }
  };
  const quoting = () => requote().catch(() => {}); // the next round tries again
  const enhance = (root) => { localTimes(root); copyButtons(root); };

  enhance(document);
  if (document.querySelector("[data-quote]")) {
    quoting();
    setInterval(quoting, quoteEvery);
  }
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, hiddenFor);
    else { open(); quoting(); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
