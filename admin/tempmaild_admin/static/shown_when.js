// What is of use only while a field has a certain value: data-shown-when="field=value", at an input or around several.
// What is wrong with it is always to be seen.
for (const element of document.querySelectorAll("[data-shown-when]")) {
  const [name, value] = element.dataset.shownWhen.split("=");
  const field = document.getElementsByName(name)[0];
  const whole = element.matches("input, select, textarea") ? element.closest(".mb-3") ?? element : element;
  const follow = () => { whole.hidden = field.value !== value && !whole.querySelector(".is-invalid"); };
  field.addEventListener("change", follow);
  follow();
}
