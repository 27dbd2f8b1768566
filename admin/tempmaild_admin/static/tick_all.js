// A box that ticks all boxes of a name: <input type="checkbox" data-ticks="name" hidden>. It appears where it works.
for (const all of document.querySelectorAll("[data-ticks]")) {
  const boxes = [...document.getElementsByName(all.dataset.ticks)];
  const follow = () => {
    all.checked = boxes.every((box) => box.checked);
    all.indeterminate = !all.checked && boxes.some((box) => box.checked);
  };
  all.hidden = false;
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
  for (const box of boxes) box.addEventListener("change", follow);
  follow();
}
