// The next runs of a schedule, while its times are being typed. Without this there is a button that shows them.
const form = document.querySelector("form[data-next-runs]");
const runs = document.getElementById("next-runs");
const problem = document.getElementById("next-problem");
let waiting = 0;
let asked = 0;

async function show() {
  const url = new URL(form.dataset.nextRuns, location.href);
  for (const name of ["trigger", "cron", "every"]) url.searchParams.set(name, form.elements[name].value);
  const mine = ++asked;
  const response = await fetch(url).catch(() => null);
  // What was asked for later may be answered sooner.
  if (mine !== asked || !response?.ok || response.redirected) return;
  const answer = await response.json();
  problem.textContent = answer.error;
  runs.replaceChildren(...answer.runs.map(({ text, away }) => {
    const item = document.createElement("li");
    item.textContent = `${text} (${away})`;
    return item;
  }));
}

for (const name of ["trigger", "cron", "every"]) {
  form.elements[name].addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 250);
  });
}
form.elements.preview.hidden = true;
