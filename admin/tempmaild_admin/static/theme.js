// Before anything is painted: that scripts run, and the colours that the reader's system wants, unless the page says otherwise.
const root = document.documentElement;
root.classList.add("scripted");
if (!root.dataset.bsTheme) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { root.dataset.bsTheme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", follow);
  follow();
}
