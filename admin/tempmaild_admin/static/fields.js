// What stands below a field belongs to it for screen readers, too; and where something is wrong, one begins there.
for (const [number, field] of document.querySelectorAll("main input[id], main select[id], main textarea[id]").entries()) {
  const notes = field.parentElement.querySelectorAll(":scope > .invalid-feedback, :scope > .form-text");
  if (!notes.length || field.hasAttribute("aria-describedby")) continue;
  for (const [place, note] of notes.entries()) note.id ||= `note-${number}-${place}`;
  field.setAttribute("aria-describedby", [...notes].map((note) => note.id).join(" "));
  if (field.classList.contains("is-invalid")) field.setAttribute("aria-invalid", "true");
}
document.querySelector("main .is-invalid")?.focus();
