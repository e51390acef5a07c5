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
    const folded = new Map([...part.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    part.innerHTML = await answer.text();
    for (const [id, open] of folded) {
      const again = document.getElementById(id);
      if (again) again.open = open;
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function soon() {
    if (waiting === null && !stopped) waiting = setTimeout(refresh, QUIET_MS);
  }

  if (part.dataset.events) {
    const source = new EventSource(part.dataset.events);
    const heard = (event) => {
      const ended = ["succeeded", "partially_succeeded", "failed", "cancelled"];
      const state = JSON.parse(event.data).state;
      if (state === "paused" && part.dataset.state !== state) return location.reload();
      if (!ended.includes(state)) return soon();
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

function unfold() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details:not([open])");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
unfold();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-post]");
  if (!button || (button.dataset.ask && !confirm(button.dataset.ask))) return;
  button.disabled = true;
  const body = button.dataset.body;
  const headers = body ? { "Content-Type": "application/json" } : {};
  const answer = await fetch(button.dataset.post, { method: "POST", headers, body });
  const told = await answer.json();
  if (!answer.ok) alert(told.detail);
  else if (button.dataset.go) return location.assign(button.dataset.go + told.id);
  location.reload();
});
