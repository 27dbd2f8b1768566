// The overview while it is open: every ten seconds each element with data-live is exchanged for what it is now.
// What is opened, focused or scrolled is outside of them, and stays.
const EVERY = 10000;
const place = document.querySelector("[data-refreshed]");
const warning = document.getElementById("not-refreshed");

async function refresh() {
  if (document.hidden) return;
  // One at a time: none comes after a later one.
  const signal = AbortSignal.timeout(EVERY);
  const response = await fetch(place.dataset.refreshed, { signal }).catch(() => null);
  // Whoever is signed out meanwhile is led to where one signs in.
  if (response?.redirected) location.reload();
  warning.hidden = Boolean(response?.ok);
  if (!response?.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of place.querySelectorAll("[data-live]")) {
    const element = fresh.getElementById(old.id);
    if (element && !element.isEqualNode(old)) old.replaceWith(element);
  }
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
