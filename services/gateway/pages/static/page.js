"use strict";
// Keeps a page's live part as it is on the server: by the job's events where there are any, else by asking.

const QUIET_MS = 700; // events come in bursts: one request answers for all of them

function keepLive(part) {
  let waiting = null;
  let stopped = false;

  async function refresh() {
    waiting = null;
    const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : null;
    part.innerHTML = await answer.text();
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function soon() {
    if (waiting === null && !stopped) waiting = setTimeout(refresh, QUIET_MS);
  }

  if (part.dataset.events) {
    const source = new EventSource(part.dataset.events);
    const heard = (event) => {
      const ended = ["succeeded", "partially_succeeded", "failed", "cancelled"];
      if (!ended.includes(JSON.parse(event.data).state)) return soon();
      stopped = true;
      source.close();
      location.reload(); // the report is there now, or the reason why not
    };
    source.addEventListener("snapshot", heard);
    source.addEventListener("state", heard);
    source.addEventListener("progress", soon);
  }
  if (part.dataset.poll) {
    setInterval(() => {
      if (!stopped && document.visibilityState === "visible") soon();
    }, Number(part.dataset.poll));
  }
}

document.querySelectorAll("[data-live]").forEach(keepLive);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-post]");
  if (!button || !confirm(button.dataset.ask)) return;
  button.disabled = true;
  const answer = await fetch(button.dataset.post, { method: "POST" });
  if (!answer.ok) alert((await answer.json()).detail);
  location.reload();
});
