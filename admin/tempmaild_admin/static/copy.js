// Buttons that copy the text of another element: <button data-copies="id" data-done="Copied" hidden>.
// They appear where the browser can copy; elsewhere the text can be marked.
for (const button of navigator.clipboard ? document.querySelectorAll("[data-copies]") : []) {
  const text = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = text; }, 2000);
  });
}
