// Keeps an open page up to date. Without this script the page is the same, but for "Refresh".
// Nothing is replaced while somebody reads on: text selected, something focused or unfolded.
(() => {
  const every = 30000;
  const busy = () => {
    const main = document.getElementById("main");
    return document.hidden || !getSelection().isCollapsed || main.contains(document.activeElement) && main !== document.activeElement ||
      main.querySelector("details[open]") !== null;
  };
  const say = (text) => {
    const live = document.getElementById("live");
    if (live.textContent !== text) live.textContent = text; // the same again would be read out again
  };
  const refresh = async () => {
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (busy()) { say("Newer figures are there: refresh to see them."); return; }
      document.title = fresh.title;
      document.getElementById("main").replaceChildren(...fresh.getElementById("main").childNodes);
    } catch {
      say("The daemon does not answer: these figures are old. Is it running?");
    }
  };
  setInterval(() => { if (!document.hidden) refresh(); }, every);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
})();
